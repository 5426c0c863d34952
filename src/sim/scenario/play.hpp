// Plays a script over a cluster of its own: command by command, with time passing only where the script says
// so or waits for something. What came of it is the trace and what went wrong.
#pragma once

#include <string>
#include <vector>

#include "sim/cluster.hpp"
#include "sim/scenario/script.hpp"

namespace vswim::sim::scenario {

struct Complaint {
  std::string checker;  // an invariant of the oracle, or "expect"
  std::string text;
};

struct Played {
  std::vector<std::string> trace;
  std::vector<Complaint> complaints;
};

struct PlayOptions {
  std::string mutate;  // this rule is switched off once the cluster has formed (mutation build)
  Cluster::Tracer tracer;
};

// Throws ScriptError for what it does not understand.
Played play(const Script& script, const PlayOptions& options);

}  // namespace vswim::sim::scenario
