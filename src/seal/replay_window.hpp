// Which counters of one sender were taken: each once, in any order within the last 1 024 (design 2, section
// 5). An older one counts as taken.
#pragma once

#include <array>
#include <cstdint>

namespace vswim::seal {

class ReplayWindow {
 public:
  static constexpr std::uint64_t width = 1'024;

  bool is_fresh(std::uint64_t counter) const {
    if (!any_ || counter > newest_) return true;
    if (newest_ - counter >= width) return false;
    return (word(counter) >> (counter % 64) & 1) == 0;
  }

  // False, and nothing changed, when it was not fresh.
  bool take(std::uint64_t counter) {
    if (!is_fresh(counter)) return false;
    if (!any_ || counter > newest_) advance(counter);
    word(counter) |= std::uint64_t{1} << (counter % 64);
    return true;
  }

 private:
  const std::uint64_t& word(std::uint64_t counter) const { return taken_[counter % width / 64]; }
  std::uint64_t& word(std::uint64_t counter) { return taken_[counter % width / 64]; }

  void advance(std::uint64_t counter) {
    if (!any_ || counter - newest_ >= width) {
      taken_.fill(0);
    } else {
      for (auto c = newest_ + 1; c <= counter; ++c) word(c) &= ~(std::uint64_t{1} << (c % 64));
    }
    any_ = true;
    newest_ = counter;
  }

  std::array<std::uint64_t, width / 64> taken_{};
  std::uint64_t newest_ = 0;
  bool any_ = false;
};

}  // namespace vswim::seal
