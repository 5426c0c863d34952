#include "sim/scenario/main_scenario.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/scenario/conditions.hpp"
#include "sim/scenario/play.hpp"
#include "sim/scenario/script.hpp"
#include "sim/scenario/trace_difference.hpp"

namespace vswim::sim::scenario {

namespace {
#ifdef VSWIM_MUTATIONS
constexpr bool has_mutations = true;
#else
constexpr bool has_mutations = false;
#endif

struct Options {
  bool rewrite = false, trace = false, claims = false;
  std::string mutate;
  std::vector<std::string> files;
};

std::optional<Options> parse(int count, char** words) {
  Options options;
  for (int i = 0; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--rewrite") {
      options.rewrite = true;
    } else if (word == "--trace") {
      options.trace = true;
    } else if (word == "--claims") {
      options.claims = true;
    } else if (word == "--mutate" && i + 1 < count) {
      options.mutate = words[++i];
    } else if (word.starts_with("--")) {
      return std::nullopt;
    } else {
      options.files.emplace_back(word);
    }
  }
  const bool mutates = options.claims || !options.mutate.empty();
  if (options.files.empty() || (mutates && (!has_mutations || options.rewrite))) return std::nullopt;
  return options;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ScriptError(path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void print_trace(WorldTime now, NodeIndex node, std::string_view text) {
  std::printf("%12.6f n%u %.*s\n", static_cast<double>(now.ns) / 1e9, node, static_cast<int>(text.size()),
              text.data());
}

PlayOptions play_options(const Options& options, const std::string& mutate) {
  return {mutate, options.trace ? Cluster::Tracer(print_trace) : Cluster::Tracer{}};
}

void print(const Played& played) {
  for (const auto& complaint : played.complaints) std::printf("  %s\n", complaint.text.c_str());
}

// Green, and the trace is the golden one (or becomes it).
bool play_true(const Options& options, const Script& script) {
  const auto played = play(script, play_options(options, options.mutate));
  const bool red = !played.complaints.empty();
  const bool same = played.trace == script.golden || !options.mutate.empty();
  if (red) {
    std::printf("%s: RED\n", script.path.c_str());
    print(played);
    for (const auto& line : played.trace) std::printf("  | %s\n", line.c_str());
  } else if (!same && options.rewrite) {
    std::ofstream(script.path, std::ios::binary) << with_golden(script, played.trace);
    std::printf("%s: rewritten\n", script.path.c_str());
  } else if (!same) {
    std::printf("%s: another trace than the golden one (- golden, + now)\n%s", script.path.c_str(),
                difference(script.golden, played.trace).c_str());
  } else {
    std::printf("%s: ok\n", script.path.c_str());
  }
  return !red && (same || options.rewrite);
}

bool play_claims(const Options& options, const Script& script) {
  bool kept = true;
  for (const auto& claim : script.red_under) {
    const auto played = play(script, play_options(options, claim.mutation));
    const auto is_it = [&](const Complaint& complaint) { return complaint.checker == claim.checker; };
    const bool red = std::ranges::any_of(played.complaints, is_it);
    std::printf("%s: without %s %s\n", script.path.c_str(), claim.mutation.c_str(),
                red ? ("red: " + claim.checker).c_str() : ("NOT red by " + claim.checker).c_str());
    if (!red) print(played);
    kept = kept && red;
  }
  return kept;
}
}  // namespace

int main_scenario(int count, char** words) {
  if (count == 1 && std::string_view(words[0]) == "--conditions") {
    for (const auto& sentence : known_conditions()) std::printf("%s\n", sentence.c_str());
    return 0;
  }
  const auto options = parse(count, words);
  if (!options) {
    std::fprintf(stderr,
                 "usage: simulate scenario [--rewrite] [--trace] FILE...\n"
                 "       simulate scenario --mutate NAME FILE...   (mutation build)\n"
                 "       simulate scenario --claims FILE...        (mutation build)\n");
    return 2;
  }
  std::size_t good = 0;
  for (const auto& path : options->files) {
    try {
      const auto script = parse_script(path, read(path));
      good += (options->claims ? play_claims(*options, script) : play_true(*options, script)) ? 1 : 0;
    } catch (const ScriptError& error) {
      std::fprintf(stderr, "%s\n", error.what());
      return 2;
    }
    std::fflush(stdout);
  }
  std::printf("%zu of %zu scenarios %s\n", good, options->files.size(),
              options->claims ? "keep their claims" : "are green");
  return good == options->files.size() ? 0 : 1;
}

}  // namespace vswim::sim::scenario
