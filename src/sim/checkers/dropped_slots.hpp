// I21: no key of a lost slot is removed before another shard's log holds the slot ACTIVE with a higher claim.
// Judged when Core orders the removal and there are keys to remove, against the slot registers of every
// shard's committed log, as far as any node was shown them. That the other shard held it so at some time
// before is enough: a later claim of our own would be higher again. Claims are compared here, not by the code
// under test.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "contract/types.hpp"
#include "core/slot_table.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

class DroppedSlots {
 public:
  explicit DroppedSlots(Violations& violations) : violations_(&violations) {}

  // A committed register of this shard's log.
  void on_register(const ShardId& shard, const contract::Register& entry) {
    if (!entry.key.starts_with(prefix) || !entry.value) return;
    if (!seen_.insert({shard, entry.revision.minor, entry.key}).second) return;
    const auto number = std::stoul(entry.key.substr(prefix.size()));
    if (number >= core::bucket_count) return;
    const auto bucket = static_cast<std::uint16_t>(number);
    const auto entries = core::parse_bucket(bucket, *entry.value);
    if (!entries) return;
    auto& claims = claims_[shard];
    if (claims.empty()) claims.resize(core::slot_count);
    for (std::uint16_t i = 0; i < core::bucket_slots; ++i) {
      const auto& slot = (*entries)[i];
      auto& claim = claims[core::bucket_first(bucket) + std::size_t{i}];
      const bool held = slot.state != core::SlotState::none && slot.state != core::SlotState::taking_over;
      if (held && entry.revision.minor >= claim.at) {
        claim.any = slot.claim;
        claim.at = entry.revision.minor;
      }
      if (slot.state == core::SlotState::active) claim.active = std::max(claim.active, slot.claim);
      if (entry.revision.minor >= claim.last_at) {
        claim.last_at = entry.revision.minor;
        claim.lost = core::is_lost(slot);
      }
    }
  }
  // By the newest word of its log the keys of this slot go, and in the end there are none (recovery.cpp).
  bool lost(const ShardId& shard, core::Slot slot) const {
    const auto found = claims_.find(shard);
    return found != claims_.end() && found->second[slot].lost;
  }
  void on_drop(WorldTime now, NodeIndex node, const ShardId& shard, core::Slot slot, std::uint64_t keys) {
    if (keys == 0) return;
    const auto own = claims_.find(shard);
    const std::uint64_t lost = own == claims_.end() ? 0 : own->second[slot].any;
    for (const auto& [other, claims] : claims_) {
      if (other == shard || claims[slot].active == 0) continue;
      if (std::pair(claims[slot].active, other) > std::pair(lost, shard)) return;
    }
    violations_->add("I21", node_name(node), now,
                     "removes " + std::to_string(keys) + " keys of slot " + std::to_string(slot) +
                         ", which no other shard's log holds with a higher claim than " +
                         std::to_string(lost));
  }

 private:
  static constexpr std::string_view prefix = "slots:";
  struct Claim {
    std::uint64_t any = 0, at = 0;  // the newest, in whatever state, and its revision
    std::uint64_t active = 0;       // highest ever as ACTIVE
    std::uint64_t last_at = 0;
    bool lost = false;
  };

  Violations* violations_;
  std::map<ShardId, std::vector<Claim>> claims_;
  std::set<std::tuple<ShardId, std::uint64_t, std::string>> seen_;
};

}  // namespace vswim::sim
