// The oracle's time. A type of its own: a node's clock reading (Instant) can never be compared with it by
// mistake.
#pragma once

#include <compare>
#include <cstdint>

#include "base/time.hpp"

namespace vswim::sim {

struct WorldTime {
  std::int64_t ns = 0;

  friend auto operator<=>(const WorldTime&, const WorldTime&) = default;
  friend WorldTime operator+(WorldTime t, Duration d) { return {t.ns + d.ns}; }
  friend WorldTime operator-(WorldTime t, Duration d) { return {t.ns - d.ns}; }
  friend Duration operator-(WorldTime a, WorldTime b) { return {a.ns - b.ns}; }

  static constexpr WorldTime never() { return {Instant::never().ns}; }
};

}  // namespace vswim::sim
