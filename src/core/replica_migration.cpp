#include "core/replica_migration.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace vswim::core {

namespace {

std::size_t zones_of(const ShardReplicas& shard, const NodeId& without) {
  std::set<std::string> zones = {shard.primary_zone};
  for (const auto& replica : shard.good) {
    if (replica.id != without) zones.insert(replica.zone);
  }
  zones.erase("");
  return zones.size();
}

struct Candidate {
  ShardReplicas* donor = nullptr;
  PlacedReplica replica;
  bool same_zone = false;   // as the orphan's primary, or not known to be another
  bool loses_zone = false;  // the donor does
  auto order() const { return std::tie(same_zone, loses_zone, replica.id); }
};

std::optional<Candidate> best_for(const ShardReplicas& orphan, std::vector<ShardReplicas>& shards,
                                  std::size_t least) {
  std::size_t most = 0;
  for (const auto& shard : shards) most = std::max(most, shard.good.size());
  if (most < least) return std::nullopt;
  std::optional<Candidate> best;
  for (auto& shard : shards) {
    if (shard.good.size() != most) continue;
    for (const auto& replica : shard.good) {
      const bool other =
          !replica.zone.empty() && !orphan.primary_zone.empty() && replica.zone != orphan.primary_zone;
      const Candidate candidate{&shard, replica, !other, zones_of(shard, replica.id) < zones_of(shard, {})};
      if (!best || candidate.order() < best->order()) best = candidate;
    }
  }
  return best;
}

}  // namespace

std::vector<ReplicaMove> plan_replica_moves(std::vector<ShardReplicas> shards, std::size_t barrier) {
  const auto least = std::max<std::size_t>(barrier, 1) + 1;
  std::vector<ReplicaMove> moves;
  for (const auto& orphan : shards) {
    if (!orphan.orphaned) continue;
    const auto best = best_for(orphan, shards, least);
    if (!best) break;
    moves.push_back({best->replica.id, orphan.shard});
    std::erase_if(best->donor->good, [&](const auto& replica) { return replica.id == best->replica.id; });
  }
  return moves;
}

}  // namespace vswim::core
