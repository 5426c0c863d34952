// Seeds are worlds of their own, so they run in as many processes as there are cores; what comes back is told
// in the order of the seeds. A process that dies (an assertion in the code under test) is a red seed.
#pragma once

#include <cstdint>
#include <functional>

#include "sim/run.hpp"

namespace vswim::sim {

struct Jobs {
  std::uint64_t first = 1, last = 1;
  std::uint32_t processes = 1;
  double seconds_max = 0;  // no further seed is begun after this; 0: no limit
};
using RunSeed = std::function<RunResult(std::uint64_t seed)>;
using TellRun = std::function<bool(const RunResult& run)>;  // false: enough

void run_jobs(const Jobs& jobs, const RunSeed& run, const TellRun& tell);

}  // namespace vswim::sim
