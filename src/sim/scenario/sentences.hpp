// What each condition's sentence means. "<...>" stands for one word, "<...>+" at the end for all that follow.
#pragma once

#include <functional>
#include <vector>

#include "sim/scenario/conditions.hpp"

namespace vswim::sim::scenario {

struct Sentence {
  const char* pattern;
  std::function<Condition(const Heard&, const Words& captured)> meaning;
};

std::vector<Sentence> about_shards();
std::vector<Sentence> about_nodes();
std::vector<Sentence> about_registers();
std::vector<Sentence> about_the_story();

}  // namespace vswim::sim::scenario
