// Writes the golden trace: the few things of a story that are worth telling, with virtual time since the
// cluster had formed. It looks at the cluster again and again and tells what changed; single messages and
// raw ids never appear, so that an unrelated change moves little.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/scenario/stage.hpp"

namespace vswim::sim::scenario {

class Teller {
 public:
  explicit Teller(const Stage& stage) : stage_(&stage) {}

  void begin();  // the story begins now: everything as it stands goes without saying
  void look();
  void say(const std::string& text);
  WorldTime begun() const { return begun_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  struct NodeSeen {
    bool leads = false, serves = false, follows = false;
    ShardId served;
  };
  void look_at(NodeIndex node);
  void look_at_health();
  void look_at_shards();

  const Stage* stage_;
  WorldTime begun_;
  bool silent_ = true;
  std::vector<std::string> lines_;
  std::map<NodeIndex, NodeSeen> nodes_;
  std::set<NodeIndex> failed_;
  std::map<ShardId, std::uint64_t> epochs_, sealed_, primary_revisions_;
};

}  // namespace vswim::sim::scenario
