// What `simulate swim` is asked to do: how many nodes, how long, what goes wrong.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace vswim::sim::membership {

enum class Fault : std::uint8_t {
  none,
  one_way,          // 1 % of the nodes hear nothing, and another 1 % are heard by nobody
  lossy,            // 1 % of the nodes lose 80 % of what they send and of what is sent to them
  split,            // two halves for 30 s, then whole again
  flap,             // one node is cut off for 5 s of every 10
  pause,            // 10 % of the nodes stand still for 5 s
  rolling_restart,  // every node leaves and comes back, one after another
  churn,            // 1 % of the nodes a minute crash and come back after 10 s
};

// Figures are in seconds.
inline double seconds_of(Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

struct Plan {
  std::uint32_t nodes = 100;
  Duration length = seconds(60);  // measured, after forming
  std::uint32_t loss_per_million = 0;
  std::uint32_t kill = 0;
  std::uint32_t kill_primaries = 0;
  std::uint64_t seed = 1;
  Fault fault = Fault::none;
  bool mass_start = false;
  bool leases = false;
};

}  // namespace vswim::sim::membership
