// Time as machines see it: instants are handed in, never read. An Instant counts nanoseconds of
// CLOCK_BOOTTIME (or of the simulator's clock); only runtime, module and sim know where it comes from.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace vswim {

struct Duration {
  std::int64_t ns = 0;

  friend auto operator<=>(const Duration&, const Duration&) = default;
  friend Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend Duration operator*(Duration a, std::int64_t k) { return {a.ns * k}; }
  friend Duration operator/(Duration a, std::int64_t k) { return {a.ns / k}; }

  std::int64_t ms() const { return ns / 1'000'000; }
  // Scaled by (1 + ppm/1e6); a negative ppm shortens. Rounded away from a longer lease by the callers' slack.
  Duration scaled_ppm(std::int64_t ppm) const {
    return {ns + ns / 1'000'000 * ppm + ns % 1'000'000 * ppm / 1'000'000};
  }
};

constexpr Duration nanoseconds(std::int64_t n) { return {n}; }
constexpr Duration microseconds(std::int64_t n) { return {n * 1'000}; }
constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }

struct Instant {
  std::int64_t ns = 0;

  friend auto operator<=>(const Instant&, const Instant&) = default;
  friend Instant operator+(Instant t, Duration d) { return {t.ns + d.ns}; }
  friend Instant operator-(Instant t, Duration d) { return {t.ns - d.ns}; }
  friend Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }

  static constexpr Instant never() { return {std::numeric_limits<std::int64_t>::max() / 2}; }
  static constexpr Instant long_ago() { return {std::numeric_limits<std::int64_t>::min() / 2}; }
};

}  // namespace vswim
