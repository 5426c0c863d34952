// Forming a cluster with the commands that users send: ADDSLOTSRANGE, MEET, REPLICATE through Core, then
// waiting until every shard serves, every replica follows and every shard of two has its witness.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/cluster.hpp"

namespace vswim::sim {

struct Shape {
  std::vector<std::uint32_t> data_nodes;  // per shard, the primary included
  std::uint32_t arbiters = 0;             // empty nodes that only lend votes
};

struct Formed {
  bool ok = false;
  std::string stage;                           // where it stopped, when not ok
  std::vector<std::vector<NodeIndex>> shards;  // node indices, the first primary first
  std::vector<ShardId> ids;
  std::vector<NodeIndex> arbiters;
  std::size_t machines = 0;
};

Formed form(Cluster& cluster, const Shape& shape);

// Every shard has a serving primary, and every other data node of it is a replica with a live link.
bool all_serve(Cluster& cluster, const Formed& formed);
bool replicas_follow(Cluster& cluster, const Formed& formed);

}  // namespace vswim::sim
