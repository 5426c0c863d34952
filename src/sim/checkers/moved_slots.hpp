// I21, what of it concerns atomic migrations: when a shard adopts slots that it copied, nobody else serves
// them, and the copy is what the source has behind its fence, key by key. Fed with the moment of adoption by
// a glance at all servers; the source is the leased primary that still has the attempt's export open.
#pragma once

#include <string>
#include <vector>

#include "core/slots.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"
#include "sim/engine_messages.hpp"

namespace vswim::sim {

struct SourceSeen {
  NodeIndex node = 0;
  bool serves = false;     // some of the slots, by its routing and a live lease
  bool exporting = false;  // it is the one that the copy was made from, and its fence is up
  const DataSet* data = nullptr;
};

class MovedSlots {
 public:
  explicit MovedSlots(Violations& violations) : violations_(&violations) {}

  void on_adopt(WorldTime now, NodeIndex node, const std::vector<core::Slot>& slots, const DataSet& data,
                const std::vector<SourceSeen>& sources) {
    std::vector<bool> moved(core::slot_count);
    for (const auto slot : slots) moved[slot] = true;
    for (const auto& source : sources) {
      if (source.serves) {
        violations_->add("I21", node_name(node), now,
                         "adopts slots that " + node_name(source.node) + " still serves");
      }
      if (!source.exporting) continue;
      compare(now, node, source.node, moved, *source.data, data, "lacks");
      compare(now, node, source.node, moved, data, *source.data, "has too much:");
    }
  }

 private:
  void compare(WorldTime now, NodeIndex node, NodeIndex source, const std::vector<bool>& moved,
               const DataSet& wanted, const DataSet& present, const char* what) {
    for (const auto& [key, value] : wanted) {
      if (!moved[core::key_slot(key)]) continue;
      const auto found = present.find(key);
      if (found != present.end() && found->second == value) continue;
      violations_->add(
          "I21", node_name(node), now,
          std::string("adopts a copy of ") + node_name(source) + "'s slots that " + what + " " + key);
      return;
    }
  }

  Violations* violations_;
};

}  // namespace vswim::sim
