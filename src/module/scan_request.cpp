#include "module/scan_request.hpp"

#include <charconv>

#include "core/slot_tags.hpp"
#include "module/command_keys.hpp"
#include "module/glob.hpp"

namespace vswim::module {
namespace {

constexpr std::string_view end_cursor = "0";

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

struct Reader {
  ScanRequest request;
  std::int32_t asked_slot = -1, pattern_slot = -1;

  bool fail(std::string_view text) {
    request.error = text;
    return false;
  }

  bool read_option(std::string_view name, std::string_view value) {
    if (equal_ignoring_case(name, "count")) {
      if (!read_number(value, request.count)) return fail("ERR value is not an integer or out of range");
      return request.count >= 1 || fail("ERR syntax error");
    }
    if (equal_ignoring_case(name, "match")) {
      request.pattern.reset();
      pattern_slot = -1;
      if (value == "*") return true;
      request.pattern = value;
      pattern_slot = glob_slot(value);
      return true;
    }
    if (equal_ignoring_case(name, "type")) {
      request.type = value;
      return true;
    }
    if (!equal_ignoring_case(name, "slot")) return fail("ERR syntax error");
    if (asked_slot != -1) return fail("ERR SLOT option can only be specified once");
    if (!read_number(value, asked_slot) || asked_slot < 0 || asked_slot >= core::slot_count)
      return fail("ERR Invalid or out of range slot");
    return true;
  }

  bool read_options(const std::vector<std::string_view>& words) {
    for (std::size_t i = 2; i < words.size(); i += 2) {
      if (i + 1 == words.size()) return fail("ERR syntax error");
      if (!read_option(words[i], words[i + 1])) return false;
    }
    return true;
  }

  bool read_cursor(std::string_view text, std::string_view fingerprint) {
    const std::size_t first = text.find('-');
    const std::size_t second = first == std::string_view::npos ? first : text.find('-', first + 1);
    if (second == std::string_view::npos || !read_number(text.substr(second + 1), request.position))
      return fail("ERR Invalid cursor");
    request.slot = core::key_slot(text.substr(first + 1, second - first - 1));
    if (text.substr(0, first) != fingerprint) request.position = 0;
    return asked_slot == -1 || request.slot == asked_slot ||
           fail("ERR Cursor slot mismatch with SLOT argument");
  }

  void answer(std::int32_t slot) {
    request.cursor = slot < 0 ? std::string(end_cursor) : scan_start(static_cast<core::Slot>(slot));
  }
};

}  // namespace

std::string scan_cursor(std::string_view fingerprint, core::Slot slot, std::uint64_t position) {
  return std::string(fingerprint) + "-{" + core::slot_tag(slot) + "}-" + std::to_string(position);
}

std::string scan_start(core::Slot slot) { return scan_cursor("0", slot, 0); }

ScanRequest read_scan(const std::vector<std::string_view>& words, std::string_view fingerprint) {
  Reader reader;
  ScanRequest& request = reader.request;
  if (!reader.read_options(words)) return request;
  const std::int32_t asked = reader.asked_slot, matched = reader.pattern_slot;
  request.one_slot = asked != -1 || matched != -1;
  const bool nothing = asked != -1 && matched != -1 && asked != matched;
  if (words[1] == end_cursor) {
    reader.answer(nothing ? -1 : asked != -1 ? asked : matched != -1 ? matched : 0);
  } else if (reader.read_cursor(words[1], fingerprint) && matched != -1 && request.slot != matched) {
    reader.answer(!nothing && matched > request.slot ? matched : -1);  // never back
  }
  return request;
}

}  // namespace vswim::module
