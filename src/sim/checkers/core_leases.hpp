// I16, its first half: Core's lease never exceeds the deadline that its provider gave (rule L6: a deadline,
// never a duration that a queue could make longer), and survives neither a gap between two readings of the
// clock in the loop longer than T/4, nor a Core that has been silent for the stall limit (rule L8). Fed with
// every turn of the node's loop, what leaves the provider, what Core was handed, and what its routing says.
// On the node's own clock: these bounds hold without any drift term. The other half of I16 is
// failed_peers.hpp.
#pragma once

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "base/overloaded.hpp"
#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class CoreLeases {
 public:
  explicit CoreLeases(Violations& violations) : violations_(&violations) {}

  void on_start(NodeIndex node, Instant reading) {
    auto& seen = at(node);
    seen = {};
    seen.reading = seen.pulse = reading;
  }
  // A turn of the loop begins; what the gap takes away must be gone when it ends.
  void on_turn(NodeIndex node, Instant reading, Duration ttl) {
    auto& seen = at(node);
    seen.gap = reading - seen.reading;
    seen.owes_loss = seen.gap > ttl / 4 && seen.given > reading && seen.used > reading;
    seen.reading = reading;
  }
  void on_turn_ended(WorldTime now, NodeIndex node) {
    auto& seen = at(node);
    if (!seen.owes_loss) return;
    seen.owes_loss = false;
    violations_->add(
        "I16", node_name(node), now,
        "a lease survives a gap of " + std::to_string(seen.gap.ms()) + " ms in the node's clock");
  }
  // Core's main thread was heard by the loop.
  void on_core_alive(NodeIndex node) { at(node).pulse = at(node).reading; }

  // An event leaves the provider in this turn.
  void on_event(WorldTime now, NodeIndex node, const contract::Event& event, Duration ttl) {
    auto& seen = at(node);
    std::visit(Overloaded{
                   [&](const contract::Heartbeat& heartbeat) { renewed(now, node, seen, heartbeat, ttl); },
                   [&](const contract::ClusterDown&) { lost(seen); },
                   [&](const contract::Reset& reset) {
                     if (reset.which != contract::Namespace::shard) return;
                     lost(seen);  // another shard's lease begins with a life of its own
                     seen.pulse = seen.reading;
                   },
                   [](const auto&) {},
               },
               event);
  }
  // The same event, as it was when it left, has reached Core.
  void on_handed(NodeIndex node, const contract::Event& event) {
    auto& seen = at(node);
    std::visit(Overloaded{
                   [&](const contract::Heartbeat& heartbeat) {
                     seen.handed = std::max(seen.handed, heartbeat.deadline);
                   },
                   [&](const contract::ClusterDown&) { seen.handed = Instant::long_ago(); },
                   [](const auto&) {},
               },
               event);
  }
  void on_core(WorldTime now, NodeIndex node, Instant lease_until) {
    auto& seen = at(node);
    seen.used = lease_until;
    if (lease_until <= seen.handed || lease_until <= Instant{}) return;
    violations_->add("I16", node_name(node), now, "Core's lease outlives the deadline that it was given");
  }

 private:
  static constexpr Duration core_stall_limit = seconds(10);
  struct Seen {
    Instant reading;                       // of this turn
    Instant pulse;                         // when the loop last heard Core
    Instant given = Instant::long_ago();   // newest deadline that left the provider and was not taken back
    Instant handed = Instant::long_ago();  // the same, as far as Core has heard
    Instant used = Instant::long_ago();    // what Core's routing says
    Duration gap;
    bool owes_loss = false;
  };
  static void lost(Seen& seen) {
    seen.given = Instant::long_ago();
    seen.owes_loss = false;
  }
  void renewed(WorldTime now, NodeIndex node, Seen& seen, const contract::Heartbeat& heartbeat,
               Duration ttl) {
    // Asked for while Core counted as alive, a lease runs for T at most.
    if (heartbeat.deadline > seen.pulse + core_stall_limit + ttl) {
      violations_->add("I16", node_name(node), now,
                       "a lease is renewed although Core has been silent for " +
                           std::to_string((seen.reading - seen.pulse).ms()) + " ms");
    }
    seen.given = std::max(seen.given, heartbeat.deadline);
  }
  Seen& at(NodeIndex node) {
    if (seen_.size() <= node) seen_.resize(node + 1);
    return seen_[node];
  }

  Violations* violations_;
  std::vector<Seen> seen_;
};

}  // namespace vswim::sim
