// I4, by the oracle's own count: a revision is committed when a majority of the epoch's voters has it durable
// under one ballot. What was once committed never changes, and nobody calls committed what is not. The seats'
// own word counts for nothing here. Fed with durable facts (seat_files.hpp) and with what seats call
// committed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

struct Committed {
  EntryPointer entry;
  Epoch epoch;               // in which, and
  shard_log::Ballot ballot;  // under which it was first durable at a majority
};

class CommitReader {
 public:
  virtual ~CommitReader() = default;
  virtual void on_committed(WorldTime, NodeIndex, const ShardId&, const Committed&) {}  // in revision order
  // A majority of `epoch` has it durable once more, under a later ballot.
  virtual void on_committed_again(WorldTime, NodeIndex, const ShardId&, Epoch, shard_log::Revision) {}
};

class DurableCommits : public SeatFileReader {
 public:
  explicit DurableCommits(Violations& violations) : violations_(&violations) {}

  void tell(CommitReader& reader) { readers_.push_back(&reader); }
  void on_configuration(WorldTime now, NodeIndex node, const ShardId& shard,
                        const shard_log::Configuration& configuration) override;
  void on_accepted(WorldTime now, NodeIndex node, const Accepted& accepted) override;
  void on_written(WorldTime now, NodeIndex node, const ShardId& shard, const SeatFile& seat,
                  const std::vector<EntryPointer>& entries) override;
  // A seat calls everything up to `revision` committed.
  void on_claim(WorldTime now, NodeIndex node, const ShardId& shard, shard_log::Revision revision);

  const std::vector<Committed>& of(const ShardId& shard) const;  // revision 1 first, without gaps

 private:
  using Rank = std::pair<Epoch, shard_log::Ballot>;
  struct Log {  // what voters have accepted under one ballot: one log, by I2 and I3
    std::map<VoterUuid, shard_log::Revision> reached;
    std::map<shard_log::Revision, EntryPointer> entries;
    shard_log::Revision committed = 0;
  };
  struct Shard {
    std::vector<Committed> committed;
    std::map<Rank, Log> logs;
    std::map<Epoch, shard_log::Configuration> configurations;
  };
  void commit(WorldTime now, NodeIndex node, const ShardId& id, Shard& shard, const Rank& rank, Log& log,
              shard_log::Revision upto);
  void changed(WorldTime now, NodeIndex node, const ShardId& id, shard_log::Revision revision,
               const std::string& how);

  Violations* violations_;
  std::vector<CommitReader*> readers_;
  std::map<ShardId, Shard> shards_;
};

}  // namespace vswim::sim
