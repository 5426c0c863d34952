// Which keys are in a slot: an index of the slots somebody asked for, built by one incremental scan and kept
// by the same notifications that feed the counters. One scan indexes the slot asked for and the ones after
// it, up to a limit of keys, so that who walks over slots (a resharding, CLUSTERSCAN) needs few scans. What
// was not used for longest is dropped when there is too much. The keys of a slot are in the order of a hash,
// so that a position among them outlives changes.
#pragma once

#include <array>
#include <bitset>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "core/engine.hpp"
#include "module/api.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

class SlotIndex {
 public:
  // Of one scan; of more keys than sixteen times that a sixteenth, so that a walk over all slots is sixteen
  // scans.
  static constexpr std::uint64_t keys_indexed_max = 100'000, scans_of_all_max = 16;  // 10 MB of names
  static constexpr std::size_t scans_kept_max = 4;
  static constexpr int keys_per_step = 2'000;  // one turn of the loop scans so much: under a millisecond
  static constexpr Duration kept_for = seconds(60);  // an index nobody asks for is dropped

  SlotIndex(const Api& api, std::uint64_t seed) : scan_(api), seed_(seed) {}

  std::uint64_t seed() const { return seed_; }  // of the order
  bool ready(core::Slot slot) const { return built_[slot]; }
  void want(core::Slot slot) {
    if (!tracked_[slot]) wanted_.push_back(slot);
  }
  bool working() const { return scan_.running() || !wanted_.empty(); }
  // Scans a little further; call until working() is false.
  void step(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now);
  void finish(Ctx* ctx, const core::SlotKeyCounts& counts, Instant now);
  std::vector<std::string> keys(core::Slot slot, std::int64_t count, Instant now);
  struct Page {
    std::vector<std::string> keys;
    std::optional<std::uint64_t> next;  // the position of those that are left
  };
  // Keys from a position on; more than `count` only if several share one. A key that stays is met once by who
  // follows the positions from 0.
  Page page(core::Slot slot, std::uint64_t position, std::int64_t count, Instant now);

  bool tracks(core::Slot slot) const { return tracked_[slot]; }
  void added(core::Slot slot, std::string_view key) { keys_[slot].insert(entry(key)); }
  void removed(core::Slot slot, std::string_view key);
  void clear();  // the data set is empty, or another one
  void drop_if_idle(Instant now);

 private:
  struct Entry {
    std::uint64_t position = 0;
    std::string name;

    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  Entry entry(std::string_view key) const;
  void begin(const core::SlotKeyCounts& counts, Instant now);
  void track(core::Slot slot);
  void used(core::Slot slot, Instant now);
  void drop_oldest();

  std::bitset<core::slot_count> tracked_, built_;
  std::array<std::uint32_t, core::slot_count> indexed_by_{};  // of what is tracked: by which scan
  std::map<std::uint32_t, Instant> scans_;                    // and when that one's slots were last used
  std::uint32_t last_scan_ = 0;
  std::unordered_map<core::Slot, std::set<Entry>> keys_;
  std::vector<core::Slot> wanted_;
  KeyScan scan_;
  std::uint64_t seed_;
  Instant used_at_{};
};

}  // namespace vswim::module
