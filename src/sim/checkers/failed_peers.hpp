// I16, its second half: no shard peer is reported FAIL while its lease runs (rule L10). Judged at the moment
// of the report, for a peer of the reporter's own shard.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class FailedPeers {
 public:
  explicit FailedPeers(Violations& violations) : violations_(&violations) {}

  void on_membership(WorldTime now, NodeIndex at, const contract::MembershipChanged& view,
                     const CoresSeen& all, bool leads) {
    for (const auto& member : view.members) {
      auto& before = health_[{at, member.id}];
      const bool newly_failed = member.health == contract::Health::fail && before != contract::Health::fail;
      before = member.health;
      if (!newly_failed || member.shard != view.own_shard || member.id == view.self) continue;
      for (const auto& core : all) {
        if (core.id != member.id || core.shard != view.own_shard || !core.leased(now)) continue;
        if (!leads && now - core.leased_since < news_age_max) continue;
        violations_->add("I16", node_name(at), now,
                         std::string(leads ? "leads and " : "") + "reports " + node_name(core.node) +
                             " FAIL whose lease has run for " +
                             std::to_string((now - core.leased_since).ms()) + " ms and runs for " +
                             std::to_string((core.lease_until - now).ms()) + " ms more");
      }
    }
  }
  void on_restart(NodeIndex node) {
    for (auto& [pair, health] : health_) {
      if (pair.first == node) health = contract::Health::ok;
    }
  }

 private:
  static constexpr Duration news_age_max = seconds(60);

  Violations* violations_;
  std::map<std::pair<NodeIndex, NodeId>, contract::Health> health_;
};

}  // namespace vswim::sim
