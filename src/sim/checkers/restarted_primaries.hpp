// I22, its second half: none becomes primary over a voter with an equal or newer history after restarting
// with less. A node that came back with less data than it died with resumes as the primary that the log still
// names, although a member of its shard, in sync with it when it died, has run on with as much as it came
// back with: that is a violation, where the two could reach each other and both of the other's threads ran
// all the time from the death on. Fed with what Cores and engines report, and with turns of the node threads.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/engine.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/sync_sources.hpp"

namespace vswim::sim {

class RestartedPrimaries {
 public:
  using Connected = std::function<bool(NodeIndex, NodeIndex)>;

  RestartedPrimaries(Violations& violations, const Primaryships& primaryships)
      : violations_(&violations), primaryships_(&primaryships) {}
  void connect(Connected connected) { connected_ = std::move(connected); }

  void on_turn(WorldTime now, NodeIndex node) { at(node).turned = now; }
  // `report` outlives the node's life.
  void on_core(WorldTime now, const CoreSeen& core, const core::EngineReport& report, const CoresSeen& all) {
    auto& own = at(core.node);
    own.report = &report;
    own.worked = now;
    if (!own.death) return;
    keep_attentive(now, core.node, *own.death, all);
    if (!own.loaded && !report.loading) own.loaded = report;
    if (!core.serves(now)) return;
    judge(now, core, own);
    own.death.reset();
  }
  void on_crash(NodeIndex node, const CoresSeen& all) {
    auto& own = at(node);
    own.death.reset();
    own.loaded.reset();
    if (own.report == nullptr) return;
    const auto& died = all[node];
    Death death{*own.report, died.shard, primaryships_->newest(died.shard), {}};
    for (const auto& other : all) {
      if (other.node == node || !other.alive || other.shard != died.shard || other.node >= nodes_.size())
        continue;
      const auto* report = nodes_[other.node].report;
      if (report != nullptr && report->is_replica && report->link_up && report->completed_sync &&
          report->history == death.report.history) {
        death.in_sync.insert(other.node);
      }
    }
    own.report = nullptr;
    if (!death.in_sync.empty()) own.death = std::move(death);
    for (auto& waiting : nodes_) {  // whoever dies has not run on
      if (waiting.death) waiting.death->in_sync.erase(node);
    }
  }

 private:
  static constexpr Duration attention = milliseconds(500);         // a main thread has a tick of 100 ms
  static constexpr Duration loop_attention = milliseconds(1'500);  // an idle loop turns every T/8
  struct Death {
    core::EngineReport report;  // the last one before
    ShardId shard;
    std::uint64_t primaryship = 0;  // revision of the newest one then
    std::set<NodeIndex> in_sync;
  };
  struct Node {
    const core::EngineReport* report = nullptr;
    WorldTime worked, turned;  // its main thread, its node thread
    std::optional<Death> death;
    std::optional<core::EngineReport> loaded;  // what it came back with
  };
  Node& at(NodeIndex node) {
    if (nodes_.size() <= node) nodes_.resize(node + 1);
    return nodes_[node];
  }
  void keep_attentive(WorldTime now, NodeIndex node, Death& death, const CoresSeen& all) {
    std::erase_if(death.in_sync, [&](NodeIndex other) {
      return !all[other].alive || all[other].shard != death.shard || now - nodes_[other].worked > attention ||
             now - nodes_[other].turned > loop_attention || !connected_ || !connected_(node, other);
    });
  }
  void judge(WorldTime now, const CoreSeen& core, const Node& own) {
    const auto& death = *own.death;
    if (core.shard != death.shard || primaryships_->newest(core.shard) != death.primaryship)
      return;  // elected
    if (!own.loaded) return;
    const auto& loaded = *own.loaded;
    if (loaded.loaded_offset >= death.report.offset) return;                         // nothing was lost
    if (loaded.loaded_offset > 0 && loaded.history != death.report.history) return;  // not comparable
    for (const auto other : death.in_sync) {
      const auto& report = *nodes_[other].report;
      if (report.history != death.report.history || report.offset < loaded.loaded_offset) continue;
      if (report.keys == 0 || !report.completed_sync) continue;
      violations_->add("I22", node_name(core.node), now,
                       "resumes as primary with offset " + std::to_string(loaded.loaded_offset) + " of " +
                           std::to_string(death.report.offset) + " while " + node_name(other) + " has " +
                           std::to_string(report.offset));
      return;
    }
  }

  Violations* violations_;
  const Primaryships* primaryships_;
  Connected connected_;
  std::vector<Node> nodes_;
};

}  // namespace vswim::sim
