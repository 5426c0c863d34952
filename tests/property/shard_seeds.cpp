// Property: whatever a seed throws at a cluster, no invariant breaks, everything lives again, and the same
// seed tells the same story.
#include <catch2/catch_test_macros.hpp>

#include "sim/run.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t seeds = 8;  // ten times slower
#else
constexpr std::uint64_t seeds = 40;
#endif
}  // namespace

TEST_CASE("some seeds of faults break no invariant, and every shard lives again") {
  Coverage total;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto run = run_shard_seed({seed, seconds(120)});
    INFO("seed " << seed << " " << run.conditions);
    for (const auto& violation : run.violations.first()) {
      UNSCOPED_INFO(violation.invariant << " " << violation.node << " at " << violation.at.ns / 1'000'000
                                        << " ms: " << violation.reason);
    }
    CHECK(run.violations.empty());
    total.add(run.coverage);
  }
  CHECK(total.elections > seeds);
  CHECK(total.failovers > seeds);
  CHECK(total.crashes > seeds);
  CHECK(total.cas_ok > 10 * seeds);
  CHECK(total.seals > seeds);
}

TEST_CASE("a seed replayed is the same history, event for event") {
  for (const std::uint64_t seed : {3, 8, 15}) {
    const auto first = run_shard_seed({seed, seconds(30)}), again = run_shard_seed({seed, seconds(30)});
    CHECK(first.hash == again.hash);
    CHECK(first.events == again.events);
  }
  CHECK(run_shard_seed({3, seconds(30)}).hash != run_shard_seed({4, seconds(30)}).hash);
}
