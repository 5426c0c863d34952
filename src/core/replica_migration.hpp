// Which replicas should go to which primaries that have lost all of theirs: a pure function of what is known
// of the cluster, so that everybody who knows the same comes to the same moves, and each replica sees whether
// one of them is its own.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/ids.hpp"

namespace vswim::core {

struct PlacedReplica {
  NodeId id;
  std::string zone;  // empty: not known
};
struct ShardReplicas {  // of a shard whose primary is known and not FAIL
  ShardId shard;
  std::string primary_zone;
  std::vector<PlacedReplica> good;  // neither FAIL nor loading
  bool orphaned = false;            // owns slots, had a replica, and has none that is not FAIL
};
struct ReplicaMove {
  NodeId replica;
  ShardId to;
  friend bool operator==(const ReplicaMove&, const ReplicaMove&) = default;
};

// Orphans in the order given take one replica each, of the shard that has most: it keeps at least one, and at
// least `barrier`. Among shards of equal number: one whose zone is not the orphan's primary's, so that the
// orphaned shard spans two; then one whose shard keeps as many zones as it has; then the lowest node id.
std::vector<ReplicaMove> plan_replica_moves(std::vector<ShardReplicas> shards, std::size_t barrier);

}  // namespace vswim::core
