#include "module/slot_index.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "base/hash.hpp"

namespace vswim::module {

SlotIndex::Entry SlotIndex::entry(std::string_view key) const {
  return {hash64(key, seed_), std::string(key)};
}

void SlotIndex::begin(const core::SlotKeyCounts& counts, Instant now) {
  if (scans_.size() >= scans_kept_max) drop_oldest();
  scans_[++last_scan_] = now;
  const std::uint64_t all = std::accumulate(counts.keys.begin(), counts.keys.end(), std::uint64_t{0});
  const std::uint64_t limit = std::max(keys_indexed_max, all / scans_of_all_max);
  std::uint64_t keys = 0;
  for (const core::Slot slot : wanted_) track(slot);
  for (std::size_t slot = wanted_.front(); slot < core::slot_count; ++slot) {
    keys += counts.keys[slot];
    if (keys > limit) break;
    track(static_cast<core::Slot>(slot));
  }
  wanted_.clear();
}

void SlotIndex::track(core::Slot slot) {
  if (tracked_[slot]) return;
  tracked_.set(slot);
  indexed_by_[slot] = last_scan_;
}

void SlotIndex::drop_oldest() {
  const auto oldest = std::min_element(scans_.begin(), scans_.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
  for (std::size_t slot = 0; slot < core::slot_count; ++slot) {
    if (!tracked_[slot] || indexed_by_[slot] != oldest->first) continue;
    tracked_.reset(slot);
    built_.reset(slot);
    keys_.erase(static_cast<core::Slot>(slot));
  }
  scans_.erase(oldest);
}

void SlotIndex::used(core::Slot slot, Instant now) {
  used_at_ = now;
  if (tracked_[slot]) scans_[indexed_by_[slot]] = now;
}

void SlotIndex::step(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now) {
  if (!scan_.running()) {
    if (wanted_.empty()) return;
    begin(counts, now);
  }
  used_at_ = now;
  const bool complete = scan_.step(ctx, keys_per_step, [&](std::string_view key) {
    const core::Slot slot = core::key_slot(key);
    if (tracked_[slot]) added(slot, key);
  });
  if (complete) built_ = tracked_;
}

void SlotIndex::finish(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now) {
  while (working()) step(ctx, counts, now);
}

std::vector<std::string> SlotIndex::keys(core::Slot slot, std::int64_t count, Instant now) {
  used(slot, now);
  std::vector<std::string> names;
  const auto found = keys_.find(slot);
  if (found == keys_.end()) return names;
  for (const Entry& entry : found->second) {
    if (static_cast<std::int64_t>(names.size()) >= count) break;
    names.push_back(entry.name);
  }
  return names;
}

SlotIndex::Page SlotIndex::page(core::Slot slot, std::uint64_t position, std::int64_t count, Instant now) {
  used(slot, now);
  Page page;
  const auto found = keys_.find(slot);
  if (found == keys_.end()) return page;
  std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
  for (auto at = found->second.lower_bound({position, {}}); at != found->second.end(); ++at) {
    if (static_cast<std::int64_t>(page.keys.size()) >= count && at->position != last) {
      page.next = at->position;
      break;
    }
    last = at->position;
    page.keys.push_back(at->name);
  }
  return page;
}

void SlotIndex::removed(core::Slot slot, std::string_view key) {
  const auto found = keys_.find(slot);
  if (found != keys_.end()) found->second.erase(entry(key));
}

void SlotIndex::clear() { keys_.clear(); }

void SlotIndex::drop_if_idle(Instant now) {
  if (working() || tracked_.none() || now - used_at_ < kept_for) return;
  tracked_.reset();
  built_.reset();
  scans_.clear();
  keys_.clear();
}

}  // namespace vswim::module
