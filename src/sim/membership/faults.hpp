// What goes wrong in a run, written onto the crowd's timeline before it begins.
#pragma once

#include "sim/membership/crowd.hpp"

namespace vswim::sim::membership {

constexpr Duration fault_after = seconds(5);  // from the beginning of what is measured

void schedule_faults(Crowd& crowd, const Plan& plan);

}  // namespace vswim::sim::membership
