// I11: leader leases are disjoint, across epochs too: while one node's D (rule L2) runs, no other node of
// that shard has a running D.
#pragma once

#include <map>
#include <string>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class LeaderLeases {
 public:
  explicit LeaderLeases(Violations& violations) : violations_(&violations) {}

  void on_seat(WorldTime now, const SeatSeen& seat) {
    auto& running = until_[seat.shard];
    if (!seat.status.leading || seat.deadline <= now) {
      running.erase(seat.node);
      return;
    }
    running[seat.node] = seat.deadline;
    for (const auto& [other, until] : running) {
      if (other == seat.node || until <= now) continue;
      violations_->add("I11", node_name(seat.node), now,
                       "shard " + short_id(seat.shard) + ": D runs for " +
                           std::to_string((seat.deadline - now).ms()) + " ms while " + node_name(other) +
                           " has " + std::to_string((until - now).ms()) + " ms left");
    }
  }
  void on_crash(NodeIndex node) {
    for (auto& [shard, running] : until_) running.erase(node);
  }

 private:
  Violations* violations_;
  std::map<ShardId, std::map<NodeIndex, WorldTime>> until_;
};

}  // namespace vswim::sim
