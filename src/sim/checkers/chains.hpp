// I3: the same (revision, ballot) means the same hash chain, on every node. Fed with the entries that nodes
// hand to their disks.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

class Chains : public SeatFileReader {
 public:
  explicit Chains(Violations& violations) : violations_(&violations) {}

  void on_written(WorldTime now, NodeIndex node, const ShardId& shard, const SeatFile&,
                  const std::vector<EntryPointer>& entries) override {
    if (entries.empty()) return;
    auto& known = chains_[shard];
    for (const auto& entry : entries) {
      const auto [at, first] =
          known.try_emplace({entry->revision, entry->ballot}, std::pair{node, entry->chain});
      if (first || at->second.second == entry->chain) continue;
      violations_->add("I3", node_name(node), now,
                       "shard " + short_id(shard) + " revision " + std::to_string(entry->revision) +
                           " round " + std::to_string(entry->ballot.round) + ": another chain than " +
                           node_name(at->second.first));
    }
  }

 private:
  Violations* violations_;
  std::map<ShardId,
           std::map<std::pair<shard_log::Revision, shard_log::Ballot>, std::pair<NodeIndex, Hash128>>>
      chains_;
};

}  // namespace vswim::sim
