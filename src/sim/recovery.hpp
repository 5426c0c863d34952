// The liveness half of a run (invariant I17 and what users expect beyond it). First a majority of every shard
// is healed, and only that: some nodes stay dead or cut off, links that no shard needs stay broken. Each
// shard must have a leader within 10 T, every proposal an answer, every shard a serving primary. Then
// everything is healed and repaired, and nothing may be left behind.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "sim/formation.hpp"
#include "sim/operator.hpp"
#include "sim/workload.hpp"

namespace vswim::sim {

class Recovery {
 public:
  // Runs the world for so long; false when it spins (and said so).
  using Pass = std::function<bool(Duration)>;

  Recovery(Cluster& cluster, const Formed& formed, Workload& workload, Operator& administrator, Rng rng,
           Pass pass);
  void check();

 private:
  using Nodes = std::set<NodeIndex>;

  void heal_majority();
  void check_majority();
  void heal_all();
  void check_all();

  Nodes choose_healthy();
  std::set<ShardId> without_majority(const Nodes& nodes);
  bool holds_data(const Nodes& nodes, const ShardId& shard);
  bool data_in(const Nodes& nodes);
  std::set<std::pair<NodeIndex, NodeIndex>> links_needed(const Nodes& nodes);
  void leave_broken(NodeIndex node);
  std::optional<NodeIndex> leader_of(const ShardId& shard);
  std::string unwell();
  bool gossip_agrees();
  bool slots_disjoint();
  std::string left_keys();

  void pass_for(Duration duration);
  bool wait(const std::function<bool()>& condition, Duration limit);
  void demand(const char* invariant, const std::function<bool()>& condition, Duration limit,
              const std::function<std::string()>& reason);
  std::string voters_text(const shard_log::Configuration& configuration);
  std::string describe_shard(const ShardId& shard);

  Cluster* cluster_;
  const Formed* formed_;
  Workload* workload_;
  Operator* operator_;
  Rng rng_;
  Pass pass_;
  Nodes healthy_;
};

}  // namespace vswim::sim
