// The simulated network between hosts: datagrams are lost, delayed, duplicated, reordered and corrupted;
// streams keep their order, wait out short cuts as TCP does and fail after longer ones, sometimes although
// everything arrived. Who is reached is decided by address at the moment of arrival; cuts are one-way and
// between hosts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/address.hpp"
#include "base/rng.hpp"
#include "sim/scheduler.hpp"

namespace vswim::sim {

using NodeIndex = std::uint32_t;

struct Weather {  // of every link
  Duration delay_min = microseconds(50);
  Duration delay_max = microseconds(500);
  std::uint32_t loss_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  std::uint32_t straggler_ppm = 0;  // datagrams that arrive much later, behind many newer ones
  Duration straggler_delay_max = seconds(2);
  std::uint32_t corrupt_ppm = 0;
};

struct Parcel {
  NodeIndex sender = 0;
  Address from;
  Address to;
  bool stream = false;
  std::string bytes;
};

class Network {
 public:
  struct Receiver {
    std::function<void(NodeIndex to, const Parcel&)> deliver;
    std::function<void(NodeIndex sender, std::uint64_t sender_life, const Address& to)> stream_failed;
  };
  // Sees every parcel before cuts and weather do, and may keep it (false): what a scenario does to one
  // message.
  using Tap = std::function<bool(const Parcel&)>;
  struct Counts {
    std::uint64_t sent = 0, delivered = 0, lost = 0, duplicated = 0, corrupted = 0, streams_failed = 0;
  };

  Network(Scheduler& scheduler, Rng rng, Receiver receiver)
      : scheduler_(&scheduler), rng_(rng), receiver_(std::move(receiver)) {}

  void bind(const Address& address, NodeIndex node) { hosts_[address] = node; }
  void unbind(const Address& address) { hosts_.erase(address); }
  std::optional<NodeIndex> host_at(const Address& address) const;

  void set_tap(Tap tap) { tap_ = std::move(tap); }
  void send_datagram(Parcel parcel);
  void send_frame(Parcel parcel, std::uint64_t sender_life);
  // Anything else that travels between hosts (clients, the engines' replication): in order per pair, lost by
  // a cut.
  void carry(NodeIndex from, NodeIndex to, std::function<void()> arrival);

  void set_weather(const Weather& weather) { weather_ = weather; }
  const Weather& weather() const { return weather_; }
  void cut(NodeIndex from, NodeIndex to) { links_[{from, to}].cut = true; }
  void mend(NodeIndex from, NodeIndex to) { links_[{from, to}].cut = false; }
  void set_extra_loss(NodeIndex from, NodeIndex to, std::uint32_t loss_ppm) {
    links_[{from, to}].loss_ppm = loss_ppm;
  }
  // Everything sent on this link is held back and arrives, in one burst, when the clog bursts.
  void clog(NodeIndex from, NodeIndex to, WorldTime until) { links_[{from, to}].clogged_until = until; }
  void mend_all();
  bool is_cut(NodeIndex from, NodeIndex to) const;
  bool reaches(NodeIndex from, NodeIndex to) const;  // neither cut nor clogged
  const Counts& counts() const { return counts_; }

 private:
  struct Frame {
    Parcel parcel;
    std::uint64_t sender_life = 0;
    WorldTime sent;
  };
  struct Link {
    bool cut = false;
    std::uint32_t loss_ppm = 0;
    WorldTime clogged_until;
    WorldTime last_arrival;  // of carry()
  };
  using StreamKey = std::pair<NodeIndex, Address>;
  struct Stream {
    std::deque<Frame> frames;
  };

  Duration delay();
  void arrive(const Parcel& parcel);
  void pump(const StreamKey& key);
  void fail(const StreamKey& key);

  Scheduler* scheduler_;
  Rng rng_;
  Receiver receiver_;
  Tap tap_;
  Weather weather_;
  Counts counts_;
  std::map<Address, NodeIndex> hosts_;
  std::map<std::pair<NodeIndex, NodeIndex>, Link> links_;
  std::map<StreamKey, Stream> streams_;
};

}  // namespace vswim::sim
