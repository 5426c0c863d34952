// I2: at most one leader per ballot. A ballot names its node, so a second leader is a seat that lost its
// memory or a leader that claims somebody else's ballot.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class OneLeader {
 public:
  explicit OneLeader(Violations& violations) : violations_(&violations) {}

  // `life`: a restarted node that leads in its old ballot has forgotten its promises.
  void on_seat(WorldTime now, const SeatSeen& seat, std::uint64_t life) {
    if (!seat.status.leading) return;
    const auto& ballot = seat.status.promised;
    const auto [known, first] = leaders_.try_emplace({seat.shard, ballot}, std::pair{seat.node, life});
    if (first || known->second == std::pair{seat.node, life}) return;
    violations_->add("I2", node_name(seat.node), now,
                     "shard " + short_id(seat.shard) + " round " + std::to_string(ballot.round) +
                         ": also led by " + node_name(known->second.first));
  }
  std::size_t ballots_led() const { return leaders_.size(); }

 private:
  Violations* violations_;
  std::map<std::pair<ShardId, shard_log::Ballot>, std::pair<NodeIndex, std::uint64_t>> leaders_;
};

}  // namespace vswim::sim
