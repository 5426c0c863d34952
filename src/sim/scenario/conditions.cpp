#include "sim/scenario/conditions.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <utility>

#include "sim/scenario/sentences.hpp"

namespace vswim::sim::scenario {

namespace {
std::optional<Words> match(const Words& pattern, const Words& words) {
  Words captured;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i].ends_with(">+")) {
      if (i >= words.size()) return std::nullopt;
      captured.push_back(joined(words, i));
      return captured;
    }
    if (i >= words.size()) return std::nullopt;
    if (pattern[i].starts_with('<')) {
      captured.push_back(words[i]);
    } else if (pattern[i] != words[i]) {
      return std::nullopt;
    }
  }
  return words.size() == pattern.size() ? std::optional(captured) : std::nullopt;
}

std::vector<Sentence> sentences() {
  std::vector<Sentence> all;
  for (auto&& some : {about_shards(), about_nodes(), about_registers(), about_the_story()})
    all.insert(all.end(), some.begin(), some.end());
  return all;
}
}  // namespace

Words split(std::string_view text) {
  Words words;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

std::string joined(const Words& words, std::size_t from) {
  std::string text;
  for (auto i = from; i < words.size(); ++i) text += (i > from ? " " : "") + words[i];
  return text;
}

NodeIndex node_of(const Stage& stage, const std::string& word) {
  const auto node = stage.cast.node(word);
  if (!node) throw std::invalid_argument("no node is called " + word);
  return *node;
}

ShardId shard_of(const Stage& stage, const std::string& word) {
  const auto shard = stage.cast.shard(word);
  if (!shard) throw std::invalid_argument("no shard is called " + word);
  return *shard;
}

std::uint64_t number_of(const std::string& word) {
  const std::size_t start = word.starts_with('+') ? 1 : 0;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data() + start, word.data() + word.size(), number);
  if (error != std::errc{} || end != word.data() + word.size() || start == word.size())
    throw std::invalid_argument("\"" + word + "\" should be a number");
  return number;
}

Condition condition_of(const Heard& heard, const Words& words) {
  if (!words.empty() && words[0] == "not") {
    return [inner = condition_of(heard, {words.begin() + 1, words.end()})] { return !inner(); };
  }
  for (const auto& sentence : sentences()) {
    auto pattern = split(sentence.pattern);
    if (const auto captured = match(pattern, words)) return sentence.meaning(heard, *captured);
  }
  throw std::invalid_argument("no condition reads \"" + joined(words) + "\"; see docs/scenarios.md");
}

std::vector<std::string> known_conditions() {
  std::vector<std::string> all;
  for (const auto& sentence : sentences()) all.emplace_back(sentence.pattern);
  return all;
}

}  // namespace vswim::sim::scenario
