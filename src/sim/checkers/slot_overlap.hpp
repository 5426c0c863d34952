// I20: no slot is served by two shards at once, unless both claims predate their meeting, and then not for
// long after it. Two sides of a partition may both hold a claim; once their primaries have served side by
// side, with nothing cut between them, for the limit (a generous one: gossip, the question and the answer,
// two commits), one of them must have given way. Judged when a routing table is built anew or a lease begins,
// and again whenever either of two that overlap is seen. Fed with what Cores would answer clients.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/routing_table.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class SlotOverlap {
 public:
  using Connected = std::function<bool(NodeIndex, NodeIndex)>;

  explicit SlotOverlap(Violations& violations) : violations_(&violations) {}
  void connect(Connected connected) { connected_ = std::move(connected); }

  static Duration limit(Duration ttl) { return seconds(30) + ttl * 10; }

  void on_core(WorldTime now, const CoreSeen& core, const core::RoutingTable& table, Duration ttl,
               const CoresSeen& all) {
    if (nodes_.size() <= core.node) nodes_.resize(core.node + 1);
    auto& own = nodes_[core.node];
    if (own.builds != table.builds || own.built_in != &table) {
      own.builds = table.builds;
      own.built_in = &table;
      static_assert(sizeof(Slots) == sizeof table.served);
      if (!own.slots || std::memcmp(own.slots.get(), table.served.data(), sizeof(Slots)) != 0) {
        if (!own.slots) own.slots = std::make_unique<Slots>();
        std::memcpy(own.slots->data(), table.served.data(), sizeof(Slots));
        compare(core.node);
      }
    }
    if (!overlaps_.empty()) judge(now, core, ttl, all);
  }
  void on_crash(NodeIndex node) {
    if (node < nodes_.size()) nodes_[node] = {};
    std::erase_if(overlaps_,
                  [&](const auto& pair) { return pair.first.first == node || pair.first.second == node; });
  }

 private:
  using Slots = std::array<std::uint64_t, core::slot_count / 8>;  // a byte for each slot
  struct Node {
    std::uint64_t builds = 0;
    const core::RoutingTable* built_in = nullptr;
    std::unique_ptr<Slots> slots;
  };
  struct Overlap {
    std::size_t slot = 0;  // the first of them
    WorldTime since;       // both serve and reach each other
    bool met = false;
  };
  using Pair = std::pair<NodeIndex, NodeIndex>;

  // The first slot that both serve.
  static std::optional<std::size_t> shared(const Slots& one, const Slots& other) {
    for (std::size_t word = 0; word < one.size(); ++word) {
      if (const auto both = one[word] & other[word]; both != 0)
        return word * 8 + static_cast<std::size_t>(std::countr_zero(both)) / 8;
    }
    return std::nullopt;
  }
  void compare(NodeIndex node) {
    for (NodeIndex other = 0; other < nodes_.size(); ++other) {
      if (other == node || !nodes_[other].slots) continue;
      const Pair pair = std::minmax(node, other);
      if (const auto slot = shared(*nodes_[node].slots, *nodes_[other].slots)) {
        overlaps_[pair].slot = *slot;
      } else {
        overlaps_.erase(pair);
      }
    }
  }
  void judge(WorldTime now, const CoreSeen& core, Duration ttl, const CoresSeen& all) {
    for (auto& [pair, overlap] : overlaps_) {
      if (pair.first != core.node && pair.second != core.node) continue;
      const auto& other = all[pair.first == core.node ? pair.second : pair.first];
      const bool together = core.serves(now) && other.serves(now) && core.shard != other.shard &&
                            connected_ && connected_(pair.first, pair.second);
      if (!together) {
        overlap.met = false;
        continue;
      }
      if (!overlap.met) overlap.since = now;
      overlap.met = true;
      if (now - overlap.since <= limit(ttl)) continue;
      violations_->add("I20", node_name(core.node), now,
                       "serves slot " + std::to_string(overlap.slot) + " beside " + node_name(other.node) +
                           ", of another shard, for " + std::to_string((now - overlap.since).ms()) + " ms");
      overlap.since = now;
    }
  }

  Violations* violations_;
  Connected connected_;
  std::vector<Node> nodes_;
  std::map<Pair, Overlap> overlaps_;
};

}  // namespace vswim::sim
