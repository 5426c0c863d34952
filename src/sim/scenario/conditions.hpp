// The conditions that a script can wait for and expect: sentences with names in them. docs/scenarios.md lists
// them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/letters.hpp"
#include "sim/scenario/stage.hpp"

namespace vswim::sim::scenario {

using Words = std::vector<std::string>;
using Condition = std::function<bool()>;

// What a story has seen besides the cluster itself.
struct Heard {
  const Stage* stage = nullptr;
  const Letters* letters = nullptr;
  std::optional<std::string> reply;  // to the newest command, proposal or write
};

// Throws std::invalid_argument with what is wrong with the sentence.
Condition condition_of(const Heard& heard, const Words& words);

// The sentences, for people.
std::vector<std::string> known_conditions();

// The world's names as the words of a sentence; they throw std::invalid_argument.
NodeIndex node_of(const Stage& stage, const std::string& word);
ShardId shard_of(const Stage& stage, const std::string& word);
std::uint64_t number_of(const std::string& word);
std::string joined(const Words& words, std::size_t from = 0);
Words split(std::string_view text);

}  // namespace vswim::sim::scenario
