#include "core/slot_table.hpp"

#include <algorithm>

namespace vswim::core {

namespace {

struct StateName {
  SlotState state;
  std::string_view name;
  bool has_peer;
};
constexpr std::array<StateName, 8> names = {{{SlotState::none, "NONE", false},
                                             {SlotState::none, "LOST", true},
                                             {SlotState::active, "ACTIVE", false},
                                             {SlotState::fenced, "FENCED", true},
                                             {SlotState::taking_over, "TAKING_OVER", true},
                                             {SlotState::migrating, "MIGRATING", true},
                                             {SlotState::importing, "IMPORTING", true},
                                             {SlotState::handed_over, "HANDED_OVER", true}}};

// "<STATE>[:<shard>]/<claim>"
std::optional<SlotEntry> parse_entry(std::string_view text) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto claim = parse_number(text.substr(slash + 1), claim_max);
  if (!claim) return std::nullopt;
  auto state = text.substr(0, slash);
  std::optional<ShardId> peer;
  if (const auto colon = state.find(':'); colon != std::string_view::npos) {
    peer = ShardId::parse(state.substr(colon + 1));
    if (!peer) return std::nullopt;
    state = state.substr(0, colon);
  }
  const auto name = std::find_if(names.begin(), names.end(), [&](const auto& n) { return n.name == state; });
  if (name == names.end() || name->has_peer != peer.has_value()) return std::nullopt;
  return SlotEntry{name->state, *claim, peer.value_or(ShardId{})};
}

std::string entry_text(const SlotEntry& entry) {
  const auto name = std::find_if(names.begin(), names.end(), [&](const auto& n) {
    return n.state == entry.state && (n.state != SlotState::none || n.has_peer == is_lost(entry));
  });
  std::string text(name->name);
  if (name->has_peer) text += ":" + entry.peer.hex();
  return text + "/" + std::to_string(entry.claim);
}

}  // namespace

std::string bucket_text(std::uint16_t bucket, const Bucket& entries) {
  const auto entry = [&](Slot slot) -> const SlotEntry& { return entries[slot % bucket_slots]; };
  const auto first = bucket_first(bucket);
  std::string text;
  for (const auto& range : runs(
           first, static_cast<Slot>(first + bucket_slots - 1),
           [&](Slot slot) { return entry(slot) != SlotEntry{}; },
           [&](Slot a, Slot b) { return entry(a) == entry(b); })) {
    if (!text.empty()) text += ",";
    text += range_text(range) + "=" + entry_text(entry(range.first));
  }
  return text;
}

std::optional<Bucket> parse_bucket(std::uint16_t bucket, std::string_view text) {
  Bucket entries;
  std::uint32_t next = bucket_first(bucket);
  const std::uint32_t end = next + bucket_slots;
  for (const auto part : split(text, ',')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const auto range = parse_range(part.substr(0, equals));
    const auto entry = parse_entry(part.substr(equals + 1));
    if (!range || !entry || range->first < next || range->last >= end) return std::nullopt;
    for (std::uint32_t slot = range->first; slot <= range->last; ++slot)
      entries[slot % bucket_slots] = *entry;
    next = range->last + 1U;
  }
  return entries;
}

const SlotEntry& SlotTable::at(Slot slot) const {
  static const SlotEntry nothing;
  const auto& bucket = buckets_[bucket_of(slot)];
  return bucket ? (*bucket)[slot % bucket_slots] : nothing;
}

void SlotTable::set_bucket(std::uint16_t number, const std::optional<Bucket>& entries) {
  buckets_[number] = entries ? std::make_unique<Bucket>(*entries) : nullptr;
}

void SlotTable::clear() {
  for (auto& bucket : buckets_) bucket.reset();
}

SlotSet SlotTable::owned() const {
  SlotSet slots;
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    if (!buckets_[b]) continue;
    for (std::uint16_t i = 0; i < bucket_slots; ++i) {
      if (state_owns((*buckets_[b])[i].state)) slots.set(bucket_first(b) + std::size_t{i});
    }
  }
  return slots;
}

bool SlotTable::owns_any() const { return owned().any(); }

}  // namespace vswim::core
