#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <variant>

#include "cluster.hpp"
#include "core/failover.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

// One shard: node 0 is primary of all slots, the others are its replicas.
std::unique_ptr<Cluster> one_shard(std::size_t nodes, std::uint64_t seed = 1) {
  auto cluster = make_cluster(seed);
  create_cluster(*cluster, nodes, 1);
  return cluster;
}

void write_some(Cluster& cluster, std::size_t node, int count) {
  for (int i = 0; i < count; ++i) cluster.write(node, static_cast<Slot>(i));
}

bool any_primary(Cluster& cluster, const std::vector<std::size_t>& nodes) {
  return std::any_of(nodes.begin(), nodes.end(), [&](std::size_t node) { return is_primary(cluster, node); });
}

}  // namespace

TEST_CASE("a failed primary is replaced by its replica, which keeps the slots under a higher epoch") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 6, 3);
  cluster->write(0, 7);
  cluster->run_for(seconds(1));
  cluster->crash(0);
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 3); }, seconds(3)));
  CHECK(cluster->write(3, 7));
  cluster->run_for(seconds(1));
  for (std::size_t i = 1; i < 6; ++i) {
    const auto line = node_line(*cluster, i, 3);
    CHECK(line[2] == std::string(i == 3 ? "myself," : "") + "master");
    CHECK(line[6] == "4");
    CHECK(line.back() == "0-5460");
    CHECK(node_line(*cluster, i, 0)[2] == "slave,fail");
    CHECK(node_line(*cluster, i, 0)[7] == "disconnected");
    CHECK(info_field(*cluster, i, "cluster_state") == "ok");
  }
  for (const auto* words : {"detected as failed", "standing for primary", "elected", "promoted"}) {
    CHECK(noted(*cluster, 3, words));
  }
}

TEST_CASE("the replica with the highest offset wins, twenty times of twenty") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    auto cluster = one_shard(4, seed);
    const std::size_t best = 1 + seed % 3;
    write_some(*cluster, 0, 50);
    cluster->run_for(seconds(2));
    for (std::size_t i = 1; i < 4; ++i) cluster->engine(i).frozen = i != best;
    write_some(*cluster, 0, 10);
    cluster->run_for(milliseconds(60));
    cluster->crash(0);
    INFO("seed " << seed << ", best " << best);
    REQUIRE(cluster->run_until([&] { return any_primary(*cluster, {1, 2, 3}); }, seconds(5)));
    CHECK(is_primary(*cluster, best));
    cluster->run_for(seconds(2));
    for (std::size_t i = 1; i < 4; ++i) {
      CHECK(is_primary(*cluster, i) == (i == best));
      if (i != best) CHECK(cluster->engine(i).follows->hex() == id_of(*cluster, best));
    }
  }
}

TEST_CASE("the returning old primary follows and serves nothing as primary") {
  auto cluster = one_shard(3);
  write_some(*cluster, 0, 5);
  cluster->run_for(seconds(1));
  cluster->crash(0);
  REQUIRE(cluster->run_until([&] { return any_primary(*cluster, {1, 2}); }, seconds(3)));
  cluster->restart(0, {5, 50, true});
  const std::size_t heir = is_primary(*cluster, 1) ? 1 : 2;
  cluster->run_for(seconds(2));
  CHECK_FALSE(is_primary(*cluster, 0));
  CHECK_FALSE(cluster->write(0, 7));
  REQUIRE(cluster->engine(0).follows);
  CHECK(cluster->engine(0).follows->hex() == id_of(*cluster, heir));
  CHECK(cluster->engine(0).report.link_up);
}

TEST_CASE("a primary that is cut off stops serving at its deadline and blocked clients end") {
  auto cluster = one_shard(3);
  cluster->cut(0, true);
  const auto end = cluster->now() + seconds(4);
  while (cluster->now() < end) {
    cluster->run_for(milliseconds(10));
    CHECK_FALSE((cluster->write(0, 1) && (cluster->write(1, 1) || cluster->write(2, 1))));
  }
  CHECK(any_primary(*cluster, {1, 2}));
  const auto& done = cluster->engine(0).done;
  CHECK(std::any_of(done.begin(), done.end(),
                    [](const EngineAction& action) { return std::holds_alternative<CutOff>(action); }));
  CHECK(cluster->core(0).routing().lapses > 0);
  CHECK_FALSE(cluster->core(0).may_feed_replicas(cluster->now()));
  cluster->cut(0, false);
  cluster->run_for(seconds(2));
  CHECK_FALSE(is_primary(*cluster, 0));
  CHECK(cluster->engine(0).follows);
}

