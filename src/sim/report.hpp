// What `simulate` prints: one line a seed, and the JSON line at the end. Also one run's result as bytes, to
// come back from the process that ran it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sim/run.hpp"

namespace vswim::sim {

std::string line_of(const RunResult& run);

// In order of their seeds, whoever ran them.
class Total {
 public:
  explicit Total(std::string wanted = {})
      : wanted_(std::move(wanted)) {}  // the invariant to list; empty: all
  void add(const RunResult& run);
  std::string json(std::string_view mutation, double minutes, double wall_seconds) const;
  std::uint64_t violations() const { return violations_; }

 private:
  std::string wanted_;
  std::uint64_t seeds_ = 0, events_ = 0, violations_ = 0, red_seeds_ = 0, hash_ = 0;
  double virtual_minutes_ = 0;
  Coverage coverage_;
  std::string first_;
};

std::string packed(const RunResult& run);
std::optional<RunResult> unpacked(std::string_view bytes);

}  // namespace vswim::sim
