// I1 and I3, read from what nodes hand to their disks: a promised ballot never falls, and equal (revision,
// ballot) means an equal hash chain, on every node. It also learns which shard a voter uuid belongs to.
#pragma once

#include <map>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/hash.hpp"
#include "shard_log/records.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class DurableSeats {
 public:
  explicit DurableSeats(Violations& violations) : violations_(&violations) {}

  void on_write(WorldTime now, NodeIndex node, bool rewrite, std::string_view bytes);
  // What a restarted node reads: promises that never became durable are not held against it.
  void on_restart(WorldTime now, NodeIndex node, std::string_view file);
  std::optional<ShardId> shard_of(const shard_log::Configuration& configuration) const;

 private:
  using SeatKey = std::pair<NodeIndex, ShardId>;
  struct Held {
    VoterUuid uuid;
    shard_log::Ballot promised;
  };
  void on_record(WorldTime now, const SeatKey& key, const shard_log::Record& record);
  void promised(const SeatKey& key, const shard_log::Ballot& ballot);
  void entry(WorldTime now, const SeatKey& key, const shard_log::Entry& entry);

  Violations* violations_;
  std::map<SeatKey, Held> held_;
  std::map<VoterUuid, ShardId> shards_;
  std::map<std::tuple<ShardId, shard_log::Revision, shard_log::Ballot>, std::pair<NodeIndex, Hash128>>
      chains_;
};

}  // namespace vswim::sim
