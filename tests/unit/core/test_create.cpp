#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

TEST_CASE("a fresh node becomes primary of its own empty shard") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(1)));
  const auto line = node_line(*cluster, 0, 0);
  REQUIRE(line.size() == 8);
  CHECK(line[2] == "myself,master");
  CHECK(line[3] == "-");
  CHECK(line[7] == "connected");
  CHECK(info_field(*cluster, 0, "cluster_state") == "fail");
}

TEST_CASE("ADDSLOTS sent before the first lease waits for it and is then served") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "16383"})));
  CHECK(cluster->write(0, 5));
  CHECK(node_line(*cluster, 0, 0).back() == "0-16383");
  CHECK(info_field(*cluster, 0, "cluster_state") == "ok");
}

TEST_CASE("ADDSLOTS sent before the node heard of its own shard waits for that") {
  Rng rng(1);
  SlotKeyCounts counts;
  Core core(settings_for(0), counts, Instant{seconds(1).ns}, Rng(2));
  core.command(Instant{seconds(1).ns}, 1, {"ADDSLOTS", "5"}, Caller{});
  core.on_event(Instant{seconds(1).ns} + milliseconds(90),
                contract::Reset{contract::Namespace::shard, 1, rng.id<NodeId>(), rng.id<ShardId>()});
  CHECK(core.take_output().replies.empty());
}

TEST_CASE("a node that has heard nothing yet says who it is") {
  Rng rng(1);
  SlotKeyCounts counts;
  const Instant now{seconds(1).ns};
  const auto self = rng.id<NodeId>();
  const auto shard = rng.id<ShardId>();
  Core core(settings_for(0), counts, now, Rng(2));
  core.introduce(self, shard);
  core.command(now, 1, {"MYID"}, Caller{});
  core.command(now, 2, {"MYSHARDID"}, Caller{});
  const auto replies = core.take_output().replies;
  REQUIRE(replies.size() == 2);
  CHECK(text_of(replies[0].reply) == self.hex());
  CHECK(text_of(replies[1].reply) == shard.hex());
}

TEST_CASE("the flow of valkey-cli --cluster create gives six equal views of three shards") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 6, 3);
  for (std::size_t i = 0; i < 6; ++i) {
    INFO("node " << i);
    CHECK(info_field(*cluster, i, "cluster_state") == "ok");
    CHECK(info_field(*cluster, i, "cluster_known_nodes") == "6");
    CHECK(info_field(*cluster, i, "cluster_size") == "3");
    CHECK(info_field(*cluster, i, "cluster_slots_assigned") == "16384");
    for (std::size_t j = 0; j < 6; ++j) {
      INFO("subject " << j);
      const auto line = node_line(*cluster, i, j);
      REQUIRE(line.size() >= 8);
      CHECK(line[1] == "127.0.0.1:" + std::to_string(7000 + j) + "@" + std::to_string(17000 + j));
      CHECK(line[2] == std::string(i == j ? "myself," : "") + (j < 3 ? "master" : "slave"));
      CHECK(line[3] == (j < 3 ? "-" : id_of(*cluster, j - 3)));
      CHECK(line[6] == std::to_string(j % 3 + 1));
      CHECK(line.size() == (j < 3 ? 9U : 8U));
    }
    CHECK(node_line(*cluster, i, 0).back() == "0-5460");
    CHECK(node_line(*cluster, i, 2).back() == "10922-16383");
  }
  for (std::size_t i = 3; i < 6; ++i) CHECK(cluster->engine(i).report.link_up);
}

TEST_CASE("a slot of another shard is answered with MOVED to its primary") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 6, 3);
  const auto& table = cluster->core(0).routing();
  RouteQuery query;
  query.slot = 16'000;
  CHECK(decide(table, query, cluster->now()) == Decision::moved);
  CHECK(moved_text(table, 16'000, false) == "MOVED 16000 127.0.0.1:7002");
  CHECK(cluster->write(2, 16'000));
  CHECK_FALSE(cluster->write(5, 16'000));
  const auto& replica = cluster->core(5).routing();
  CHECK(decide(replica, query, cluster->now()) == Decision::moved);
  query.readonly_client = true;
  CHECK(decide(replica, query, cluster->now()) == Decision::serve);
  query.write = true;
  CHECK(decide(replica, query, cluster->now()) == Decision::moved);
}

TEST_CASE("CLUSTER SLOTS and SHARDS list primaries with their replicas") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 6, 3);
  for (int i = 0; i < 3; ++i) CHECK(cluster->write(0, 7));
  cluster->run_for(seconds(2));
  const auto slots = std::get<Reply::Array>(cluster->command(0, {"SLOTS"}).value);
  REQUIRE(slots.size() == 3);
  const auto first = std::get<Reply::Array>(slots[0].value);
  REQUIRE(first.size() == 4);
  CHECK(std::get<std::int64_t>(first[1].value) == 5460);
  CHECK(text_of(std::get<Reply::Array>(first[2].value)[2]) == id_of(*cluster, 0));
  CHECK(text_of(std::get<Reply::Array>(first[3].value)[2]) == id_of(*cluster, 3));
  CHECK(std::get<Reply::Array>(cluster->command(0, {"SHARDS"}).value).size() == 3);
}
