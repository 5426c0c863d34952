#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"
#include "core/open_slots.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

constexpr Slot slot = 7;

// Node 0 owns slots 0-100, node 1 101-200, node 2 nothing; each a shard of its own.
std::unique_ptr<Cluster> three_shards() {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 3; ++i) cluster->add_node(partial_settings_for(i));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "100"})));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTSRANGE", "101", "200"})));
  for (std::size_t i = 1; i < 3; ++i) CHECK(is_ok(cluster->command(i, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  return cluster;
}

Reply setslot(Cluster& cluster, std::size_t node, const std::string& what, std::size_t other) {
  return cluster.command(node, {"SETSLOT", std::to_string(slot), what, id_of(cluster, other)});
}

Reply stable(Cluster& cluster, std::size_t node) {
  return cluster.command(node, {"SETSLOT", std::to_string(slot), "STABLE"});
}

Decision ask_for(Cluster& cluster, std::size_t node, bool asking = false) {
  RouteQuery query;
  query.slot = slot;
  query.asking = asking;
  return decide(cluster.core(node).routing(), query, cluster.now());
}

SlotMode mode(Cluster& cluster, std::size_t node) { return cluster.core(node).routing().mode[slot]; }

bool serves(Cluster& cluster, std::size_t node) { return cluster.core(node).routing().served[slot]; }

void opened(Cluster& cluster) {
  CHECK(is_ok(setslot(cluster, 1, "IMPORTING", 0)));
  CHECK(is_ok(setslot(cluster, 0, "MIGRATING", 1)));
}

}  // namespace

TEST_CASE("an open slot is the owner's and the target's, told by CLUSTER NODES on their own lines only") {
  auto cluster = three_shards();
  opened(*cluster);
  CHECK(node_line(*cluster, 0, 0).back() == "[7->-" + id_of(*cluster, 1) + "]");
  CHECK(node_line(*cluster, 1, 1).back() == "[7-<-" + id_of(*cluster, 0) + "]");
  CHECK(node_line(*cluster, 2, 0).back() == "0-100");
  CHECK(ask_for(*cluster, 0) == Decision::serve);
  CHECK(ask_for(*cluster, 1) == Decision::moved);
  CHECK(ask_for(*cluster, 1, true) == Decision::serve);
  CHECK(is_ok(stable(*cluster, 0)));
  CHECK(is_ok(stable(*cluster, 1)));
  CHECK(node_line(*cluster, 0, 0).back() == "0-100");
  CHECK(node_line(*cluster, 1, 1).back() == "101-200");
  CHECK(ask_for(*cluster, 1, true) == Decision::moved);
}

TEST_CASE("a moved slot changes hands when the target says NODE, and everybody hears of it") {
  auto cluster = three_shards();
  opened(*cluster);
  CHECK(is_ok(setslot(*cluster, 1, "NODE", 1)));
  CHECK(serves(*cluster, 1));
  CHECK_FALSE(serves(*cluster, 0));
  for (const std::size_t node : {0U, 2U}) CHECK(is_ok(setslot(*cluster, node, "NODE", 1)));
  cluster->run_for(seconds(1));
  for (std::size_t node = 0; node < 3; ++node) {
    CHECK(node_line(*cluster, node, 0)[8] == "0-6");
    CHECK(node_line(*cluster, node, 1)[8] == "7");
  }
  CHECK(mode(*cluster, 0) == SlotMode::stable);
  CHECK(mode(*cluster, 1) == SlotMode::stable);
}

TEST_CASE("at no instant do both shards serve a slot that changes hands") {
  auto cluster = three_shards();
  opened(*cluster);
  Caller caller;
  cluster->core(1).command(cluster->now(), 9'001, {"SETSLOT", "7", "NODE", id_of(*cluster, 1)}, caller);
  bool both = false, neither = false;
  const auto looked = [&] {
    both |= serves(*cluster, 0) && serves(*cluster, 1);
    neither |= ask_for(*cluster, 0) == Decision::ask && !serves(*cluster, 1);
    return serves(*cluster, 1);
  };
  CHECK(cluster->run_until(looked, seconds(3)));
  CHECK(neither);  // promised, not yet taken: ASK leads to the importing side all the while
  CHECK_FALSE(both);
}

TEST_CASE("a slot that holds keys is not given away, and stays as it was") {
  auto cluster = three_shards();
  opened(*cluster);
  REQUIRE(cluster->write(0, slot));
  CHECK(error_of(setslot(*cluster, 1, "NODE", 1)).find("still holds keys at its owner") != std::string::npos);
  CHECK(error_of(setslot(*cluster, 0, "NODE", 1)) ==
        "ERR Can't assign hashslot 7 to a different node while I still hold keys for this hash slot.");
  CHECK(serves(*cluster, 0));
  CHECK(mode(*cluster, 0) == SlotMode::migrating);
  CHECK(mode(*cluster, 1) == SlotMode::importing);
}

TEST_CASE("after BUMPEPOCH a slot is taken with its keys, and these are gone") {
  auto cluster = three_shards();
  REQUIRE(cluster->write(0, slot));
  cluster->command(2, {"BUMPEPOCH"});
  cluster->run_for(seconds(1));
  CHECK(is_ok(setslot(*cluster, 2, "NODE", 2)));
  cluster->run_for(seconds(12));
  CHECK(serves(*cluster, 2));
  CHECK_FALSE(serves(*cluster, 0));
  CHECK(cluster->engine(0).counts.keys[slot] == 0);
  // That was by an order of its time: whoever rises since has the higher epoch.
  cluster->command(1, {"BUMPEPOCH"});
  cluster->run_for(seconds(1));
  REQUIRE(cluster->write(1, 150));
  CHECK(error_of(cluster->command(2, {"SETSLOT", "150", "NODE", id_of(*cluster, 2)}))
            .find("still holds keys") != std::string::npos);
}

TEST_CASE("after BUMPEPOCH a slot is taken from a migration that is not fenced, which ends") {
  auto cluster = three_shards();
  REQUIRE(cluster->write(0, slot));
  CHECK(is_ok(cluster->command(0, {"MIGRATESLOTS", "SLOTSRANGE", "7", "8", "NODE", id_of(*cluster, 1)})));
  cluster->run_for(seconds(1));
  CHECK(error_of(setslot(*cluster, 2, "NODE", 2)).find("is on its way to another shard") !=
        std::string::npos);
  cluster->command(2, {"BUMPEPOCH"});
  cluster->run_for(seconds(1));
  CHECK(is_ok(setslot(*cluster, 2, "NODE", 2)));
  cluster->run_for(seconds(1));
  CHECK(serves(*cluster, 2));
  CHECK_FALSE(serves(*cluster, 0));
  CHECK(cluster->core(0).routing().served[8]);
  CHECK(error_of(cluster->command(0, {"CANCELSLOTMIGRATIONS"})) == "ERR No migrations ongoing");
}

TEST_CASE("a migration to a shard of which nobody is alive ends at once") {
  auto cluster = three_shards();
  const auto target = id_of(*cluster, 1);
  cluster->crash(1);
  cluster->run_for(seconds(10));
  CHECK(is_ok(cluster->command(0, {"MIGRATESLOTS", "SLOTSRANGE", "7", "7", "NODE", target})));
  cluster->run_for(seconds(1));
  CHECK(error_of(cluster->command(0, {"CANCELSLOTMIGRATIONS"})) == "ERR No migrations ongoing");
  CHECK(serves(*cluster, 0));
}

TEST_CASE("a key that slips in before the promise is in the log takes the promise back") {
  auto cluster = three_shards();
  opened(*cluster);
  Caller caller;
  // The owner has been asked, and its log write is under way.
  cluster->core(0).command(cluster->now(), 9'001, {"SETSLOT", "7", "NODE", id_of(*cluster, 1)}, caller);
  REQUIRE(cluster->write(0, slot));
  cluster->run_for(seconds(1));
  CHECK(serves(*cluster, 0));
  CHECK(mode(*cluster, 0) == SlotMode::migrating);
  CHECK(cluster->engine(0).counts.keys[slot] == 1);
}

TEST_CASE("a promise outlives the process: the owner comes back and still serves nothing of the slot") {
  auto cluster = three_shards();
  CHECK(is_ok(setslot(*cluster, 0, "MIGRATING", 1)));  // the other imports nothing, and asks for nothing
  CHECK(is_ok(setslot(*cluster, 0, "NODE", 1)));
  CHECK(ask_for(*cluster, 0) == Decision::ask);
  cluster->crash(0);
  cluster->run_for(seconds(3));
  cluster->restart(0, {});
  cluster->run_for(seconds(8));
  CHECK_FALSE(serves(*cluster, 0));
  CHECK(ask_for(*cluster, 0) == Decision::ask);
  CHECK(error_of(stable(*cluster, 0)).find("is handed over to " + id_of(*cluster, 1)) != std::string::npos);
  CHECK(error_of(setslot(*cluster, 2, "NODE", 2)).find("on its way to another shard") != std::string::npos);
  CHECK(is_ok(setslot(*cluster, 1, "NODE", 1)));
  CHECK(serves(*cluster, 1));
}

TEST_CASE("who imports a slot takes it once its owner has promised it, also if nobody tells") {
  auto cluster = three_shards();
  opened(*cluster);
  CHECK(is_ok(setslot(*cluster, 0, "NODE", 1)));
  CHECK_FALSE(serves(*cluster, 1));
  cluster->run_for(seconds(2));
  CHECK(serves(*cluster, 1));
  CHECK_FALSE(serves(*cluster, 0));
}

TEST_CASE("a slot changes hands when a replica has all of it, or has not kept up for a second") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 6, 3);
  opened(*cluster);
  auto began = cluster->now();
  CHECK(is_ok(setslot(*cluster, 1, "NODE", 1)));
  CHECK(cluster->now() - began < milliseconds(500));
  cluster->run_for(seconds(2));
  CHECK(is_ok(setslot(*cluster, 0, "IMPORTING", 1)));
  CHECK(is_ok(setslot(*cluster, 1, "MIGRATING", 0)));
  for (std::size_t replica = 3; replica < 6; ++replica) cluster->engine(replica).frozen = true;
  CHECK(cluster->write(1, 8'000));
  cluster->run_for(milliseconds(200));
  began = cluster->now();
  CHECK(is_ok(setslot(*cluster, 0, "NODE", 0)));
  CHECK(cluster->now() - began >= seconds(1));
  CHECK(serves(*cluster, 0));
}

TEST_CASE("without an answer from the owner the slot stays where it is") {
  auto cluster = three_shards();
  opened(*cluster);
  cluster->cut(0, true);
  CHECK(error_of(setslot(*cluster, 1, "NODE", 1)).find("no answer from the owner of slot 7") !=
        std::string::npos);
  CHECK_FALSE(serves(*cluster, 1));
}

TEST_CASE("DELSLOTS and ADDSLOTS of another's slot take it, and what keys are left there are not dropped") {
  auto cluster = three_shards();
  opened(*cluster);
  REQUIRE(cluster->write(0, slot));
  CHECK(error_of(cluster->command(1, {"ADDSLOTS", "7"})) == "ERR Slot 7 is already busy");
  CHECK(is_ok(cluster->command(1, {"DELSLOTS", "7"})));
  CHECK(serves(*cluster, 0));
  CHECK(is_ok(stable(*cluster, 1)));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTS", "7"})));
  cluster->run_for(seconds(2));
  CHECK(serves(*cluster, 1));
  CHECK_FALSE(serves(*cluster, 0));
  CHECK(cluster->engine(0).counts.keys[slot] == 1);
  for (const auto& action : cluster->engine(0).done) CHECK_FALSE(std::holds_alternative<DropSlots>(action));
  CHECK(is_ok(setslot(*cluster, 0, "IMPORTING", 1)));  // so that MIGRATE may take them away
}

TEST_CASE("DELSLOTS and ADDSLOTS in one transaction see each other") {
  auto cluster = three_shards();
  CHECK(is_ok(cluster->command(0, {"DELSLOTS", "7"}, false)));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "7"}, false)));
  cluster->run_for(seconds(1));
  CHECK(serves(*cluster, 0));
}

