// The history of every shard's log against what proposers were told (and I7 by a replay of its own). The
// total order is the revision. The oracle replays the entries that it knows to be committed
// (durable_commits.hpp) over registers of its own, and so knows of each whether its batch matched. Then:
//   ok       its batch matched at that revision; no other ok wrote over the same revision of the same key
//   stale    its batch is committed and did not match: somebody's write really intervened
//   failed   its batch never matches (checked whenever it would)
//   unknown  either, and like everybody's: later answers and reads agree with the replay
// Real time: what was proposed after another had been acknowledged has a higher revision. What Cores are
// shown of a revision is exactly what the replay wrote at it. Proposals are recognised by the unique value
// that each of them writes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "contract/types.hpp"
#include "sim/checkers/durable_commits.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class History : public CommitReader {
 public:
  explicit History(Violations& violations) : violations_(&violations) {}

  void on_committed(WorldTime now, NodeIndex node, const ShardId& shard, const Committed& made) override;
  void on_proposed(const std::string& unique_value, const ShardId& shard, const contract::Batch& batch);
  // `shard` is the one whose log answered.
  void on_completed(WorldTime now, NodeIndex node, const ShardId& shard, const std::string& unique_value,
                    contract::Outcome outcome, std::uint64_t revision);
  void on_shown(WorldTime now, NodeIndex node, const ShardId& shard, const contract::ShardLogUpdated& update);

 private:
  using Writes = std::map<std::string, std::optional<std::string>>;
  struct Placed {  // one committed revision, replayed
    bool matched = true;
    Writes writes;  // what it changed
  };
  struct Register {
    std::uint64_t revision = 0;
    std::optional<std::string> value;
  };
  struct Shard {
    std::vector<Placed> placed;  // revision 1 first
    std::map<std::string, Register> registers;
    std::uint64_t acknowledged = 0;  // the newest that a proposer was told of
    std::map<std::pair<std::string, std::uint64_t>, std::string> overwritten;  // by which ok
  };
  struct Proposal {
    ShardId shard;
    contract::Batch batch;
    std::uint64_t floor = 0;               // acknowledged before it was proposed
    std::optional<ShardId> placed_in;      // where it is committed, and
    std::vector<std::uint64_t> revisions;  // at which revisions
    std::optional<std::uint64_t> matched;
    bool refused = false;  // told stale or failed
  };
  static bool matches(const Shard& shard, const contract::Batch& batch);
  void judge_ok(WorldTime now, NodeIndex node, const ShardId& id, const std::string& value,
                const Proposal& proposal, std::uint64_t revision);
  void add(WorldTime now, NodeIndex node, const ShardId& id, const std::string& what);

  Violations* violations_;
  std::map<ShardId, Shard> shards_;
  std::map<std::string, Proposal> proposals_;
};

}  // namespace vswim::sim
