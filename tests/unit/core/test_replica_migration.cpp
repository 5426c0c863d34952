#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"
#include "core/replica_migration.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}
ShardId shard(std::uint8_t number) {
  ShardId id;
  id.bytes[0] = number;
  return id;
}
using Moves = std::vector<ReplicaMove>;

// Nodes 0, 1, 2 are primaries, node 0 of one replica (3), node 1 of three (4, 5, 6), node 2 of two (7, 8).
constexpr std::size_t orphan = 0, rich = 1, middle = 2, lost_replica = 3;

std::unique_ptr<Cluster> uneven_cluster(const std::function<void(std::size_t, Settings&)>& change = {}) {
  auto cluster = make_cluster();
  create_cluster(*cluster, 3, 3);
  for (std::size_t i = 3; i < 9; ++i) {
    cluster->add_node(settings_for(i));
    CHECK(is_ok(cluster->command(i, {"MEET", "127.0.0.1", "7000"})));
  }
  cluster->run_for(seconds(2));
  for (std::size_t i = 3; i < 9; ++i) {
    const std::size_t primary = i == lost_replica ? orphan : i < 7 ? rich : middle;
    CHECK(is_ok(cluster->command(i, {"REPLICATE", id_of(*cluster, primary)})));
  }
  for (std::size_t i = 0; i < 9; ++i) {
    auto settings = settings_for(i);
    if (change) change(i, settings);
    cluster->configure(i, settings);
  }
  cluster->run_for(seconds(5));
  return cluster;
}

std::size_t replicas_of(Cluster& cluster, std::size_t primary) {
  const auto id = id_of(cluster, primary);
  std::size_t count = 0;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    const auto line = node_line(cluster, primary, i);
    if (line.size() > 3 && line[3] == id && line[2].find("fail") == std::string::npos) ++count;
  }
  return count;
}

std::vector<std::size_t> movers(Cluster& cluster) {
  std::vector<std::size_t> nodes;
  for (std::size_t i = 0; i < cluster.size(); ++i) {
    if (noted(cluster, i, "Migrating to orphaned primary")) nodes.push_back(i);
  }
  return nodes;
}

}  // namespace

TEST_CASE("an orphan gets the lowest node of the shard with most replicas, which keeps its barrier") {
  const std::vector<ShardReplicas> shards = {{shard(1), "", {}, true},
                                             {shard(2), "", {{node(7), ""}, {node(5), ""}}, false},
                                             {shard(3), "", {{node(1), ""}}, false}};
  CHECK(plan_replica_moves(shards, 1) == Moves{{node(5), shard(1)}});
  CHECK(plan_replica_moves(shards, 0) == Moves{{node(5), shard(1)}});  // nobody becomes an orphan by it
  CHECK(plan_replica_moves(shards, 2).empty());
  CHECK(plan_replica_moves({shards[0], shards[2]}, 1).empty());
}

TEST_CASE("several orphans share what there is, and the first does not keep the others waiting") {
  const std::vector<ShardReplicas> shards = {
      {shard(1), "", {}, true},
      {shard(2), "", {}, true},
      {shard(3), "", {{node(1), ""}, {node(2), ""}}, false},
      {shard(4), "", {{node(3), ""}, {node(4), ""}, {node(5), ""}}, false}};
  CHECK(plan_replica_moves(shards, 1) == Moves{{node(3), shard(1)}, {node(1), shard(2)}});
}

TEST_CASE("zones decide among equals: the orphan shall span two, then the donor keep what it has") {
  const std::vector<ShardReplicas> shards = {
      {shard(1), "a", {}, true}, {shard(2), "b", {{node(1), "a"}, {node(2), "c"}, {node(3), "b"}}, false}};
  CHECK(plan_replica_moves(shards, 1) == Moves{{node(3), shard(1)}});
  auto unknown = shards;
  unknown[0].primary_zone.clear();  // only what the donor loses counts
  CHECK(plan_replica_moves(unknown, 1) == Moves{{node(3), shard(1)}});
  auto one_zone = shards;
  for (auto& replica : one_zone[1].good) replica.zone = std::string(1, 'a');
  CHECK(plan_replica_moves(one_zone, 1) == Moves{{node(1), shard(1)}});
}

