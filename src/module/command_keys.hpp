// Which arguments of a command are keys, from what COMMAND says about it. Pure; `Arguments` is anything that
// has size() and a std::string_view operator[](int), so the filter reads the server's arguments in place.
#pragma once

#include <charconv>
#include <string_view>

#include "module/command_table.hpp"

namespace vswim::module {

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto fold = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    if (fold(a[i]) != fold(b[i])) return false;
  }
  return true;
}

inline bool is_publish(const Command& command) {
  return command.may_write && command.name.ends_with("publish");  // and SPUBLISH
}

// Index of the first key of a spec whose beginning is a keyword; 0 when the keyword is absent. A start_from
// below zero counts from the end and searches backwards.
template <class Arguments>
int keyword_begin(const KeySpec& spec, const Arguments& arguments) {
  const int count = static_cast<int>(arguments.size());
  const bool forward = spec.start_from > 0;
  const int start = forward ? spec.start_from : count + spec.start_from;
  if (start < 1 || start >= count) return 0;
  for (int i = start; forward ? i < count - 1 : i > 0; i += forward ? 1 : -1) {
    if (equal_ignoring_case(arguments[i], spec.keyword)) return i + 1;
  }
  return 0;
}

// Calls visit(index) for every key of one range; false when the arguments do not fit (the server will say so
// itself).
template <class Arguments, class Visit>
bool visit_range(int first, int last, int step, const Arguments& arguments, Visit& visit) {
  const int count = static_cast<int>(arguments.size());
  if (step < 1 || first < 1 || last >= count) return false;
  for (int i = first; i <= last; i += step) visit(i);
  return true;
}

template <class Arguments, class Visit>
bool visit_spec(const KeySpec& spec, const Arguments& arguments, Visit& visit) {
  const int count = static_cast<int>(arguments.size());
  int first = spec.index;
  if (spec.begin == KeySpec::Begin::keyword) {
    first = keyword_begin(spec, arguments);
    if (first == 0) return true;  // an optional part that is not there
  }
  if (first < 1 || first >= count) return false;
  if (spec.find == KeySpec::Find::range) {
    int last = first + spec.last;
    if (spec.last < 0)
      last = spec.limit <= 1 ? count + spec.last : first + (count - first) / spec.limit + spec.last;
    return visit_range(first, last, spec.step, arguments, visit);
  }
  const int at = first + spec.keynum_index;
  if (at >= count) return false;
  const std::string_view text = arguments[at];
  int keys = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), keys);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size() || keys < 0 || keys > count)
    return false;
  if (keys == 0) return true;
  first += spec.first_key;
  return visit_range(first, first + (keys - 1) * spec.step, spec.step, arguments, visit);
}

// Visits every key. False: the arguments are malformed, or (ask_server) only the server knows.
template <class Arguments, class Visit>
bool visit_keys(const Command& command, const Arguments& arguments, Visit&& visit) {
  if (command.ask_server) return false;
  if (command.specs.empty()) {
    if (command.first == 0) return true;
    const int count = static_cast<int>(arguments.size());
    return visit_range(command.first, command.last < 0 ? count + command.last : command.last, command.step,
                       arguments, visit);
  }
  for (const KeySpec& spec : command.specs) {
    if (!visit_spec(spec, arguments, visit)) return false;
  }
  return true;
}

// Does this call of a command that may wait ask to wait? XREAD and XREADGROUP do by an option.
template <class Arguments>
bool asks_to_wait(const Command& command, const Arguments& arguments) {
  if (command.special != Special::stream_read) return command.has_keys();
  for (int i = 1; i < static_cast<int>(arguments.size()); ++i) {
    if (equal_ignoring_case(arguments[i], "streams")) return false;
    if (equal_ignoring_case(arguments[i], "block")) return true;
  }
  return false;
}

}  // namespace vswim::module
