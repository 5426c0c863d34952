// One node's clock: it started at some reading and runs at a constant rate that is wrong by up to the drift
// the protocol allows. Readings are monotonic; a reboot is a new clock.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"
#include "sim/world_time.hpp"

namespace vswim::sim {

class NodeClock {
 public:
  NodeClock() = default;
  NodeClock(WorldTime start, Instant reading, std::int64_t rate_error_ppm)
      : start_(start), reading_(reading), rate_error_ppm_(rate_error_ppm) {}

  Instant read(WorldTime now) const { return reading_ + (now - start_).scaled_ppm(rate_error_ppm_); }

  // The earliest world time at which read() has reached `reading`.
  WorldTime when_reads(Instant reading) const {
    if (reading >= Instant::never()) return WorldTime::never();
    if (reading <= reading_) return start_;
    const std::int64_t wanted = (reading - reading_).ns;
    const std::int64_t rate = 1'000'000 + rate_error_ppm_;
    WorldTime time = start_ + Duration{wanted / rate * 1'000'000 + wanted % rate * 1'000'000 / rate};
    time.ns = std::max(time.ns - 2, start_.ns);  // integer rounding is off by less than two nanoseconds
    while (read(time) < reading) ++time.ns;
    return time;
  }

  std::int64_t rate_error_ppm() const { return rate_error_ppm_; }

 private:
  WorldTime start_;
  Instant reading_;
  std::int64_t rate_error_ppm_ = 0;
};

}  // namespace vswim::sim