TEST_CASE("a primary that lost its only replica is given one, by one move, and keeps it") {
  const auto cluster = uneven_cluster();
  const auto candidates = std::vector{id_of(*cluster, 4), id_of(*cluster, 5), id_of(*cluster, 6)};
  const auto lowest = std::min_element(candidates.begin(), candidates.end()) - candidates.begin() + 4;
  cluster->write(orphan, 3);
  cluster->run_for(seconds(1));
  cluster->crash(lost_replica);
  REQUIRE(cluster->run_until([&] { return !movers(*cluster).empty(); }, seconds(20)));
  cluster->run_for(seconds(60));
  CHECK(movers(*cluster) == std::vector<std::size_t>{static_cast<std::size_t>(lowest)});
  CHECK(replicas_of(*cluster, orphan) == 1);
  CHECK(replicas_of(*cluster, rich) == 2);
  CHECK(cluster->engine(static_cast<std::size_t>(lowest)).report.keys == 1);
  cluster->restart(lost_replica, {1, 10, true});  // nobody goes back
  cluster->run_for(seconds(60));
  CHECK(replicas_of(*cluster, orphan) == 2);
  CHECK(movers(*cluster).size() == 1);
}

TEST_CASE("two orphans at once take one each of the same shard, as long as it keeps its barrier") {
  for (const std::int64_t barrier : {1, 2}) {
    const auto cluster =
        uneven_cluster([&](std::size_t, Settings& settings) { settings.migration_barrier = barrier; });
    for (const std::size_t node : {std::size_t{3}, std::size_t{7}, std::size_t{8}}) cluster->crash(node);
    cluster->run_for(seconds(120));
    const std::size_t moved = barrier == 1 ? 2 : 1;
    CHECK(movers(*cluster).size() == moved);
    CHECK(replicas_of(*cluster, rich) == 3 - moved);
    CHECK(replicas_of(*cluster, orphan) + replicas_of(*cluster, middle) == moved);
  }
}

TEST_CASE("a replica that comes back within seconds is not replaced") {
  const auto cluster = uneven_cluster();
  cluster->crash(lost_replica);
  cluster->run_for(seconds(4));
  cluster->restart(lost_replica, {0, 0, true});
  cluster->run_for(seconds(30));
  CHECK(movers(*cluster).empty());
  CHECK(replicas_of(*cluster, orphan) == 1);
}

TEST_CASE("nobody moves below the barrier, nor where it is not allowed") {
  const auto barred = uneven_cluster([](std::size_t, Settings& settings) { settings.migration_barrier = 3; });
  barred->crash(lost_replica);
  barred->run_for(seconds(60));
  CHECK(movers(*barred).empty());
  const auto forbidden =
      uneven_cluster([](std::size_t, Settings& settings) { settings.allow_replica_migration = false; });
  forbidden->crash(lost_replica);
  forbidden->run_for(seconds(60));
  CHECK(movers(*forbidden).empty());
}

TEST_CASE("a primary that never had a replica is not given one") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 5, 2);  // node 0 has two replicas, node 1 one
  CHECK(is_ok(cluster->command(3, {"REPLICATE", id_of(*cluster, 0)})));
  cluster->run_for(seconds(60));
  CHECK(movers(*cluster).empty());
  CHECK(replicas_of(*cluster, 0) == 3);
}

TEST_CASE("an orphan whose shard has no live lease is not joined") {
  const auto cluster = uneven_cluster();
  cluster->cut(orphan, true);
  cluster->cut(lost_replica, true);
  cluster->run_for(seconds(60));
  CHECK(movers(*cluster).empty());
}

