// The one clock that leases are counted on: CLOCK_BOOTTIME goes on while the machine sleeps.
#include <time.h>

#include "base/assert.hpp"
#include "runtime/node.hpp"

namespace vswim::runtime {

Instant boottime_now() {
  timespec now{};
  VSWIM_ASSERT(clock_gettime(CLOCK_BOOTTIME, &now) == 0, "the kernel has no CLOCK_BOOTTIME");
  return {static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

}  // namespace vswim::runtime
