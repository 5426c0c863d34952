// I9: when a revision is acknowledged or called settled, every member of the shard with a live lease shows
// it.
#pragma once

#include <cstdint>
#include <string>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class Acknowledged {
 public:
  explicit Acknowledged(Violations& violations) : violations_(&violations) {}

  void on_settled(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                  const CoresSeen& all) {
    for (const auto& core : all) {
      if (core.shard != shard || !core.leased(now) || core.shown >= revision) continue;
      violations_->add("I9", node_name(at), now,
                       "shard " + short_id(shard) + " settled " + std::to_string(revision) + " while " +
                           node_name(core.node) + " is leased for " +
                           std::to_string((core.lease_until - now).ms()) + " ms and shows " +
                           std::to_string(core.shown));
    }
  }

 private:
  Violations* violations_;
};

}  // namespace vswim::sim
