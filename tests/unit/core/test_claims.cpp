#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"
#include "core/claims.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

std::unique_ptr<Cluster> two_nodes() {
  auto cluster = make_cluster();
  cluster->add_node(partial_settings_for(0));
  cluster->add_node(partial_settings_for(1));
  cluster->run_for(seconds(1));
  return cluster;
}

std::string shard_of(Cluster& cluster, std::size_t node) {
  return text_of(cluster.command(node, {"MYSHARDID"}));
}

std::int64_t counted(Cluster& cluster, std::size_t node, const char* slot, bool can_wait = true) {
  return std::get<std::int64_t>(cluster.command(node, {"COUNTKEYSINSLOT", slot}, can_wait).value);
}

// In the same instant: gossip takes longer than either commit.
void both_add_slot_20(Cluster& cluster) {
  CHECK(is_ok(cluster.command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster.run_for(seconds(1));
  const Caller caller;
  for (std::size_t node = 0; node < 2; ++node)
    cluster.core(node).command(cluster.now(), 9'001 + node, {"ADDSLOTS", "20"}, caller);
  for (std::size_t node = 0; node < 2; ++node) cluster.command(node, {"MYID"});  // what it asked for goes out
  cluster.run_for(milliseconds(12));
}

}  // namespace

TEST_CASE("the higher (claim, shard) outranks, equals outrank nobody") {
  const ShardId low{{1}}, high{{2}};
  CHECK(outranks({2, low}, {1, high}));
  CHECK(outranks({1, high}, {1, low}));
  CHECK_FALSE(outranks({1, low}, {1, low}));
  CHECK(next_claim(4) == 5);
  CHECK(next_claim(claim_max) == claim_max);
}

TEST_CASE("a join that would put held keys under another owner is refused and names the slots") {
  auto cluster = two_nodes();
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "100"})));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTSRANGE", "50", "200"})));
  for (const Slot slot : {60, 61, 70, 150}) CHECK(cluster->write(1, slot));
  const auto reply = cluster->command(1, {"MEET", "127.0.0.1", "7000"});
  CHECK(error_of(reply).find("slots 60-61,70 are served by that cluster") != std::string::npos);
  cluster->run_for(seconds(1));
  CHECK(node_line(*cluster, 1, 1).back() == "50-200");
  CHECK(node_lines(*cluster, 1).size() == 1);
  CHECK(cluster->engine(1).counts.keys[60] == 1);
}

TEST_CASE("empty claims yield to the cluster that is joined, others stay") {
  auto cluster = two_nodes();
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "100"})));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTSRANGE", "50", "200"})));
  CHECK(cluster->write(1, 150));
  CHECK(cluster->write(0, 60));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(2));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(node_line(*cluster, i, 0).back() == "0-100");
    CHECK(node_line(*cluster, i, 1).back() == "101-200");
  }
  CHECK(cluster->engine(0).counts.keys[60] == 1);
  CHECK(cluster->engine(1).counts.keys[150] == 1);
}

TEST_CASE("of two claims made at once only the lower is given up, log first, then keys") {
  auto cluster = two_nodes();
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  // Neither has heard of the other's claim when it is made.
  cluster->cut(0, true);
  cluster->cut(1, true);
  cluster->run_for(milliseconds(1));
  cluster->cut(0, false);
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(2)));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "7"})));
  CHECK(cluster->write(0, 7));
  cluster->cut(0, true);
  cluster->run_for(seconds(2));
  cluster->cut(1, false);
  // The store is one, so what node 0 published is there already: the log of node 1 claims it all the same.
  cluster->run_for(milliseconds(500));
  CHECK(error_of(cluster->command(1, {"ADDSLOTS", "7"})) == "ERR Slot 7 is already busy");
  cluster->cut(0, false);
  cluster->run_for(seconds(2));
  CHECK(cluster->engine(0).counts.keys[7] == 1);
}

TEST_CASE("two logs that say ACTIVE: the primaries compare, the lower gives up and drops its keys") {
  auto cluster = two_nodes();
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "10"})));
  both_add_slot_20(*cluster);
  const std::size_t higher = shard_of(*cluster, 0) > shard_of(*cluster, 1) ? 0 : 1;
  const std::size_t lower = 1 - higher;
  REQUIRE(cluster->write(0, 20));
  REQUIRE(cluster->write(1, 20));
  cluster->run_for(seconds(3));
  CHECK(cluster->engine(higher).counts.keys[20] == 1);
  CHECK(cluster->engine(lower).counts.keys[20] == 0);
  CHECK(noted(*cluster, lower, "giving up slots 20"));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(cluster->core(i).routing().routes[cluster->core(i).routing().owner[20]].primary.hex() ==
          id_of(*cluster, higher));
  }
  CHECK_FALSE(cluster->write(lower, 20));
  CHECK(cluster->write(higher, 20));
}

TEST_CASE("whoever is primary drops the keys of a lost slot: one that died may have left them") {
  auto cluster = two_nodes();
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "10"})));
  both_add_slot_20(*cluster);
  const std::size_t lower = shard_of(*cluster, 0) > shard_of(*cluster, 1) ? 1 : 0;
  cluster->run_for(seconds(3));
  REQUIRE(noted(*cluster, lower, "giving up slots 20"));
  // As an heir finds them whose primary died between the log's word and the removal.
  cluster->engine(lower).counts.keys[20] = 3;
  cluster->engine(lower).counts.keys[21] = 1;  // never this shard's: nobody ordered that
  cluster->run_for(milliseconds(1'200));
  CHECK(cluster->engine(lower).counts.keys[20] == 0);
  CHECK(cluster->engine(lower).counts.keys[21] == 1);
  // Who counts them waits for that, where it can wait.
  cluster->engine(lower).counts.keys[20] = 3;
  CHECK(counted(*cluster, lower, "21") == 1);
  CHECK(counted(*cluster, lower, "20", false) == 3);
  CHECK(counted(*cluster, lower, "20") == 0);
  // A slot that comes back waits for it.
  cluster->engine(lower).counts.keys[20] = 3;
  const auto source = id_of(*cluster, 1 - lower);
  CHECK(is_ok(cluster->command(lower, {"SETSLOT", "20", "IMPORTING", source})));
  CHECK(cluster->engine(lower).counts.keys[20] == 0);
}

TEST_CASE("without an answer the lower claim keeps serving and keeps its keys") {
  auto cluster = two_nodes();
  both_add_slot_20(*cluster);
  const std::size_t higher = shard_of(*cluster, 0) > shard_of(*cluster, 1) ? 0 : 1;
  const std::size_t lower = 1 - higher;
  REQUIRE(cluster->write(lower, 20));
  cluster->crash(higher);
  cluster->run_for(seconds(5));
  CHECK(cluster->engine(lower).counts.keys[20] == 1);
  CHECK(cluster->write(lower, 20));
  CHECK(noted(*cluster, lower, "also claimed by"));
}
