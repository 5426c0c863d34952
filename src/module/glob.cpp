#include "module/glob.hpp"

#include <utility>

#include "core/slots.hpp"

namespace vswim::module {
namespace {

struct Step {
  bool matches = false;
  std::size_t length = 1;  // of the pattern's element
};

// A class, `pattern` begins with its bracket. Without an end it reaches as far as the pattern.
Step match_class(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      found |= pattern[at] == c;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      auto low = static_cast<unsigned char>(pattern[at]);
      auto high = static_cast<unsigned char>(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      found |= low <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= high;
      at += 2;
    } else {
      found |= pattern[at] == c;
    }
  }
  return {found != negated, at < pattern.size() ? at + 1 : pattern.size()};
}

Step match_one(std::string_view pattern, char c) {
  if (pattern[0] == '?') return {true, 1};
  if (pattern[0] == '[') return match_class(pattern, c);
  if (pattern[0] == '\\' && pattern.size() > 1) return {pattern[1] == c, 2};
  return {pattern[0] == c, 1};
}

}  // namespace

// Only the last star is ever tried anew: what an earlier one could have taken instead, that one can, too.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0;
  std::size_t behind_star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      behind_star = ++p;
      taken = t;
      continue;
    }
    const Step step = p < pattern.size() ? match_one(pattern.substr(p), text[t]) : Step{};
    if (step.matches) {
      p += step.length;
      ++t;
    } else if (behind_star != std::string_view::npos) {
      p = behind_star;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::int32_t glob_slot(std::string_view pattern) {
  const std::size_t special = pattern.find_first_of("*?[\\");
  const std::string_view plain = pattern.substr(0, special);
  if (special == std::string_view::npos) return core::key_slot(pattern);
  const std::size_t open = plain.find('{');
  if (open == std::string_view::npos) return -1;
  const std::size_t close = plain.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return -1;
  return core::key_slot(plain);
}

}  // namespace vswim::module
