#include "base/time.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace vswim;

TEST_CASE("units are what they say") {
  CHECK(seconds(1) == milliseconds(1'000));
  CHECK(milliseconds(1) == microseconds(1'000));
  CHECK(microseconds(1) == nanoseconds(1'000));
  CHECK(milliseconds(1'999).ms() == 1'999);
  CHECK(microseconds(1'999).ms() == 1);
}

TEST_CASE("instants and durations add up") {
  const Instant t{1'000};
  CHECK(t + nanoseconds(5) - t == nanoseconds(5));
  CHECK(t - nanoseconds(5) < t);
  CHECK(seconds(3) * 2 / 3 == seconds(2));
  CHECK(seconds(1) - seconds(2) < Duration{});
}

TEST_CASE("scaling by parts per million is exact where a lease needs it") {
  CHECK(seconds(1).scaled_ppm(10'000) == milliseconds(1'010));
  CHECK(seconds(1).scaled_ppm(-10'000) == milliseconds(990));
  CHECK(nanoseconds(100).scaled_ppm(10'000) == nanoseconds(101));
  CHECK(seconds(24 * 3'600 * 365).scaled_ppm(10'000) == seconds(24 * 3'600 * 365) + seconds(24 * 36 * 365));
}

TEST_CASE("never and long ago leave room for arithmetic") {
  CHECK(Instant::never() + seconds(1'000'000) > Instant::never());
  CHECK(Instant::long_ago() - seconds(1'000'000) < Instant::long_ago());
  CHECK(seconds(4'000'000'000) > Instant{} - Instant::never());
  CHECK(Instant{4'000'000'000'000'000'000} - Instant::long_ago() > Duration{});
}
