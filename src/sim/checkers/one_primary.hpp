// I10: at most one OK primary per shard at any instant of the oracle. A claim to serve begins only when a
// main thread has worked, and ends by itself, so looking at the node that worked is looking at every instant.
#pragma once

#include <string>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class OnePrimary {
 public:
  explicit OnePrimary(Violations& violations) : violations_(&violations) {}

  void on_core(WorldTime now, const CoreSeen& core, const CoresSeen& all) {
    if (!core.serves(now)) return;
    for (const auto& other : all) {
      if (other.node == core.node || other.shard != core.shard || !other.serves(now)) continue;
      violations_->add("I10", node_name(core.node), now,
                       "shard " + short_id(core.shard) + " revision " + std::to_string(core.shown) +
                           ": serves for " + std::to_string((core.lease_until - now).ms()) + " ms while " +
                           node_name(other.node) + " (revision " + std::to_string(other.shown) +
                           ") serves for " + std::to_string((other.lease_until - now).ms()) + " ms");
    }
  }

 private:
  Violations* violations_;
};

}  // namespace vswim::sim
