// Random crashes, restarts and cuts over one shard: at no instant do two nodes accept a write for the same
// slot, and when everything is healed one of them does.
#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "cluster.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

constexpr std::size_t nodes = 3;

struct Fate {
  bool alive = true, cut = false;
};

bool accepts(Cluster& cluster, std::size_t node) {
  RouteQuery query;
  query.slot = 1;
  query.write = true;
  return decide(cluster.core(node).routing(), query, cluster.now()) == Decision::serve;
}

std::size_t accepting(Cluster& cluster, const std::vector<Fate>& fates) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < nodes; ++i) count += fates[i].alive && accepts(cluster, i) ? 1 : 0;
  return count;
}

void change_fate(Cluster& cluster, std::size_t node, Fate& fate, Rng& rng) {
  if (!fate.alive) {
    const auto& before = cluster.engine(node).report;
    const bool kept = rng.chance(700'000);
    cluster.restart(
        node, kept ? Cluster::Data{before.keys, before.offset, before.completed_sync} : Cluster::Data{});
    fate = {};
  } else if (fate.cut) {
    cluster.cut(node, false);
    fate.cut = false;
  } else if (rng.chance(500'000)) {
    cluster.crash(node);
    fate.alive = false;
  } else {
    cluster.cut(node, true);
    fate.cut = true;
  }
}

}  // namespace

TEST_CASE("never two primaries, and one again after healing") {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    INFO("seed " << seed);
    auto cluster = make_cluster(seed);
    create_cluster(*cluster, nodes, 1);
    Rng rng(seed);
    std::vector<Fate> fates(nodes);
    std::size_t most = 0;
    for (int round = 0; round < 25; ++round) {
      const auto victim = rng.below(nodes);
      change_fate(*cluster, victim, fates[victim], rng);
      const auto span = milliseconds(static_cast<std::int64_t>(rng.below(2'500)));
      cluster->run_until(
          [&] {
            most = std::max(most, accepting(*cluster, fates));
            return false;
          },
          span);
      for (std::size_t i = 0; i < nodes; ++i) {
        if (fates[i].alive) cluster->write(i, static_cast<Slot>(rng.below(100)));
      }
    }
    CHECK(most == 1);
    for (std::size_t i = 0; i < nodes; ++i) {
      if (!fates[i].alive || fates[i].cut) change_fate(*cluster, i, fates[i], rng);
    }
    cluster->run_for(seconds(20));
    const auto count = accepting(*cluster, fates);
    if (count != 1) {
      // Down on purpose is the one other way to end: nobody that may stand has data.
      for (std::size_t i = 0; i < nodes; ++i) {
        for (const auto& note : cluster->notes(i)) UNSCOPED_INFO(i << ": " << note);
      }
    }
    CHECK(count == 1);
  }
}
