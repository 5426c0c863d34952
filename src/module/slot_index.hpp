// Which keys are in a slot: an index of the slots somebody asked for, built by one incremental scan and kept
// by the same notifications that feed the counters. One scan indexes the slot asked for and the ones after
// it, up to a limit of keys, so that a resharding that walks over slots needs few scans.
#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/time.hpp"
#include "core/engine.hpp"
#include "module/api.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

class SlotIndex {
 public:
  static constexpr std::uint64_t keys_indexed_max = 100'000;  // memory: about 10 MB of names
  static constexpr int keys_per_step = 2'000;  // one turn of the loop scans so much: under a millisecond
  static constexpr Duration kept_for = seconds(60);  // an index nobody asks for is dropped

  explicit SlotIndex(const Api& api) : scan_(api) {}

  bool ready(core::Slot slot) const { return built_[slot]; }
  void want(core::Slot slot) {
    if (!tracked_[slot]) wanted_.push_back(slot);
  }
  bool working() const { return scan_.running() || !wanted_.empty(); }
  // Scans a little further; call until working() is false.
  void step(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now);
  void finish(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now);
  std::vector<std::string> keys(core::Slot slot, std::int64_t count, Instant now);

  bool tracks(core::Slot slot) const { return tracked_[slot]; }
  void added(core::Slot slot, std::string_view key) { keys_[slot].emplace(key); }
  void removed(core::Slot slot, std::string_view key);
  void clear();  // the data set is empty, or another one
  void drop_if_idle(Instant now);

 private:
  void begin(const core::SlotKeyCounts& counts);

  std::bitset<core::slot_count> tracked_, built_;
  std::unordered_map<core::Slot, std::unordered_set<std::string>> keys_;
  std::vector<core::Slot> wanted_;
  KeyScan scan_;
  Instant used_at_{};
};

}  // namespace vswim::module