TEST_CASE("a replica with replica-no-failover does not stand") {
  auto cluster = one_shard(3);
  auto settings = settings_for(1);
  settings.replica_no_failover = true;
  cluster->configure(1, settings);
  write_some(*cluster, 0, 5);
  cluster->run_for(seconds(2));
  CHECK(node_line(*cluster, 0, 1)[2] == "slave,nofailover");
  cluster->engine(2).frozen = true;  // the one that may stand has less
  write_some(*cluster, 0, 5);
  cluster->run_for(seconds(1));
  cluster->crash(0);
  REQUIRE(cluster->run_until([&] { return any_primary(*cluster, {1, 2}); }, seconds(5)));
  CHECK(is_primary(*cluster, 2));
  CHECK(noted(*cluster, 1, "cluster-replica-no-failover"));
}

TEST_CASE("replica-validity-factor bounds the age of a replica that stands") {
  Settings settings;
  settings.node_timeout = seconds(15);
  settings.repl_ping_period = seconds(10);
  settings.replica_validity_factor = 10;
  EngineReport replica;
  replica.is_replica = true;
  replica.completed_sync = true;
  replica.down_since_ms = 175'000;  // 160 s after one node timeout is taken off: the limit
  CHECK(why_not_stand(replica, settings).empty());
  replica.down_since_ms = 175'001;
  CHECK_FALSE(why_not_stand(replica, settings).empty());
  settings.replica_validity_factor = 0;
  CHECK(why_not_stand(replica, settings).empty());
}

TEST_CASE("a replica that never completed a sync never stands, and says so") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  cluster->add_node(settings_for(1));
  cluster->engine(1).frozen = true;
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "16383"})));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(1, {"REPLICATE", id_of(*cluster, 0)})));
  cluster->run_for(seconds(2));
  cluster->crash(0);
  cluster->run_for(seconds(10));
  CHECK_FALSE(is_primary(*cluster, 1));
  CHECK(noted(*cluster, 1, "no sync of this shard's history"));
}

TEST_CASE("who is left alone in a shard whose primary went elsewhere stands with what it has") {
  auto cluster = make_cluster();
  for (std::size_t node = 0; node < 3; ++node) cluster->add_node(partial_settings_for(node));
  CHECK(is_ok(cluster->command(2, {"ADDSLOTSRANGE", "0", "16383"})));
  for (std::size_t node = 0; node < 2; ++node)
    CHECK(is_ok(cluster->command(node, {"MEET", "127.0.0.1", "7002"})));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(1, {"REPLICATE", id_of(*cluster, 0)})));
  cluster->run_for(seconds(2));
  cluster->crash(0);
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(10)));
  cluster->restart(0, {1, 0, false});  // with a key, without it follows its primary elsewhere
  cluster->engine(0).frozen = true;    // never gets a sync of its successor
  cluster->run_for(seconds(2));
  CHECK_FALSE(is_primary(*cluster, 0));
  CHECK(is_ok(cluster->command(1, {"REPLICATE", id_of(*cluster, 2)})));
  CHECK(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(10)));
}

TEST_CASE("replicas advise their rank before any failure, the primary stands first") {
  CHECK(rank_of({NodeId{{1}}, 10}, {{NodeId{{2}}, 20}, {NodeId{{3}}, 10}, {NodeId{{4}}, 5}}) == 1);
  CHECK(rank_of({NodeId{{3}}, 10}, {{NodeId{{2}}, 20}, {NodeId{{1}}, 10}}) == 2);
  CHECK(rank_of({NodeId{{3}}, 10}, {}) == 0);
}