TEST_CASE("told of an owner while nobody owns the slot, a node answers when that one does") {
  auto cluster = three_shards();
  CHECK(is_ok(cluster->command(0, {"DELSLOTS", "7"})));
  cluster->run_for(seconds(1));
  CHECK(error_of(setslot(*cluster, 2, "NODE", 1)).find("nobody has claimed slot 7") != std::string::npos);
  CHECK(is_ok(setslot(*cluster, 1, "NODE", 1)));
  CHECK(is_ok(setslot(*cluster, 2, "NODE", 1)));
}

TEST_CASE("what an open slot does with a command depends on where its keys are") {
  RoutingTable table;
  table.owner.fill(0);
  table.routes = {{ShardId{{1}}, NodeId{{1}}, "a:1", "a:2", true},
                  {ShardId{{2}}, NodeId{{2}}, "b:1", "b:2", true}};
  table.own_route = 0;
  table.served.fill(true);
  table.cluster_ok = table.primary_here = true;
  const Instant now{1'000};
  table.lease_until = now + seconds(1);
  table.mode[slot] = SlotMode::migrating;
  table.peer[slot] = 1;
  RouteQuery query;
  query.slot = slot;
  CHECK_FALSE(keys_matter(table, 8));
  REQUIRE(keys_matter(table, slot));
  CHECK(decide_open(table, query, {2, 0, true, false}, now) == Decision::serve);
  CHECK(decide_open(table, query, {0, 2, true, false}, now) == Decision::ask);
  CHECK(decide_open(table, query, {1, 1, true, false}, now) == Decision::tryagain);
  CHECK(decide_open(table, query, {0, 1, false, true}, now) == Decision::serve);  // MIGRATE says NOKEY
  CHECK(ask_text(table, slot, false) == "ASK 7 b:1");
  CHECK(ask_text(table, slot, true) == "ASK 7 b:2");
  table.routes[1].known = false;
  CHECK(decide_open(table, query, {0, 1, false, false}, now) == Decision::clusterdown);
  table.routes[1].known = true;

  table.mode[slot] = SlotMode::importing;
  table.owner[slot] = 1;
  table.served[slot] = false;
  CHECK(decide_open(table, query, {1, 0, false, false}, now) == Decision::moved);
  query.asking = true;
  CHECK(decide_open(table, query, {0, 1, false, false}, now) == Decision::serve);
  CHECK(decide_open(table, query, {1, 1, true, false}, now) == Decision::tryagain);
  CHECK(decide_open(table, query, {2, 0, true, false}, now) == Decision::serve);
  CHECK(decide_open(table, query, {2, 0, true, false}, table.lease_until) == Decision::clusterdown);

  table.mode[slot] = SlotMode::handed_over;
  table.owner[slot] = 0;
  query.asking = false;
  CHECK(decide_open(table, query, {1, 0, false, false}, now) == Decision::ask);  // whatever is left here
  CHECK(decide_open(table, query, {1, 0, false, true}, now) == Decision::serve);
  CHECK(decide_open(table, query, {1, 0, false, false}, table.lease_until) == Decision::clusterdown);
}
