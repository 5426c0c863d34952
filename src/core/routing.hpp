// Builds the table that the hot path reads from membership, metadata and the own shard's log.
#pragma once

#include <map>

#include "core/cluster_view.hpp"
#include "core/core.hpp"
#include "core/log_view.hpp"
#include "core/routing_table.hpp"

namespace vswim::core {

struct RoutingFacts {
  bool primary_here = false;
  bool replica_here = false;
  bool named_elsewhere = false;
  SlotSet withheld;  // own slots that are about to be given up (claims that yield after a join): not served
  std::map<ShardId, SlotSet> handed;  // own slots given to another shard a moment ago
};

// Leaves lease_until and lapses alone. Among publishers with members the highest (claim, shard id) owns a
// slot; a slot that this node serves by its own settled log stays its own until that log says otherwise.
void build_routing(RoutingTable& table, const ClusterView& view, const LogView& log, const Settings& settings,
                   const RoutingFacts& facts);

}  // namespace vswim::core
