// I4, I6, I7: a committed revision never changes or vanishes, revisions are dense, and a batch committed only
// where its expectations matched. Fed with what Cores were shown, by any node, in any order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class Commits {
 public:
  explicit Commits(Violations& violations) : violations_(&violations) {}

  void on_shown(WorldTime now, NodeIndex at, const ShardId& shard, const contract::ShardLogUpdated& update);
  void on_namespace(NodeIndex at) { shown_.erase(at); }  // restart or reset: what follows starts anew
  // A completion said that this batch is committed as that revision.
  void on_acknowledged(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                       const contract::Batch& batch);
  // At the end, against the registers that a live seat holds.
  void check_final(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t committed,
                   const std::vector<contract::Register>& registers);
  std::uint64_t revisions() const;

 private:
  using Values = std::map<std::string, std::optional<std::string>>;
  struct History {
    std::map<std::uint64_t, Values> batches;  // every revision shown one by one or acknowledged
    std::map<std::pair<std::string, std::uint64_t>, std::optional<std::string>> registers;
    std::map<std::string, std::uint64_t>
        newest;  // newest revision at which a key is known to have been written
  };

  void note(WorldTime now, NodeIndex at, const ShardId& shard, History& history, std::uint64_t revision,
            const std::string& key, const std::optional<std::string>& value);
  void compare(WorldTime now, NodeIndex at, const ShardId& shard, History& history, std::uint64_t revision,
               const Values& values);
  void check_whole(WorldTime now, NodeIndex at, const ShardId& shard, std::uint64_t revision,
                   const std::vector<contract::Register>& registers);

  Violations* violations_;
  std::map<ShardId, History> histories_;
  std::map<NodeIndex, std::uint64_t> shown_;
};

}  // namespace vswim::sim
