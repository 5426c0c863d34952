// simulate shard --seeds A-B [--minutes M] [--mutate NAME|list] [--json]
// simulate replay --seed N [--minutes M] [--mutate NAME] [--trace]
// With --mutate (mutation build only) `shard` stops at the first red seed. The last line of the output is
// JSON. Exit status: 0 no violation, 1 violations, 2 wrong usage.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutation.hpp"
#include "sim/run.hpp"

namespace {

using namespace vswim;

constexpr std::string_view mutations[] = {"l1",
                                          "l2",
                                          "l3",
                                          "l4",
                                          "l4b",
                                          "l5",
                                          "l6",
                                          "l7",
                                          "l8",
                                          "l9",
                                          "l10",
                                          "s1",
                                          "s2",
                                          "s3",
                                          "s4",
                                          "s5",
                                          "drift",
                                          "fsync",
                                          "no_op",
                                          "seal_order",
                                          "incarnation",
                                          "batch_atomic",
                                          "tombstone_horizon",
                                          "claim",
                                          "psync"};

struct Options {
  std::string verb;
  std::uint64_t first = 1, last = 1;
  double minutes = 2;
  std::string mutate;
  bool json = false, trace = false;
};

int usage() {
  std::fprintf(stderr,
               "usage: simulate shard --seeds A-B [--minutes M] [--mutate NAME|list] [--json]\n"
               "       simulate replay --seed N [--minutes M] [--mutate NAME] [--trace]\n");
  return 2;
}

bool parse_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

std::optional<Options> parse(int count, char** words) {
  if (count < 2) return std::nullopt;
  Options options;
  options.verb = words[1];
  if (options.verb != "shard" && options.verb != "replay") return std::nullopt;
  for (int i = 2; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--json") {
      options.json = true;
      continue;
    }
    if (word == "--trace") {
      options.trace = true;
      continue;
    }
    if (i + 1 >= count) return std::nullopt;
    const std::string value = words[++i];
    if (word == "--seeds") {
      const auto dash = value.find('-');
      const auto last = dash == std::string::npos ? value : value.substr(dash + 1);
      if (!parse_number(std::string_view(value).substr(0, dash), options.first) ||
          !parse_number(last, options.last))
        return std::nullopt;
    } else if (word == "--seed") {
      if (!parse_number(value, options.first)) return std::nullopt;
      options.last = options.first;
    } else if (word == "--minutes") {
      options.minutes = std::atof(value.c_str());
    } else if (word == "--mutate") {
      options.mutate = value;
    } else {
      return std::nullopt;
    }
  }
  if (options.minutes <= 0 || options.last < options.first) return std::nullopt;
  return options;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + '"';
}

std::string json_of(const sim::Violation& violation, std::uint64_t seed) {
  return "{\"seed\":" + std::to_string(seed) + ",\"invariant\":" + quoted(violation.invariant) +
         ",\"node\":" + quoted(violation.node) +
         ",\"time_ms\":" + std::to_string(violation.at.ns / 1'000'000) +
         ",\"reason\":" + quoted(violation.reason) + "}";
}

std::string json_of(const sim::Coverage& coverage) {
  std::string out = "{";
  for (const auto& [name, field] : sim::Coverage::fields()) {
    if (out.size() > 1) out += ',';
    out += quoted(name) + ":" + std::to_string(coverage.*field);
  }
  return out + "}";
}

struct Total {
  std::uint64_t seeds = 0, events = 0, violations = 0, red_seeds = 0, hash = 0;
  double virtual_minutes = 0;
  sim::Coverage coverage;
  std::string list;

  void add(const sim::RunResult& run) {
    ++seeds;
    events += run.events;
    violations += run.violations.total();
    red_seeds += run.violations.empty() ? 0 : 1;
    hash = (hash ^ run.hash) * 0x9fb21c651e98df25ULL;
    virtual_minutes += static_cast<double>(run.virtual_time.ms()) / 60'000.0;
    coverage.add(run.coverage);
    for (const auto& violation : run.violations.first()) {
      if (list.size() < 100'000) list += (list.empty() ? "" : ",") + json_of(violation, run.seed);
    }
  }
  void print(const Options& options, double wall_seconds) const {
    std::printf(
        "{\"scenario\":\"shard\",\"mutate\":%s,\"seeds\":%llu,\"minutes\":%g,\"virtual_minutes\":%.1f,"
        "\"events\":%llu,"
        "\"wall_seconds\":%.1f,\"violations\":%llu,\"red_seeds\":%llu,\"hash\":\"%016llx\",\"coverage\":%s,"
        "\"first\":[%s]}\n",
        quoted(options.mutate).c_str(), static_cast<unsigned long long>(seeds), options.minutes,
        virtual_minutes, static_cast<unsigned long long>(events), wall_seconds,
        static_cast<unsigned long long>(violations), static_cast<unsigned long long>(red_seeds),
        static_cast<unsigned long long>(hash), json_of(coverage).c_str(), list.c_str());
  }
};

void print_run(const sim::RunResult& run) {
  std::printf(
      "seed %llu %s hash %016llx events %llu: %s\n", static_cast<unsigned long long>(run.seed),
      run.conditions.c_str(), static_cast<unsigned long long>(run.hash),
      static_cast<unsigned long long>(run.events),
      run.violations.empty() ? "ok" : (std::to_string(run.violations.total()) + " violations").c_str());
  for (const auto& violation : run.violations.first()) {
    std::printf("  %s %s at %.3f s: %s\n", violation.invariant.c_str(), violation.node.c_str(),
                static_cast<double>(violation.at.ns) / 1e9, violation.reason.c_str());
  }
  std::fflush(stdout);
}

void print_trace(sim::WorldTime now, sim::NodeIndex node, std::string_view text) {
  std::printf("%12.6f n%u %.*s\n", static_cast<double>(now.ns) / 1e9, node, static_cast<int>(text.size()),
              text.data());
}

bool switch_off(const std::string& name) {
  if (name.empty()) return true;
  bool known = false;
  for (const auto mutation : mutations) known = known || mutation == name;
#ifdef VSWIM_MUTATIONS
  if (known) mutation::switched_off() = name;
  return known;
#else
  std::fprintf(stderr, "simulate: this build has no mutations; configure with the preset `mutation`\n");
  return false;
#endif
}

}  // namespace

int main(int count, char** words) {
  const auto options = parse(count, words);
  if (!options) return usage();
  if (options->mutate == "list") {
    for (const auto mutation : mutations)
      std::printf("%.*s\n", static_cast<int>(mutation.size()), mutation.data());
    return 0;
  }
  if (!switch_off(options->mutate)) return 2;
  Total total;
  const auto started = std::chrono::steady_clock::now();
  for (std::uint64_t seed = options->first; seed <= options->last; ++seed) {
    sim::RunSettings settings;
    settings.seed = seed;
    settings.safety = Duration{static_cast<std::int64_t>(options->minutes * 60e9)};
    const auto run = sim::run_shard_seed(
        settings, options->trace ? sim::Cluster::Tracer(print_trace) : sim::Cluster::Tracer{});
    total.add(run);
    if (!options->json) print_run(run);
    if (!options->mutate.empty() && !run.violations.empty())
      break;  // a mutation is found by its first red seed
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
  total.print(*options, wall.count());
  return total.violations == 0 ? 0 : 1;
}