namespace {

// Node 0 owns slot 7 and has the replicas 3 and 4; node 1 owns slot 8, node 2 slot 9.
std::unique_ptr<Cluster> last_slot(const std::function<void(std::size_t, Settings&)>& change = {}) {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 5; ++i) {
    auto settings = partial_settings_for(i);
    if (change) change(i, settings);
    cluster->add_node(settings);
  }
  cluster->run_for(seconds(1));
  for (std::size_t i = 0; i < 3; ++i) CHECK(is_ok(cluster->command(i, {"ADDSLOTS", std::to_string(7 + i)})));
  for (std::size_t i = 1; i < 5; ++i) CHECK(is_ok(cluster->command(i, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(2));
  for (std::size_t i = 3; i < 5; ++i) CHECK(is_ok(cluster->command(i, {"REPLICATE", id_of(*cluster, 0)})));
  cluster->run_for(seconds(10));
  return cluster;
}

void hand_over(Cluster& cluster) {
  const auto target = id_of(cluster, 1);
  CHECK(is_ok(cluster.command(1, {"SETSLOT", "7", "IMPORTING", id_of(cluster, 0)})));
  CHECK(is_ok(cluster.command(0, {"SETSLOT", "7", "MIGRATING", target})));
  CHECK(is_ok(cluster.command(1, {"SETSLOT", "7", "NODE", target})));
  CHECK(is_ok(cluster.command(0, {"SETSLOT", "7", "NODE", target})));
}

bool replicates(Cluster& cluster, std::size_t node, std::size_t primary) {
  const auto line = node_line(cluster, primary, node);
  return line.size() > 3 && line[3] == id_of(cluster, primary);
}

}  // namespace

TEST_CASE("a shard whose last slot went to another follows it, the replicas first") {
  auto cluster = last_slot();
  hand_over(*cluster);
  cluster->run_for(seconds(30));
  for (const std::size_t node : {0U, 3U, 4U}) CHECK(replicates(*cluster, node, 1));
  CHECK_FALSE(noted(*cluster, 3, "standing for primary"));
  CHECK_FALSE(noted(*cluster, 4, "standing for primary"));
  CHECK(noted(*cluster, 0, "My last slot was migrated"));
  CHECK(cluster->write(1, 7));
}

TEST_CASE("replicas follow their primary, not those whose primary stays empty by its setting") {
  auto follow = last_slot([](std::size_t i, Settings& s) { s.allow_replica_migration = i == 0; });
  hand_over(*follow);
  follow->run_for(seconds(60));
  for (const std::size_t node : {0U, 3U, 4U}) CHECK(replicates(*follow, node, 1));
  CHECK((noted(*follow, 3, "sub-replica") && noted(*follow, 4, "sub-replica")));
  auto stay = last_slot([](std::size_t i, Settings& s) { s.allow_replica_migration = i == 3; });
  hand_over(*stay);
  stay->run_for(seconds(60));
  CHECK(replicates(*stay, 3, 1));
  CHECK(replicates(*stay, 4, 0));
  CHECK(is_primary(*stay, 0));
}

TEST_CASE("a shard that gave its slots up by DELSLOTS, or still holds keys, stays where it is") {
  auto given_up = last_slot();
  CHECK(is_ok(given_up->command(0, {"DELSLOTS", "7"})));
  given_up->run_for(seconds(10));
  CHECK(is_ok(given_up->command(1, {"ADDSLOTS", "7"})));
  given_up->run_for(seconds(60));
  CHECK(is_primary(*given_up, 0));
  CHECK(replicates(*given_up, 3, 0));
  auto keys = last_slot();
  hand_over(*keys);
  keys->engine(0).report.keys = keys->engine(0).counts.keys[9] = 1;
  keys->run_for(seconds(60));
  CHECK(is_primary(*keys, 0));
  CHECK(replicates(*keys, 3, 0));
}

TEST_CASE("a primary that gained its first slots while others have replicas is given one") {
  auto cluster = last_slot([](std::size_t, Settings& s) { s.migration_barrier = 1; });
  cluster->add_node(partial_settings_for(5));
  CHECK(is_ok(cluster->command(5, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(10));
  CHECK(is_ok(cluster->command(5, {"ADDSLOTS", "10"})));
  cluster->run_for(seconds(30));
  CHECK(movers(*cluster).size() == 1);
  CHECK(replicas_of(*cluster, 5) == 1);
  CHECK(replicas_of(*cluster, 0) == 1);
}
