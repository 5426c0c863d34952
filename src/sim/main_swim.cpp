#include "sim/main_swim.hpp"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include "sim/membership/run.hpp"
#include "sim/parse_number.hpp"

namespace vswim::sim {

namespace {

using membership::Fault;
using membership::Plan;

constexpr std::uint32_t nodes_max = 65'000;  // the member table's own limit
constexpr std::pair<std::string_view, Fault> faults[] = {
    {"--one-way", Fault::one_way}, {"--lossy", Fault::lossy}, {"--split", Fault::split},
    {"--flap", Fault::flap},       {"--pause", Fault::pause}, {"--rolling-restart", Fault::rolling_restart},
    {"--churn", Fault::churn},
};

int usage() {
  std::fprintf(
      stderr,
      "usage: simulate swim --nodes N [--seconds S] [--loss PERCENT] [--kill K | --kill-primaries K] [--seed "
      "X]\n"
      "                     [--leases] [--mass-start] [--one-way | --lossy | --split | --flap | --pause |\n"
      "                     --rolling-restart | --churn] [--json]\n"
      "       PERCENT: 5 or 5%% is five per cent; below 1 without the sign it is a fraction, 0.05 is the "
      "same\n"
      "       --kill-primaries needs --leases: the first K pairs lose their primary at once\n");
  return 2;
}

bool parse_loss(std::string_view text, std::uint32_t& per_million) {
  const bool sign = text.ends_with('%');
  double value = 0;
  if (!parse_number(sign ? text.substr(0, text.size() - 1) : text, value)) return false;
  const double fraction = !sign && value < 1 ? value : value / 100;
  per_million = static_cast<std::uint32_t>(fraction * 1e6 + 0.5);
  return fraction >= 0 && fraction <= 0.9;
}

bool take_option(Plan& plan, std::string_view word, std::string_view value) {
  if (word == "--nodes") return parse_number(value, plan.nodes);
  if (word == "--loss") return parse_loss(value, plan.loss_per_million);
  if (word == "--kill") return parse_number(value, plan.kill);
  if (word == "--kill-primaries") return parse_number(value, plan.kill_primaries);
  if (word == "--seed") return parse_number(value, plan.seed);
  double length = 0;
  if (word != "--seconds" || !parse_number(value, length) || length <= 0 || length > 1e6) return false;
  plan.length = nanoseconds(static_cast<std::int64_t>(length * 1e9));
  return true;
}

bool take_flag(Plan& plan, std::string_view word) {
  if (word == "--json") return true;  // the one line is JSON always
  if (word == "--mass-start") return plan.mass_start = true;
  if (word == "--leases") return plan.leases = true;
  for (const auto& [flag, fault] : faults) {
    if (word != flag) continue;
    const bool first = plan.fault == Fault::none;
    plan.fault = fault;
    return first;
  }
  return false;
}

std::optional<Plan> parse(int count, char** words) {
  Plan plan;
  for (int i = 0; i < count; ++i) {
    const std::string_view word = words[i];
    if (take_flag(plan, word)) continue;
    if (i + 1 >= count || !take_option(plan, word, words[++i])) return std::nullopt;
  }
  const bool restarts = plan.fault == Fault::rolling_restart || plan.fault == Fault::churn;
  const bool sane = plan.nodes >= 2 && plan.nodes <= nodes_max && plan.kill < plan.nodes &&
                    plan.kill_primaries <= plan.nodes / 2 && (plan.leases || plan.kill_primaries == 0) &&
                    !(plan.leases && (restarts || plan.nodes < 4));  // seats have no state file here
  return sane ? std::optional(plan) : std::nullopt;
}

}  // namespace

int main_swim(int count, char** words) {
  const auto plan = parse(count, words);
  if (!plan) return usage();
  const auto started = std::chrono::steady_clock::now();
  const auto figures = membership::run(*plan);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - started;
  const double cpu =
      static_cast<double>(std::clock()) / CLOCKS_PER_SEC;  // on a busy machine wall tells little
  std::fputs(membership::json_of(figures, wall.count(), cpu).c_str(), stdout);
  return 0;
}

}  // namespace vswim::sim
