#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "sim/clock.hpp"

using namespace vswim;
using namespace vswim::sim;

TEST_CASE("a clock reads an instant exactly when it says it will, at every rate") {
  Rng rng(7);
  for (const std::int64_t error : {-10'000, -3'333, 0, 1, 10'000}) {
    const NodeClock clock(WorldTime{123'456'789}, Instant{} + seconds(86'400), error);
    for (int i = 0; i < 200; ++i) {
      const Instant wanted =
          Instant{} + seconds(86'400) + Duration{static_cast<std::int64_t>(rng.below(3'600'000'000'000))};
      const WorldTime when = clock.when_reads(wanted);
      CHECK(clock.read(when) >= wanted);
      CHECK(clock.read(when - nanoseconds(1)) < wanted);
    }
  }
}

TEST_CASE("two clocks at opposite extremes part by two percent") {
  const NodeClock fast({}, {}, 10'000), slow({}, {}, -10'000);
  const WorldTime later = WorldTime{} + seconds(100);
  CHECK((fast.read(later) - slow.read(later)).ms() == 2'000);
}

TEST_CASE("an instant that never comes has no world time") {
  const NodeClock clock({}, {}, 10'000);
  CHECK(clock.when_reads(Instant::never()) == WorldTime::never());
}
