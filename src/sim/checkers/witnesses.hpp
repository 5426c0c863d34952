// I13: a witness never leads.
#pragma once

#include <string>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class Witnesses {
 public:
  explicit Witnesses(Violations& violations) : violations_(&violations) {}

  void on_seat(WorldTime now, const SeatSeen& seat) {
    if (!seat.status.leading) return;
    for (const auto& voter : seat.status.configuration.voters) {
      if (voter.node != seat.id || voter.role != shard_log::Role::witness) continue;
      violations_->add("I13", node_name(seat.node), now,
                       "shard " + short_id(seat.shard) + " is led by a witness");
    }
  }

 private:
  Violations* violations_;
};

}  // namespace vswim::sim
