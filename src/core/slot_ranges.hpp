// Text of slot ranges, as people and registers read it ("0-5460,9000"), and strict numbers behind it.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/slots.hpp"

namespace vswim::core {

using SlotSet = std::bitset<slot_count>;

struct SlotRange {
  Slot first = 0;
  Slot last = 0;
  friend bool operator==(const SlotRange&, const SlotRange&) = default;
};

// Decimal digits only, no sign, no spaces, no leading zeros, at most `max`.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max);
// "7" or "3-9" with first <= last < slot_count.
std::optional<SlotRange> parse_range(std::string_view text);
std::string range_text(const SlotRange& range);
// Maximal runs of slots for which `same(a, b)` holds and `in(a)` is true, ascending.
template <class In, class Same>
std::vector<SlotRange> runs(Slot first, Slot last, const In& in, const Same& same) {
  std::vector<SlotRange> found;
  bool open = false;
  for (std::uint32_t n = first; n <= last; ++n) {
    const auto slot = static_cast<Slot>(n);
    if (!in(slot)) {
      open = false;
      continue;
    }
    if (open && same(found.back().first, slot)) {
      found.back().last = slot;
    } else {
      found.push_back({slot, slot});
    }
    open = true;
  }
  return found;
}
std::vector<SlotRange> runs(const SlotSet& slots);
// At most `ranges_max` ranges, then "...", so that an error text stays readable.
std::string slots_text(const SlotSet& slots, std::size_t ranges_max);
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace vswim::core
