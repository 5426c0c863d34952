// The one clock that leases are counted on: CLOCK_BOOTTIME goes on while the machine sleeps.
#include <time.h>

#include "base/assert.hpp"
#include "runtime/node.hpp"

namespace vswim::runtime {

namespace {
Instant read_clock(clockid_t clock) {
  timespec now{};
  VSWIM_ASSERT(clock_gettime(clock, &now) == 0, "the kernel does not have this clock");
  return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}
}  // namespace

Instant boottime_now() { return read_clock(CLOCK_BOOTTIME); }

Duration wall_offset_now() { return read_clock(CLOCK_REALTIME) - boottime_now(); }

}  // namespace vswim::runtime
