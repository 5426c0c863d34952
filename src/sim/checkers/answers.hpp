// I8 and a promise of the contract: every ticket is answered exactly once while its node lives; "failed" or
// "stale" never commits. Values are unique, so a committed one names its proposal.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class Answers {
 public:
  explicit Answers(Violations& violations) : violations_(&violations) {}

  void on_proposed(NodeIndex at, std::uint64_t ticket, const std::string& unique_value, WorldTime now) {
    open_[{at, ticket}] = {unique_value, now};
  }
  void on_completed(WorldTime now, NodeIndex at, std::uint64_t ticket, contract::Outcome outcome) {
    const auto found = open_.find({at, ticket});
    if (found == open_.end()) {
      violations_->add("answers", node_name(at), now, "a ticket was answered twice or never given");
      return;
    }
    const auto value = found->second.value;
    open_.erase(found);
    if (outcome != contract::Outcome::stale && outcome != contract::Outcome::failed) return;
    refused_.insert(value);
    if (committed_.contains(value)) told_wrong(now, at, value);
  }
  void on_committed_value(WorldTime now, NodeIndex at, const std::string& value) {
    committed_.insert(value);
    if (refused_.contains(value)) told_wrong(now, at, value);
  }
  void on_crash(NodeIndex node) {
    std::erase_if(open_, [&](const auto& entry) { return entry.first.first == node; });
  }
  std::size_t open_count() const { return open_.size(); }
  std::string oldest_open(WorldTime now) const {
    std::string text;
    for (const auto& [key, open] : open_) {
      if (text.size() > 200) break;
      text += node_name(key.first) + " " + open.value + " for " + std::to_string((now - open.since).ms()) +
              " ms; ";
    }
    return text;
  }

 private:
  struct Open {
    std::string value;
    WorldTime since;
  };
  void told_wrong(WorldTime now, NodeIndex at, const std::string& value) {
    violations_->add("I8", node_name(at), now, "refused, yet committed: " + value);
  }

  Violations* violations_;
  std::map<std::pair<NodeIndex, std::uint64_t>, Open> open_;
  std::set<std::string> refused_, committed_;
};

}  // namespace vswim::sim
