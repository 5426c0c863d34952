#include "module/slot_index.hpp"

namespace vswim::module {

void SlotIndex::begin(const core::SlotKeyCounts& counts) {
  std::uint64_t keys = 0;
  for (const core::Slot slot : wanted_) tracked_.set(slot);
  for (std::size_t slot = wanted_.front(); slot < core::slot_count; ++slot) {
    keys += counts.keys[slot];
    if (keys > keys_indexed_max) break;
    tracked_.set(slot);
  }
  wanted_.clear();
}

void SlotIndex::step(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now) {
  if (!scan_.running()) {
    if (wanted_.empty()) return;
    begin(counts);
  }
  used_at_ = now;
  const bool complete = scan_.step(ctx, keys_per_step, [&](std::string_view key) {
    const core::Slot slot = core::key_slot(key);
    if (tracked_[slot]) keys_[slot].emplace(key);
  });
  if (complete) built_ = tracked_;
}

void SlotIndex::finish(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now) {
  while (working()) step(ctx, counts, now);
}

std::vector<std::string> SlotIndex::keys(core::Slot slot, std::int64_t count, Instant now) {
  used_at_ = now;
  std::vector<std::string> names;
  const auto found = keys_.find(slot);
  if (found == keys_.end()) return names;
  for (const std::string& name : found->second) {
    if (static_cast<std::int64_t>(names.size()) >= count) break;
    names.push_back(name);
  }
  return names;
}

void SlotIndex::removed(core::Slot slot, std::string_view key) {
  const auto found = keys_.find(slot);
  if (found != keys_.end()) found->second.erase(std::string(key));
}

void SlotIndex::clear() { keys_.clear(); }

void SlotIndex::drop_if_idle(Instant now) {
  if (working() || tracked_.none() || now - used_at_ < kept_for) return;
  tracked_.reset();
  built_.reset();
  keys_.clear();
}

}  // namespace vswim::module
