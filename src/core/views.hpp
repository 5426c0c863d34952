// The CLUSTER views, rendered from what Core has cached: pure functions of a Machine.
#pragma once

#include <string>
#include <vector>

#include "core/machine.hpp"

namespace vswim::core {

std::string node_line(const Machine& m, const NodeId& id, bool tls);  // one line of CLUSTER NODES, no newline
std::string cluster_nodes(const Machine& m, bool tls);
Reply cluster_slots(const Machine& m, const Caller& caller);
Reply cluster_shards(const Machine& m);
std::string cluster_info(const Machine& m, Instant now);

// Slots that route to this shard, as the routing table says.
SlotSet slots_of(const Machine& m, const ShardId& shard);
std::vector<NodeId> replicas_of(const Machine& m, const NodeId& primary);
std::uint64_t offset_of(const Machine& m, const NodeId& id);

}  // namespace vswim::core
