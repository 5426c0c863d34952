// I1: a promised ballot never falls on disk. A file replays to the highest promise in it, so within one file
// a promise cannot fall; a new file that replaces it can lack one. Fed with what nodes hand to their disks.
#pragma once

#include <string>

#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

class Promises : public SeatFileReader {
 public:
  explicit Promises(Violations& violations) : violations_(&violations) {}

  void on_rewritten(WorldTime now, NodeIndex node, const ShardId& shard, const SeatFile& before,
                    const SeatFile& after) override {
    if (after.promised >= before.promised) return;
    violations_->add("I1", node_name(node), now,
                     "shard " + short_id(shard) + ": promised round fell from " +
                         std::to_string(before.promised.round) + " to " +
                         std::to_string(after.promised.round));
  }

 private:
  Violations* violations_;
};

}  // namespace vswim::sim
