// I12: no commit in an epoch after its seal, and nothing of the next epoch is written before its Seal is
// committed. By the oracle's count of commits.
#pragma once

#include <map>
#include <string>

#include "sim/checkers/durable_commits.hpp"

namespace vswim::sim {

class SealedEpochs : public CommitReader, public SeatFileReader {
 public:
  explicit SealedEpochs(Violations& violations) : violations_(&violations) {}

  void on_committed(WorldTime now, NodeIndex node, const ShardId& shard, const Committed& made) override {
    judge(now, node, shard, made.epoch, made.entry->revision);
    if (made.entry->seal)
      shards_[shard].seals[made.entry->seal->epoch] = {made.entry->revision, *made.entry->seal};
  }
  void on_committed_again(WorldTime now, NodeIndex node, const ShardId& shard, Epoch epoch,
                          shard_log::Revision revision) override {
    judge(now, node, shard, epoch, revision);
  }
  void on_configuration(WorldTime now, NodeIndex node, const ShardId& shard,
                        const shard_log::Configuration& configuration) override {
    if (configuration.epoch.value <= 1) return;
    const auto& seals = shards_[shard].seals;
    const auto seal = seals.find(configuration.epoch);
    if (seal != seals.end() && seal->second.next == configuration) return;
    violations_->add("I12", node_name(node), now,
                     "epoch " + std::to_string(configuration.epoch.value) + " of shard " + short_id(shard) +
                         " is installed, its Seal is not committed");
  }

 private:
  struct Seal {
    shard_log::Revision revision = 0;
    shard_log::Configuration next;
  };
  struct Shard {
    std::map<Epoch, Seal> seals;  // by the epoch that they begin
  };
  void judge(WorldTime now, NodeIndex node, const ShardId& shard, Epoch epoch, shard_log::Revision revision) {
    const auto& seals = shards_[shard].seals;
    const auto seal = seals.find(epoch.next());
    if (seal == seals.end() || revision <= seal->second.revision) return;
    violations_->add("I12", node_name(node), now,
                     "shard " + short_id(shard) + " revision " + std::to_string(revision) +
                         " is committed in epoch " + std::to_string(epoch.value) + ", sealed at " +
                         std::to_string(seal->second.revision));
  }

  Violations* violations_;
  std::map<ShardId, Shard> shards_;
};

}  // namespace vswim::sim
