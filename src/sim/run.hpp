// One run of one seed: form a cluster, a safety phase with faults, then a liveness phase in which everything
// is healed and every promise of progress is called in. The same seed gives the same history, event for
// event.
#pragma once

#include <cstdint>
#include <string>

#include "sim/cluster.hpp"

namespace vswim::sim {

struct RunSettings {
  std::uint64_t seed = 1;
  Duration safety = seconds(120);         // virtual time with faults
  bool moves = true;                      // replicas move between shards meanwhile
  std::int64_t clock_error_ppm = 10'000;  // of the worst clock; the protocol assumes 1 %
  bool at_writes = false;                 // in every world nodes crash at their writes and machines change
};

struct RunResult {
  std::uint64_t seed = 0;
  std::string conditions;  // T, shape and profile, as drawn
  Violations violations;
  Coverage coverage;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  Duration virtual_time;
};

RunResult run_shard_seed(const RunSettings& settings, Cluster::Tracer tracer = {});

}  // namespace vswim::sim
