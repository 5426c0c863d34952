// I17, what of it can be judged at every step: every proposal is answered. A provider whose thread runs
// answers within three T whatever becomes of the shard (unknown is an answer); time in which the thread did
// not run does not count. That a stable majority has a leader within 10 T belongs to the recovery phase. Fed
// with proposals as the node's loop takes them up, completions as they leave it, and the loop's turns; on the
// node's own clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class AnsweredInTime {
 public:
  explicit AnsweredInTime(Violations& violations) : violations_(&violations) {}

  void on_start(NodeIndex node, Instant reading) {
    if (nodes_.size() <= node) nodes_.resize(node + 1);
    nodes_[node] = {};
    nodes_[node].reading = reading;
  }
  void on_turn(WorldTime now, NodeIndex node, Instant reading, Duration ttl) {
    auto& own = nodes_[node];
    own.awake = own.awake + std::min(reading - own.reading, ttl / 4);
    own.reading = reading;
    if (own.open.empty()) return;
    const auto& [ticket, since] = *own.open.begin();
    if (own.awake - since <= ttl * 3 + ttl / 2) return;
    violations_->add("I17", node_name(node), now,
                     "a proposal is not answered for " + std::to_string((own.awake - since).ms()) +
                         " ms, ticket " + std::to_string(ticket));
    own.open.erase(own.open.begin());
  }
  void on_proposed(NodeIndex node, std::uint64_t ticket) { nodes_[node].open[ticket] = nodes_[node].awake; }
  void on_completed(NodeIndex node, std::uint64_t ticket) { nodes_[node].open.erase(ticket); }

 private:
  struct Node {
    Instant reading;
    Duration awake;                          // time in which the loop ran
    std::map<std::uint64_t, Duration> open;  // since when; numbers ascend
  };

  Violations* violations_;
  std::vector<Node> nodes_;
};

}  // namespace vswim::sim
