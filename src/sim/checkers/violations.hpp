// The history of broken promises of one run: which invariant, where, when in oracle time, and why.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/world_time.hpp"

namespace vswim::sim {

struct Violation {
  std::string invariant;  // "I2", ... of design 2 section 4, or "liveness", "answers", "spin"
  std::string node;
  WorldTime at;
  std::string reason;
};

class Violations {
 public:
  void add(std::string invariant, std::string node, WorldTime at, std::string reason) {
    ++total_;
    if (!told_.insert(invariant + node + reason.substr(0, 24)).second || first_.size() >= kept_max) return;
    first_.push_back({std::move(invariant), std::move(node), at, std::move(reason)});
  }
  void count_unkept(std::uint64_t more) { total_ += more; }
  const std::vector<Violation>& first() const { return first_; }
  std::uint64_t total() const { return total_; }
  bool empty() const { return total_ == 0; }

 private:
  static constexpr std::size_t kept_max = 40;  // the first ones tell the story
  std::uint64_t total_ = 0;
  std::set<std::string> told_;
  std::vector<Violation> first_;
};

}  // namespace vswim::sim