TEST_CASE("a graceful end hands primaryship to a replica that has everything, within two seconds") {
  auto cluster = one_shard(3);
  write_some(*cluster, 0, 20);
  cluster->run_for(milliseconds(1));
  const auto offset = cluster->engine(0).report.offset;
  cluster->core(0).begin_graceful_end(cluster->now());
  CHECK_FALSE(cluster->write(0, 1));
  REQUIRE(cluster->run_until([&] { return cluster->graceful_end_done(0); }, seconds(2)));
  CHECK(noted(*cluster, 0, "handed over"));
  REQUIRE(cluster->run_until([&] { return any_primary(*cluster, {1, 2}); }, milliseconds(500)));
  const std::size_t heir = is_primary(*cluster, 1) ? 1 : 2;
  CHECK(cluster->engine(heir).report.offset >= offset);
  const auto& routing = cluster->core(0).routing();
  CHECK(decide(routing, {0, true, false, false, false}, cluster->now()) == Decision::moved);
  CHECK(routing.routes[routing.owner[0]].endpoint == "127.0.0.1:" + std::to_string(settings_for(heir).port));
}

TEST_CASE("a graceful end names a replica that may not stand by itself, if nobody else has everything") {
  auto cluster = one_shard(3);
  write_some(*cluster, 0, 20);
  auto settings = settings_for(1);
  settings.replica_no_failover = true;
  cluster->configure(1, settings);
  cluster->run_for(seconds(2));
  cluster->engine(2).frozen = true;
  write_some(*cluster, 0, 20);
  cluster->core(0).begin_graceful_end(cluster->now());
  REQUIRE(cluster->run_until([&] { return cluster->graceful_end_done(0); }, seconds(3)));
  CHECK(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(1)));
}

TEST_CASE("a graceful end without a replica that catches up releases after its limit") {
  auto cluster = one_shard(2);
  cluster->engine(1).frozen = true;
  write_some(*cluster, 0, 20);
  cluster->run_for(seconds(1));
  cluster->core(0).begin_graceful_end(cluster->now());
  const auto start = cluster->now();
  REQUIRE(cluster->run_until([&] { return cluster->graceful_end_done(0); }, seconds(3)));
  CHECK(cluster->now() - start <= seconds(2));
  CHECK(noted(*cluster, 0, "no replica caught up"));
}

TEST_CASE("a shutdown that fails after its hand-over leaves a node that follows, and can serve again") {
  auto cluster = one_shard(2);
  write_some(*cluster, 0, 20);
  cluster->core(0).begin_graceful_end(cluster->now());
  REQUIRE(cluster->run_until([&] { return cluster->graceful_end_done(0); }, seconds(2)));
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(1)));
  cluster->core(0).cancel_graceful_end(cluster->now());
  REQUIRE(cluster->run_until(
      [&] { return cluster->engine(0).report.is_replica && cluster->engine(0).report.completed_sync; },
      seconds(5)));
  cluster->run_for(seconds(3));
  cluster->core(1).begin_graceful_end(cluster->now());
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(5)));
  CHECK(cluster->write(0, 1));
}

TEST_CASE("a lone primary whose shutdown fails serves again") {
  auto cluster = one_shard(1);
  write_some(*cluster, 0, 20);
  cluster->core(0).begin_graceful_end(cluster->now());
  REQUIRE(cluster->run_until([&] { return cluster->graceful_end_done(0); }, seconds(2)));
  CHECK_FALSE(cluster->write(0, 1));
  cluster->core(0).cancel_graceful_end(cluster->now());
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(5)));
  CHECK(cluster->write(0, 1));
}

TEST_CASE("a primary that comes back under another port is followed there") {
  auto cluster = one_shard(2);
  auto settings = settings_for(0);
  settings.port = 7'100;
  cluster->configure(0, settings);
  cluster->run_for(seconds(1));
  const auto& done = cluster->engine(1).done;
  const auto last = std::find_if(done.rbegin(), done.rend(), [](const EngineAction& action) {
    return std::holds_alternative<Follow>(action);
  });
  REQUIRE(last != done.rend());
  CHECK(std::get<Follow>(*last).port == 7'100);
}

TEST_CASE("a deposed primary that was not yet in sync with its successor stands behind one that was") {
  const Candidate deposed{NodeId{{1}}, 500, false}, synced{NodeId{{2}}, 100, true};
  CHECK(stands_before(synced, deposed));
  CHECK(rank_of(deposed, {synced}) == 1);
  CHECK(rank_of(synced, {deposed}) == 0);
}
