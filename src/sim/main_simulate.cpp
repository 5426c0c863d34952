// The program `simulate`. Its words are told by usage() below; `simulate scenario` has its own room,
// sim/scenario/main_scenario.hpp, and so has `simulate swim`, sim/main_swim.hpp.
//
// With --mutate (mutation build only) `shard` stops at the first red seed, or after two minutes. --until
// stops at the first seed that breaks that invariant. --limit: no seed is begun after so many seconds.
// --at-writes: every world crashes nodes at their writes and changes machines, where others draw whether.
// --json: nothing but the last line, which is JSON always. Exit status: 0 no violation, 1 violations, 2 wrong
// usage.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutation.hpp"
#include "sim/main_jobs.hpp"
#include "sim/main_swim.hpp"
#include "sim/parse_number.hpp"
#include "sim/report.hpp"
#include "sim/scenario/main_scenario.hpp"

namespace {

using namespace vswim;
using sim::parse_number;

// clang-format off
constexpr std::string_view mutations[] = {
    "l1", "l2", "l3", "l4", "l4b", "l5",
    "l6", "l7", "l8", "l9", "l10", "s1",
    "s2", "s3", "s4", "s5", "drift_lease", "drift_silence",
    "fsync", "no_op", "seal_order", "incarnation", "batch_atomic", "tombstone_horizon",
    "claim", "psync", "restart", "hold_writes", "catch_up", "whole_copy",
    "lost_keys"};
// clang-format on

constexpr double mutated_seconds_max = 120;

struct Options {
  std::string verb;
  sim::Jobs jobs;
  sim::RunSettings run;
  double minutes = 2;
  std::string mutate, until;
  bool json = false, trace = false;
};

int usage() {
  std::fprintf(
      stderr,
      "usage: simulate shard --seeds A-B [--minutes M] [--clock-error-ppm E] [--mutate NAME|list]\n"
      "                      [--until INVARIANT] [--limit SECONDS] [--jobs N] [--at-writes] [--json]\n"
      "       simulate replay --seed N [--minutes M] [--clock-error-ppm E] [--mutate NAME]\n"
      "                      [--at-writes] [--trace]\n"
      "       simulate scenario [--rewrite] FILE...\n"
      "       simulate swim --nodes N ...   (tells its own flags)\n");
  return 2;
}

bool parse_seeds(std::string_view text, sim::Jobs& jobs) {
  const auto dash = text.find('-');
  const auto last = dash == std::string_view::npos ? text : text.substr(dash + 1);
  return parse_number(text.substr(0, dash), jobs.first) && parse_number(last, jobs.last);
}

bool take_option(Options& options, std::string_view word, const std::string& value) {
  if (word == "--seeds") return parse_seeds(value, options.jobs);
  if (word == "--seed") return parse_seeds(value, options.jobs) && options.jobs.first == options.jobs.last;
  if (word == "--minutes") return parse_number(value, options.minutes);
  if (word == "--clock-error-ppm") return parse_number(value, options.run.clock_error_ppm);
  if (word == "--limit") return parse_number(value, options.jobs.seconds_max);
  if (word == "--jobs") return parse_number(value, options.jobs.processes);
  if (word == "--until") {
    options.until = value;
    return true;
  }
  options.mutate = value;
  return word == "--mutate";
}

std::optional<Options> parse(int count, char** words) {
  if (count < 2) return std::nullopt;
  Options options;
  options.jobs.processes = static_cast<std::uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  options.verb = words[1];
  if (options.verb != "shard" && options.verb != "replay") return std::nullopt;
  for (int i = 2; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json") {
      options.json = true;
    } else if (word == "--trace") {
      options.trace = true;
    } else if (word == "--at-writes") {
      options.run.at_writes = true;
    } else if (i + 1 >= count || !take_option(options, word, words[++i])) {
      return std::nullopt;
    }
  }
  const auto& jobs = options.jobs;
  const bool sane = options.minutes > 0 && options.minutes <= 100'000 && jobs.last >= jobs.first &&
                    jobs.processes > 0 && jobs.processes <= 256 && options.run.clock_error_ppm >= 0 &&
                    options.run.clock_error_ppm < 500'000;
  if (!sane) return std::nullopt;
  if (!options.mutate.empty() && options.jobs.seconds_max == 0)
    options.jobs.seconds_max = mutated_seconds_max;
  options.run.safety = Duration{static_cast<std::int64_t>(options.minutes * 60e9)};
  return options;
}

void print_trace(sim::WorldTime now, sim::NodeIndex node, std::string_view text) {
  std::printf("%12.6f n%u %.*s\n", static_cast<double>(now.ns) / 1e9, node, static_cast<int>(text.size()),
              text.data());
}

bool switch_off(const std::string& name) {
  if (name.empty()) return true;
#ifdef VSWIM_MUTATIONS
  mutation::switched_off() = name;
  if (std::ranges::find(mutations, name) != std::end(mutations)) return true;
  std::fprintf(stderr, "simulate: no such mutation: %s\n", name.c_str());
#else
  std::fprintf(stderr, "simulate: this build has no mutations; configure with the preset `mutation`\n");
#endif
  return false;
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string_view(words[1]) == "scenario")
    return sim::scenario::main_scenario(count - 2, words + 2);
  if (count > 1 && std::string_view(words[1]) == "swim") return sim::main_swim(count - 2, words + 2);
  const auto options = parse(count, words);
  if (!options) return usage();
  if (options->mutate == "list") {
    for (const auto mutation : mutations)
      std::printf("%.*s\n", static_cast<int>(mutation.size()), mutation.data());
    return 0;
  }
  if (!switch_off(options->mutate)) return 2;
  const auto started = std::chrono::steady_clock::now();
  const auto run = [&](std::uint64_t seed) {
    auto settings = options->run;
    settings.seed = seed;
    return sim::run_shard_seed(settings,
                               options->trace ? sim::Cluster::Tracer(print_trace) : sim::Cluster::Tracer{});
  };
  sim::Total total(options->until);
  const auto tell = [&](const sim::RunResult& result) {
    total.add(result);
    if (!options->json) std::fputs(sim::line_of(result).c_str(), stdout);
    std::fflush(stdout);
    // A mutation is found by its first red seed; --until asks for a seed that breaks one invariant.
    const auto& seen = result.violations.first();
    const bool found = std::ranges::any_of(
        seen, [&](const auto& violation) { return violation.invariant == options->until; });
    return !found && (options->mutate.empty() || seen.empty());
  };
  if (options->verb == "replay") {
    tell(run(options->jobs.first));
  } else {
    sim::run_jobs(options->jobs, run, tell);
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
  std::fputs(total.json(options->mutate, options->minutes, wall.count()).c_str(), stdout);
  return total.violations() == 0 ? 0 : 1;
}
