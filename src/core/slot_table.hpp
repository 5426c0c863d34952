// This shard's slots as its log holds them: state and claim per slot, 256 slots to a register ("slots:<b>"),
// so that a batch for thousands of slots is a few dozen writes. The text is a list of ranges:
// 0-255=ACTIVE/1,300=FENCED:<shard>/2. A slot that is given up keeps its claim (301=NONE/3): the next claim,
// also of a shard that restarted as a whole meanwhile, must not be lower. One that another shard holds for
// good names it (302=LOST:<shard>/4): what is left of its keys here goes, whoever is primary.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "core/claims.hpp"
#include "core/slot_ranges.hpp"

namespace vswim::core {

// handed_over: the end of a slot's migration key by key. This shard promised the slot to `peer` and serves
// nothing of it any more; only the peer's higher claim ends that.
enum class SlotState : std::uint8_t { none, active, fenced, taking_over, migrating, importing, handed_over };

struct SlotEntry {
  SlotState state = SlotState::none;
  ClaimNumber claim = 0;
  ShardId peer;  // of fenced, taking_over, migrating, importing, handed_over, and of none that is lost
  friend bool operator==(const SlotEntry&, const SlotEntry&) = default;
};

// What is left of an entry when the slot is nobody's here any more.
inline SlotEntry given_up(const SlotEntry& entry) { return {SlotState::none, entry.claim, {}}; }
// `to` holds the slot ACTIVE with a higher claim in its log: the keys here may go (rule I21).
inline SlotEntry lost(const SlotEntry& entry, const ShardId& to) {
  return {SlotState::none, entry.claim, to};
}
inline bool is_lost(const SlotEntry& entry) {
  return entry.state == SlotState::none && entry.peer != ShardId{};
}

constexpr std::uint16_t bucket_slots = 256;
constexpr std::uint16_t bucket_count = slot_count / bucket_slots;
using Bucket = std::array<SlotEntry, bucket_slots>;

constexpr std::uint16_t bucket_of(Slot slot) { return slot / bucket_slots; }
constexpr Slot bucket_first(std::uint16_t bucket) { return static_cast<Slot>(bucket * bucket_slots); }

// States in which the slot's data is this shard's, and served when the log's word is settled (rule L4b).
constexpr bool state_serves(SlotState state) {
  return state == SlotState::active || state == SlotState::migrating;
}
// States in which the slot counts as this shard's in the routing that it publishes.
constexpr bool state_owns(SlotState state) {
  return state_serves(state) || state == SlotState::fenced || state == SlotState::handed_over;
}

std::string bucket_text(std::uint16_t bucket, const Bucket& entries);
// Ranges must lie inside the bucket, ascend and not overlap.
std::optional<Bucket> parse_bucket(std::uint16_t bucket, std::string_view text);

class SlotTable {
 public:
  const SlotEntry& at(Slot slot) const;
  const Bucket* bucket(std::uint16_t number) const { return buckets_[number].get(); }
  void set_bucket(std::uint16_t number, const std::optional<Bucket>& entries);
  void clear();
  SlotSet owned() const;
  bool owns_any() const;

 private:
  std::array<std::unique_ptr<Bucket>, bucket_count> buckets_;
};

}  // namespace vswim::core
