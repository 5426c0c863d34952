// A provider of another kind than ours: everything in one store of this process, a log per shard that is
// linearizable because there is one copy of it, leases granted centrally. It keeps the contract (settled only
// when every lease holder has shown the revision), so that Core's tests say something about Core alone.
#pragma once

#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "cluster.hpp"
#include "contract/types.hpp"

namespace vswim::core::testing {

struct Delays {
  Duration message = milliseconds(2), gossip = milliseconds(10), commit = milliseconds(5);
  Duration lease = seconds(1), grant = milliseconds(125), fail_after_lease = milliseconds(100);
};

class CentralProvider {
 public:
  using Deliver = std::function<void(std::size_t node, const contract::Event&)>;
  CentralProvider(Rng rng, Deliver deliver) : rng_(rng), deliver_(std::move(deliver)) {}

  std::size_t add_node(Instant now, std::uint16_t bus_port);
  void start(Instant now, std::size_t node);  // also after a crash: replays everything to its Core
  void crash(Instant now, std::size_t node);
  void cut(Instant now, std::size_t node,
           bool cut);  // healed: what was missed is replayed, what was asked is unknown
  void submit(Instant now, std::size_t node, const contract::Operation& operation);
  void step(Instant now);
  Instant next_deadline() const;
  const NodeId& id(std::size_t node) const { return nodes_[node].id; }

 private:
  struct Node {
    NodeId id;
    ShardId shard;
    std::size_t cluster = 0;
    Address address;
    bool alive = false, cut = false;
    contract::Health health = contract::Health::ok;
    Instant lease_until = Instant::long_ago();
    bool released = false;
    std::uint64_t shown = 0;
    std::uint64_t life = 0;
    std::set<Ticket> open;  // every operation is completed exactly once
  };
  struct Commit {
    std::size_t proposer = 0;
    std::uint64_t life = 0;
    Ticket ticket;
    std::uint64_t revision = 0;
  };
  struct Shard {
    std::map<std::string, contract::Register> log, gossip;
    std::uint64_t revision = 0, settled = 0, number = 0;
    std::vector<Commit> waiting;
  };
  struct Event {
    Instant at;
    std::uint64_t order = 0;
    std::function<void(Instant)> run;
    bool operator<(const Event& other) const {  // earliest on top
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  void at(Instant when, std::function<void(Instant)> run);
  void tell(Instant when, std::size_t node, contract::Event event);
  void done(Instant now, std::size_t node, Ticket ticket, contract::Outcome outcome,
            const std::string& text = "");
  bool reachable(std::size_t node) const { return nodes_[node].alive && !nodes_[node].cut; }
  std::optional<std::size_t> find(const NodeId& id) const;
  std::set<std::size_t> members(const ShardId& shard) const;
  void push_membership(Instant now, std::size_t cluster);
  void grant(Instant now);
  void update_health(Instant now);
  void settle(Instant now);
  void replay_shard(Instant now, std::size_t node, bool reset);
  void replay_global(Instant now, std::size_t node, bool reset);
  void move_to_shard(Instant now, std::size_t node, const ShardId& shard);

  void on(Instant now, std::size_t node, const contract::JoinCluster& op);
  void on(Instant now, std::size_t node, const contract::JoinVerdict& op);
  void on(Instant now, std::size_t node, const contract::RemoveFromCluster& op);
  void on(Instant now, std::size_t node, const contract::JoinShard& op);
  void on(Instant now, std::size_t node, const contract::RemoveFromShard& op);
  void on(Instant now, std::size_t node, const contract::UpdateGossip& op);
  void on(Instant now, std::size_t node, const contract::UpdateShardLog& op);
  void on(Instant, std::size_t, const contract::StandFirst&) {}
  void on(Instant now, std::size_t node, const contract::Shown& op);
  void on(Instant, std::size_t, const contract::Pulse&) {}
  void on(Instant now, std::size_t node, const contract::ReleaseLease& op);
  void on(Instant now, std::size_t node, const contract::ResumeLease& op);
  void on(Instant now, std::size_t node, const contract::SendToCore& op);

  Rng rng_;
  Deliver deliver_;
  Delays delays_;
  std::vector<Node> nodes_;
  std::map<ShardId, Shard> shards_;
  std::map<std::size_t, std::map<std::string, contract::Register>> global_;  // by cluster
  std::map<Ticket, std::pair<std::size_t, std::size_t>> joins_;  // ticket -> joiner, target cluster
  std::priority_queue<Event> queue_;
  std::uint64_t order_ = 0, next_number_ = 0;
  std::size_t next_cluster_ = 0;
  Instant next_grant_{};
};

}  // namespace vswim::core::testing
