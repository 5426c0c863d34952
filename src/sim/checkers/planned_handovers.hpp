// I23: no acknowledged write is lost in a manual failover that was not forced. What a primary acknowledged
// since it began to serve is known here; when a replica that named itself over the fence of that primary,
// alive and well in its eyes, begins to serve, its data must hold all of it. What the primary removed itself
// (slots given up, FLUSHALL) is not asked for. Fed with clients' answers and what Cores propose and become.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/slots.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"
#include "sim/engine_messages.hpp"

namespace vswim::sim {

class PlannedHandovers {
 public:
  explicit PlannedHandovers(Violations& violations) : violations_(&violations) {}

  void on_acknowledged(NodeIndex node, const std::string& key, const std::string& value) {
    stints_[node].acknowledged[key] = value;
  }
  void on_removed(NodeIndex node, core::Slot slot) {
    std::erase_if(stints_[node].acknowledged,
                  [&](const auto& entry) { return core::key_slot(entry.first) == slot; });
  }
  void on_emptied(NodeIndex node) { stints_[node].acknowledged.clear(); }
  // What an heir loses by dying itself is no matter of the hand-over.
  void on_crash(NodeIndex node) {
    begin(node, {});
    std::erase_if(plans_, [&](const auto& plan) { return plan.second.heir == node; });
  }

  // A user's word at this replica: after FORCE, which asks nobody, nothing is promised, whoever's fence it
  // finds.
  void on_failover_asked(NodeIndex node, bool forced) {
    forced ? void(forced_.insert(node)) : void(forced_.erase(node));
  }
  // `heir` proposes itself; `over`: whose fence it is, if that is what it writes over.
  void on_proposed(NodeIndex heir, const ShardId& shard, const NodeId* over) {
    plans_.erase(shard);
    if (over == nullptr || forced_.contains(heir)) return;
    for (const auto& [node, stint] : stints_) {
      if (stint.id == *over) plans_[shard] = {heir, node, stint.number};
    }
  }
  // It serves from now on. True: by a manual failover.
  bool on_promoted(WorldTime now, const CoreSeen& core, const DataSet& data) {
    bool judged = false;
    if (const auto plan = plans_.find(core.shard); plan != plans_.end()) {
      const auto& stint = stints_[plan->second.from];
      judged = plan->second.heir == core.node && stint.number == plan->second.stint;
      if (judged) judge(now, core, plan->second.from, stint.acknowledged, data);
      plans_.erase(plan);
    }
    begin(core.node, core.id);
    return judged;
  }

 private:
  using Writes = std::map<std::string, std::string>;
  struct Stint {  // a node's time as a primary
    NodeId id;
    std::uint64_t number = 0;
    Writes acknowledged;
  };
  struct Plan {
    NodeIndex heir = 0, from = 0;
    std::uint64_t stint = 0;
  };
  void begin(NodeIndex node, const NodeId& id) { stints_[node] = {id, ++last_number_, {}}; }
  void judge(WorldTime now, const CoreSeen& core, NodeIndex from, const Writes& acknowledged,
             const DataSet& data) {
    for (const auto& [key, value] : acknowledged) {
      const auto found = data.find(key);
      if (found != data.end() && found->second == value) continue;
      violations_->add("I23", node_name(core.node), now,
                       "took over from " + node_name(from) + " as planned, without " + key + "=" + value +
                           ", which had been acknowledged");
      return;
    }
  }

  Violations* violations_;
  std::map<NodeIndex, Stint> stints_;
  std::map<ShardId, Plan> plans_;
  std::set<NodeIndex> forced_;
  std::uint64_t last_number_ = 0;
};

}  // namespace vswim::sim
