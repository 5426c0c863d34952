// How many snapshots a node serves at once, so that thousands that start together do not choke the seeds: who
// is refused hears nothing, and asks whom it meets next.
#pragma once

#include <array>
#include <cstddef>

#include "base/time.hpp"

namespace vswim::provider {

// Whoever learns of so many members at once is one of many that start together, and whom he asked was
// another: he asks on, so that what each of them knows doubles with every answer.
inline bool brought_many(std::size_t known, std::size_t known_now) {
  return known_now > known + known / 8 + 2;
}

class SnapshotBudget {
 public:
  bool take(Instant now) {
    Instant& oldest = begun_[next_];
    if (now - oldest < serving) return false;
    oldest = now;
    next_ = (next_ + 1) % begun_.size();
    return true;
  }

 private:
  static constexpr std::size_t at_once_max = 8;
  // What a megabyte, the members and registers of a very large cluster, takes eight times over 400 Mbit/s.
  static constexpr Duration serving = milliseconds(160);

  static constexpr std::array<Instant, at_once_max> none() {
    std::array<Instant, at_once_max> begun{};
    begun.fill(Instant::long_ago());
    return begun;
  }
  std::array<Instant, at_once_max> begun_ = none();
  std::size_t next_ = 0;
};

}  // namespace vswim::provider
