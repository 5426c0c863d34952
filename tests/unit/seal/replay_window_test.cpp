// Claims about the window, against a set that remembers everything.
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <set>

#include "base/rng.hpp"
#include "seal/replay_window.hpp"

using namespace vswim;
using vswim::seal::ReplayWindow;

TEST_CASE("each counter is taken once, in any order within the window") {
  ReplayWindow window;
  CHECK(window.take(5));
  CHECK_FALSE(window.take(5));
  CHECK(window.take(3));
  CHECK(window.take(0));
  CHECK_FALSE(window.take(3));
  CHECK(window.take(6));
}

TEST_CASE("the edges: 1 023 behind the newest is taken, 1 024 is too old") {
  ReplayWindow window;
  REQUIRE(window.take(10'000));
  CHECK(window.take(10'000 - 1'023));
  CHECK_FALSE(window.take(10'000 - 1'024));
  CHECK_FALSE(window.take(0));
}

TEST_CASE("a leap forgets what is behind the window and only that") {
  ReplayWindow window;
  for (std::uint64_t c = 0; c < 2'000; ++c) REQUIRE(window.take(c));
  REQUIRE(window.take(2'000 + 1'023));
  CHECK_FALSE(window.is_fresh(2'000 - 1));
  CHECK(window.take(2'000));
  REQUIRE(window.take(std::uint64_t{1} << 40));
  CHECK_FALSE(window.take(2'000 + 1'023));
  CHECK(window.take((std::uint64_t{1} << 40) - 1'023));
}

TEST_CASE("the largest counters have room") {
  constexpr auto last = std::numeric_limits<std::uint64_t>::max();
  ReplayWindow window;
  CHECK(window.take(last));
  CHECK_FALSE(window.take(last));
  CHECK(window.take(last - 1'023));
  CHECK_FALSE(window.take(last - 1'024));
}

TEST_CASE("a hundred thousand random counters agree with a set that forgets nothing") {
  Rng rng(11);
  ReplayWindow window;
  std::set<std::uint64_t> taken;
  std::uint64_t newest = 0, around = 0;
  for (int i = 0; i < 100'000; ++i) {
    around += rng.below(4);
    if (rng.chance(1'000)) around += rng.below(3'000);
    const auto back = rng.below(1'400);
    const auto counter = around > back ? around - back : 0;
    const bool expected =
        !taken.contains(counter) && (taken.empty() || counter > newest || newest - counter < 1'024);
    REQUIRE(window.take(counter) == expected);
    if (expected) {
      taken.insert(counter);
      newest = std::max(newest, counter);
    }
  }
}
