// I19, what a reader of gossip sees while it goes on: at one node a key's revision never falls within a
// namespace (a deletion counts), and no half batch is ever visible. The workload writes whole families of
// keys with one value; after every notification all keys of a family must be of one batch. That roots become
// equal, that no live node stays dead and that partitions merge belongs to the liveness phase. Fed with what
// Core was handed.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

inline constexpr std::uint64_t gossip_family_keys = 3;
inline std::string gossip_family_key(std::uint64_t family, std::uint64_t member) {
  return "test:family:" + std::to_string(family) + ":" + std::to_string(member);
}

class GossipReads {
 public:
  explicit GossipReads(Violations& violations) : violations_(&violations) {}

  void on_start(NodeIndex node) {
    if (views_.size() <= node) views_.resize(node + 1);
    views_[node] = {};
  }
  void on_event(WorldTime now, NodeIndex node, const contract::Event& event) {
    if (const auto* reset = std::get_if<contract::Reset>(&event)) {
      view(node,
           reset->which == contract::Namespace::global ? contract::Scope::global : contract::Scope::shard)
          .clear();
    } else if (const auto* update = std::get_if<contract::GossipUpdated>(&event)) {
      on_update(now, node, *update);
    }
  }

 private:
  struct Seen {
    contract::Revision revision;
    std::optional<std::string> value;
  };
  using View = std::map<std::string, Seen>;
  View& view(NodeIndex node, contract::Scope scope) {
    if (views_.size() <= node) views_.resize(node + 1);
    return views_[node][static_cast<std::size_t>(scope)];
  }
  void on_update(WorldTime now, NodeIndex node, const contract::GossipUpdated& update) {
    auto& known = view(node, update.scope);
    std::set<std::string> families;
    for (const auto& entry : update.registers) {
      const auto [at, first] = known.try_emplace(entry.key, Seen{entry.revision, entry.value});
      if (!first && entry.revision < at->second.revision) {
        violations_->add(
            "I19", node_name(node), now,
            entry.key + " fell from revision " + at->second.revision.text() + " to " + entry.revision.text());
      }
      at->second = {entry.revision, entry.value};
      if (entry.key.starts_with("test:family:")) families.insert(entry.key.substr(0, entry.key.rfind(':')));
    }
    for (const auto& family : families) check_whole(now, node, known, family);
  }
  void check_whole(WorldTime now, NodeIndex node, const View& known, const std::string& family) {
    std::optional<std::optional<std::string>> value;
    for (std::uint64_t member = 0; member < gossip_family_keys; ++member) {
      const auto found = known.find(family + ":" + std::to_string(member));
      const auto held = found == known.end() ? std::nullopt : found->second.value;
      if (!value) value = held;
      if (*value == held) continue;
      violations_->add("I19", node_name(node), now,
                       family + ": half a batch is visible, " + value->value_or("nothing") + " beside " +
                           held.value_or("nothing"));
      return;
    }
  }

  Violations* violations_;
  std::vector<std::array<View, 2>> views_;  // by node index and scope
};

}  // namespace vswim::sim
