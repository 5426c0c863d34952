#include "core/slot_ranges.hpp"

namespace vswim::core {

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t max) {
  constexpr std::size_t digits_max = 19;  // never overflows 64 bits
  if (text.empty() || text.size() > digits_max || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number > max) return std::nullopt;
  return number;
}

std::optional<SlotRange> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), slot_count - 1);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), slot_count - 1);
  if (!first || !last || *first > *last) return std::nullopt;
  return SlotRange{static_cast<Slot>(*first), static_cast<Slot>(*last)};
}

std::string range_text(const SlotRange& range) {
  auto text = std::to_string(range.first);
  if (range.last != range.first) text += "-" + std::to_string(range.last);
  return text;
}

std::vector<SlotRange> runs(const SlotSet& slots) {
  return runs(
      0, slot_count - 1, [&](Slot slot) { return slots[slot]; }, [](Slot, Slot) { return true; });
}

std::string slots_text(const SlotSet& slots, std::size_t ranges_max) {
  std::string text;
  std::size_t printed = 0;
  for (const auto& range : runs(slots)) {
    if (printed == ranges_max) return text + ",...";
    if (printed++ > 0) text += ",";
    text += range_text(range);
  }
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty())
      parts.push_back(text);  // a trailing separator is an empty part, which no grammar here accepts
  }
  return parts;
}

}  // namespace vswim::core
