// The oracle of one run: it sees every node in true time, hands what it sees to the checkers, counts coverage
// and folds everything that happens into one hash. It is told; it never touches the code under test.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/types.hpp"
#include "sim/checkers/acknowledged.hpp"
#include "sim/checkers/answers.hpp"
#include "sim/checkers/commits.hpp"
#include "sim/checkers/coverage.hpp"
#include "sim/checkers/durable_seats.hpp"
#include "sim/checkers/failed_peers.hpp"
#include "sim/checkers/leader_leases.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/one_leader.hpp"
#include "sim/checkers/one_primary.hpp"
#include "sim/checkers/violations.hpp"
#include "sim/checkers/witnesses.hpp"
#include "sim/clock.hpp"

namespace vswim::sim {

class Oracle {
 public:
  Oracle();
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  // ---- told by nodes
  void on_start(WorldTime now, NodeIndex node, std::uint64_t life, std::string_view file);
  void on_crash(WorldTime now, NodeIndex node);
  void on_seats(WorldTime now, NodeIndex node, const NodeId& id, std::uint64_t life, const NodeClock& clock,
                std::vector<shard_log::Status> statuses);
  void on_disk_write(WorldTime now, NodeIndex node, bool rewrite, std::string_view bytes);
  // An event leaves the provider; `shard` is the provider's own at this moment.
  void on_provider_event(WorldTime now, NodeIndex node, const ShardId& shard, const contract::Event& event);
  // Core has worked; `core.shown` and `core.shard` are what it was told.
  void on_core(WorldTime now, const CoreSeen& core);
  void on_namespace_shown(NodeIndex node);
  void mix(std::uint64_t value);

  Violations violations;
  Coverage coverage;
  Commits commits{violations};
  Answers answers{violations};

  const CoresSeen& cores() const { return cores_; }
  std::uint64_t hash() const { return hash_; }

 private:
  struct ConfigurationSeen {
    std::uint64_t epoch = 0;
    std::set<NodeId> witnesses, members;
  };
  void count_configuration(const ShardId& shard, const shard_log::Configuration& configuration);

  OneLeader one_leader_{violations};
  LeaderLeases leader_leases_{violations};
  OnePrimary one_primary_{violations};
  Witnesses witnesses_{violations};
  Acknowledged acknowledged_{violations};
  FailedPeers failed_peers_{violations};
  DurableSeats durable_seats_{violations};
  CoresSeen cores_;
  std::map<ShardId, ConfigurationSeen> configurations_;
  std::map<ShardId, NodeId> primaries_;
  std::map<std::pair<NodeIndex, ShardId>, WorldTime> leads_until_;  // D of rule L2
  std::uint64_t hash_ = 0x9e3779b97f4a7c15ULL;
};

}  // namespace vswim::sim
