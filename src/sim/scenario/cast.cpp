#include "sim/scenario/cast.hpp"

#include <algorithm>
#include <charconv>

#include "core/slots.hpp"

namespace vswim::sim::scenario {

void Cast::enter(const Shape& shape) {
  char letter = 'A';
  for (const auto count : shape.data_nodes) {
    for (std::uint32_t i = 1; i <= count; ++i) enter(letter + std::to_string(i));
    ++letter;
  }
  for (std::uint32_t i = 1; i <= shape.arbiters; ++i) enter("V" + std::to_string(i));
}

std::optional<NodeIndex> Cast::node(std::string_view name) const {
  if (const auto called = also_.find(name); called != also_.end()) return called->second;
  const auto found = std::ranges::find(names_, name);
  if (found == names_.end()) return std::nullopt;
  return static_cast<NodeIndex>(found - names_.begin());
}

std::optional<ShardId> Cast::shard(std::string_view name) const {
  if (name.size() != 1 || name[0] < 'A') return std::nullopt;
  const auto index = static_cast<std::size_t>(name[0] - 'A');
  if (index >= shards_.size()) return std::nullopt;
  return shards_[index];
}

std::string Cast::name(const ShardId& shard) const {
  const auto found = std::ranges::find(shards_, shard);
  if (found == shards_.end()) return "a shard of its own";
  return std::string(1, static_cast<char>('A' + (found - shards_.begin())));
}

std::string Cast::key(std::string_view word) const {
  const auto shards = static_cast<std::uint32_t>(shards_.size());
  if (word.size() < 2 || word[0] < 'a' || word[0] >= static_cast<char>('a' + shards))
    return std::string(word);
  std::uint32_t wanted = 0;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), wanted);
  if (error != std::errc{} || end != word.data() + word.size() || wanted == 0) return std::string(word);
  const auto shard = static_cast<std::uint32_t>(word[0] - 'a');
  for (std::uint32_t i = 0, found = 0;; ++i) {
    std::string key = "key:" + std::to_string(i);
    const auto slot = core::key_slot(key);
    const bool mine =
        slot >= core::slot_count * shard / shards && slot < core::slot_count * (shard + 1) / shards;
    if (mine && ++found == wanted) return key;
  }
}

}  // namespace vswim::sim::scenario
