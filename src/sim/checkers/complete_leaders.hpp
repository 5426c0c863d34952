// I5: every leader of ballot b holds all entries committed under ballots below b (a later epoch is above
// every ballot of an earlier one). Judged at the leader's first record under b, by the oracle's count of
// commits.
#pragma once

#include <string>

#include "sim/checkers/durable_commits.hpp"
#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

class CompleteLeaders : public SeatFileReader {
 public:
  CompleteLeaders(Violations& violations, const DurableCommits& commits)
      : violations_(&violations), commits_(&commits) {}

  void on_leads(WorldTime now, NodeIndex node, const ShardId& shard, const SeatFile& seat) override {
    const auto& committed = commits_->of(shard);
    for (auto newest = committed.rbegin(); newest != committed.rend(); ++newest) {
      if (newest->epoch > seat.epoch) continue;
      if (newest->epoch == seat.epoch && newest->ballot >= seat.accepted) continue;
      const auto revision = newest->entry->revision;
      if (revision < seat.base) return;  // inside its snapshot, which DurableCommits compares
      const auto chain = seat.chain_at(revision);
      if (chain == newest->entry->chain) return;  // and so all before it
      violations_->add("I5", node_name(node), now,
                       "shard " + short_id(shard) + ": leads round " + std::to_string(seat.accepted.round) +
                           (chain ? " with another" : " without") + " revision " + std::to_string(revision) +
                           ", committed under round " + std::to_string(newest->ballot.round));
      return;
    }
  }

 private:
  Violations* violations_;
  const DurableCommits* commits_;
};

}  // namespace vswim::sim
