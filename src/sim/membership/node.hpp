// One of ten thousand nodes: the shipped SWIM and gossip machines behind the shipped wire, with as much of
// the provider around them as membership needs (provider/inbound.cpp and outbound.cpp say why), and, with
// leases, its seats in shard logs. No Core, no disk, no view for Core: those cost what the cluster has
// members.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/gossip.hpp"
#include "provider/repair.hpp"
#include "provider/snapshot_budget.hpp"
#include "provider/swim_packet.hpp"
#include "shard_log/shard_log.hpp"
#include "swim/swim.hpp"

namespace vswim::sim::membership {

constexpr std::size_t datagram_bytes_max = 1'400;

struct Parcel {
  std::uint32_t from = 0, to = 0;
  bool stream = false;
  std::string bytes;
};

// A node's number in its address, so that no table is needed to deliver.
Address address_of(std::uint32_t node);
std::uint32_t node_at(const Address& address);

class Node {
 public:
  struct Output {
    std::vector<Parcel> parcels;
    std::vector<NodeId> changed;  // members whose record here is another now
    bool heard_register = false;  // metadata news arrived
    std::uint32_t writes = 0;     // answered in order by on_persisted
  };

  Node(std::uint32_t number, const ClusterId& cluster, const swim::Settings& settings,
       const swim::MemberUpdate& self, Instant now, Rng rng);

  void on_bytes(Instant now, const Address& from, std::string_view bytes);
  void on_timer(Instant now);
  Instant next_deadline() const;
  Output take_output(Instant now);

  // As from a state file: known members are hints.
  void knows(Instant now, const std::vector<swim::MemberUpdate>& members);
  void ask_for_news() { wants_news_ = true; }  // of the first that are heard, as after every start
  void write_register(Instant now, const std::string& key, const std::string& value);
  void leave(Instant now) { swim_.leave(now); }
  swim::Swim& swim() { return swim_; }
  const swim::Swim& swim() const { return swim_; }
  const gossip::Gossip& gossip() const { return gossip_; }

  // ---- shard logs
  void found_shard(Instant now, const ShardId& shard);
  void invite(Instant now, const ShardId& shard, const NodeId& replica, const VoterUuid& uuid,
              const NodeId& witness);
  VoterUuid await_invitation(Instant now, const ShardId& shard);
  void on_persisted(Instant now);
  bool shard_is_whole() const;  // its leader has three voters and everything is settled

 private:
  struct Write {
    ShardId shard;
    PersistSequence upto;
  };

  wire::Packet blank_packet(const Address& to) const;
  void transmit(const Address& to, const wire::Packet& packet, bool stream);
  void send_swim(const swim::Datagram& datagram);
  void send_control(const Address& to, wire::Control control);
  void on_packet(Instant now, const Address& from, wire::Packet& packet);
  void on_gossip(Instant now, const wire::Packet& packet);
  void on_control(Instant now, const Address& peer, const wire::Packet& packet);
  void on_repaired(const Address& peer, provider::Repaired&& repaired);
  void repair_with(const NodeId& node);
  provider::Holding holding() { return {contract::Scope::global, {}, gossip_, &swim_}; }
  void on_shard_log(Instant now, const NodeId& sender, const wire::ShardLogPart& part);
  void on_seat_message(Instant now, const NodeId& sender, const ShardId& shard,
                       const shard_log::Message& message);
  void gossip_round(Instant now);
  void drain_swim();
  void drain_gossip(Instant now);
  void drain_seats(Instant now);
  void drain_seat(Instant now, const ShardId& shard, shard_log::ShardLog& seat);
  void send_seat(const ShardId& shard, const std::vector<shard_log::Send>& sends);
  void on_seat_event(Instant now, const ShardId& shard, const shard_log::Event& event);
  void pulse(Instant now);
  shard_log::Seat seat_of(const ShardId& shard, const VoterUuid& uuid, bool has_core) const;

  std::uint32_t number_;
  ClusterId cluster_;
  Rng rng_;
  swim::Swim swim_;
  gossip::Gossip gossip_;
  bool wants_news_ = false;
  std::vector<NodeId> news_sources_;
  Instant next_gossip_ = Instant::never();
  Instant next_pulse_ = Instant::never();
  std::map<ShardId, shard_log::ShardLog> seats_;
  std::deque<Write> disk_;
  provider::SnapshotBudget snapshot_budget_;
  Output out_;
};

}  // namespace vswim::sim::membership
