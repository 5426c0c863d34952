#include "core/slot_tags.hpp"

#include <array>

namespace vswim::core {
namespace {

constexpr std::string_view alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
using Tags = std::array<std::string, slot_count>;

// Every string of this length behind `prefix`, in order; the first of a slot stays.
void visit(std::string& prefix, std::size_t length, Tags& tags) {
  if (length == 0) {
    std::string& tag = tags[key_slot(prefix)];
    if (tag.empty()) tag = prefix;
    return;
  }
  for (const char c : alphabet) {
    prefix.push_back(c);
    visit(prefix, length - 1, tags);
    prefix.pop_back();
  }
}

Tags make_tags() {
  constexpr std::size_t longest = 3;  // 62^3 strings meet all slots
  Tags tags;
  std::string prefix;
  for (std::size_t length = 1; length <= longest; ++length) visit(prefix, length, tags);
  return tags;
}

}  // namespace

const std::string& slot_tag(Slot slot) {
  static const Tags tags = make_tags();
  return tags[slot];
}

}  // namespace vswim::core
