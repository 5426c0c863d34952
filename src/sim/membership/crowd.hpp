// All nodes of a run, their time, their network and their judge. One seed, one history.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/membership/judge.hpp"
#include "sim/membership/node.hpp"
#include "sim/membership/paths.hpp"
#include "sim/membership/plan.hpp"
#include "sim/membership/timeline.hpp"

namespace vswim::sim::membership {

struct Sent {
  std::uint64_t packets = 0, bytes = 0;  // datagrams, UDP payload
  std::uint64_t stream_bytes = 0;
};

class Crowd {
 public:
  explicit Crowd(const Plan& plan);

  Instant now() const { return timeline_.now(); }
  Rng& rng() { return rng_; }
  std::uint32_t size() const { return plan_.nodes; }
  Judge& judge() { return judge_; }
  Paths& paths() { return paths_; }
  std::uint64_t events() const { return timeline_.executed(); }

  void run_until(Instant limit);
  bool run_until_true(Instant limit, const std::function<bool()>& done);
  void at(Instant when, std::function<void()> step);

  // ---- starting
  void start_formed();  // everybody knows everybody
  void start_cold();    // everybody knows three seeds
  bool is_formed() const { return complete_ == plan_.nodes; }
  void judge_from_now();  // what is believed from here on counts
  void form_shards();     // pairs of a primary (even) and a replica, with a witness of another pair
  bool shards_are_whole() const;

  // ---- faults
  void kill(std::uint32_t node);
  void stop(std::uint32_t node, bool gracefully);
  void start_again(std::uint32_t node);
  void pause(std::uint32_t node, Duration length);
  std::vector<std::uint32_t> some_nodes(std::uint32_t count);  // distinct, running

  // ---- measuring
  void reset_sent() { sent_.assign(plan_.nodes, {}); }
  const std::vector<Sent>& sent() const { return sent_; }
  void write_register(std::uint32_t node);
  bool everybody_heard() const { return unheard_ == 0; }

 private:
  struct Slot {
    std::unique_ptr<Node> node;
    swim::MemberUpdate identity;
    std::vector<swim::MemberUpdate> file;  // members as of the last stop
    Instant armed_at = Instant::never();
    Instant paused_until{};
    bool complete = false;  // has known everybody once
    bool heard = false;     // of the register
  };

  void create(std::uint32_t node);
  void settle(std::uint32_t node);  // takes what the node puts out, arms its timer
  void handle(const Event& event);
  void post(Parcel&& parcel);
  void look(std::uint32_t node, const std::vector<NodeId>& changed);
  bool is_up(std::uint32_t node) const { return slots_[node].node != nullptr; }

  Plan plan_;
  Rng rng_;
  ClusterId cluster_;
  swim::Settings settings_;
  Timeline timeline_;
  Paths paths_;
  Judge judge_;
  std::vector<Slot> slots_;
  std::unordered_map<NodeId, std::uint32_t> numbers_;
  std::vector<Parcel> parcels_;
  std::vector<std::uint32_t> free_parcels_;
  std::vector<std::function<void()>> script_;
  std::vector<Sent> sent_;
  std::uint32_t complete_ = 0;
  std::uint32_t unheard_ = 0;  // running nodes that lack the register
  bool judging_ = false;
};

}  // namespace vswim::sim::membership
