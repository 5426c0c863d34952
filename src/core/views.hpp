// The CLUSTER views, rendered from what Core has cached: pure functions of a Machine.
#pragma once

#include <string>
#include <vector>

#include "core/machine.hpp"

namespace vswim::core {

std::string node_line(const Machine& m, const NodeId& id,
                      const Caller& caller);  // one line of CLUSTER NODES, no newline
std::string cluster_nodes(const Machine& m, const Caller& caller);
Reply cluster_slots(const Machine& m, const Caller& caller);
Reply cluster_shards(const Machine& m, const Caller& caller);
Reply cluster_links(const Machine& m);
Reply cluster_slot_stats(const Machine& m, const std::vector<std::string>& arguments);
std::string cluster_info(const Machine& m, Instant now);

// The server this runs in: what a reply holds differs between releases.
bool server_at_least(const Machine& m, int major, int minor);
// Slots that route to this shard, as the routing table says.
SlotSet slots_of(const Machine& m, const ShardId& shard);
std::vector<NodeId> replicas_of(const Machine& m, const NodeId& primary);
std::uint64_t offset_of(const Machine& m, const NodeId& id);

}  // namespace vswim::core
