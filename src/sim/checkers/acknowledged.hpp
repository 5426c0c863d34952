// I9: when a revision is acknowledged or called settled, every member of the shard with a live lease shows
// it, and from then on none has a lease that shows less. Judged when something is settled, and when a Core
// has worked.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class Acknowledged {
 public:
  explicit Acknowledged(Violations& violations) : violations_(&violations) {}

  void on_settled(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                  const CoresSeen& all) {
    auto& newest = settled_[shard];
    newest = std::max(newest, revision);
    for (const auto& core : all) {
      if (core.shard != shard || !core.leased(now) || core.shown >= revision) continue;
      violations_->add("I9", node_name(at), now,
                       "shard " + short_id(shard) + " settled " + std::to_string(revision) + " while " +
                           node_name(core.node) + " is leased for " +
                           std::to_string((core.lease_until - now).ms()) + " ms and shows " +
                           std::to_string(core.shown));
    }
  }
  void on_core(WorldTime now, const CoreSeen& core) {
    if (!core.leased(now)) return;
    const auto newest = settled_.find(core.shard);
    if (newest == settled_.end() || core.shown >= newest->second) return;
    violations_->add("I9", node_name(core.node), now,
                     "holds a lease and shows " + std::to_string(core.shown) + ", while " +
                         std::to_string(newest->second) + " is settled in shard " + short_id(core.shard));
  }

 private:
  Violations* violations_;
  std::map<ShardId, std::uint64_t> settled_;
};

}  // namespace vswim::sim
