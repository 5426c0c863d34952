#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <variant>

#include "cluster.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {
bool acted(Cluster& cluster, std::size_t node, std::size_t index) {
  const auto& done = cluster.engine(node).done;
  return std::any_of(done.begin(), done.end(), [&](const EngineAction& a) { return a.index() == index; });
}
constexpr std::size_t flush_all = 5, detach = 2;
}  // namespace

TEST_CASE("a replica moves to another shard and syncs there") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 4, 2);
  for (Slot slot = 9'000; slot < 9'005; ++slot) CHECK(cluster->write(1, slot));
  CHECK(is_ok(cluster->command(2, {"REPLICATE", id_of(*cluster, 1)})));
  cluster->run_for(seconds(2));
  CHECK(acted(*cluster, 2, detach));
  CHECK(cluster->engine(2).report.keys == 5);
  for (std::size_t i = 0; i < 4; ++i) CHECK(node_line(*cluster, i, 2)[3] == id_of(*cluster, 1));
  CHECK(std::get<Reply::Array>(cluster->command(0, {"REPLICAS", id_of(*cluster, 1)}).value).size() == 2);
}

TEST_CASE("REPLICATE NO ONE makes an empty primary of a new shard") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 2, 1);
  cluster->write(0, 3);
  cluster->run_for(seconds(1));
  const auto old_shard = text_of(cluster->command(1, {"MYSHARDID"}));
  CHECK(is_ok(cluster->command(1, {"REPLICATE", "NO", "ONE"})));
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(3)));
  CHECK(text_of(cluster->command(1, {"MYSHARDID"})) != old_shard);
  CHECK(acted(*cluster, 1, flush_all));
  CHECK(cluster->engine(1).report.keys == 0);
  cluster->run_for(seconds(1));
  CHECK(node_line(*cluster, 0, 1)[2] == "master");
  CHECK(node_line(*cluster, 0, 0).back() == "0-16383");
}

TEST_CASE("FORGET removes a node everywhere and may be repeated") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 4, 2);
  const auto gone = id_of(*cluster, 3);
  CHECK(is_ok(cluster->command(0, {"FORGET", gone})));
  cluster->run_for(seconds(1));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(is_ok(cluster->command(i, {"FORGET", gone})));
    for (const auto& line : node_lines(*cluster, i)) CHECK(line.find(gone) != 0);
  }
  CHECK(node_lines(*cluster, 3).size() == 1);
}

TEST_CASE("a live node that alone owns slots is not forgotten; dead it is, and its slots are free") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 2; ++i) cluster->add_node(partial_settings_for(i));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "1"})));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTS", "2"})));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  const auto other = id_of(*cluster, 1);
  CHECK_FALSE(error_of(cluster->command(0, {"FORGET", other})).empty());
  cluster->crash(1);
  cluster->run_for(seconds(3));
  CHECK(is_ok(cluster->command(0, {"FORGET", other})));
  cluster->run_for(seconds(1));
  CHECK(info_field(*cluster, 0, "cluster_slots_assigned") == "1");
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "2"})));
  CHECK(cluster->write(0, 2));
}

TEST_CASE("a claim made after another shard's outranks it, also when that shard comes back") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 2; ++i) cluster->add_node(partial_settings_for(i));
  CHECK(is_ok(cluster->command(1, {"ADDSLOTS", "2"})));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  cluster->crash(1);
  cluster->run_for(seconds(3));
  CHECK(is_ok(cluster->command(0, {"FORGET", id_of(*cluster, 1)})));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "2"})));
  cluster->run_for(seconds(1));
  CHECK(cluster->core(0).routing().served[2]);
  CHECK(node_line(*cluster, 0, 0).back() == "2");
  // The forgotten node keeps its old claim in its own cluster; met again, its empty claim yields.
  cluster->restart(1, {0, 0, false});
  cluster->run_for(seconds(3));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(2));
  for (std::size_t i = 0; i < 2; ++i) CHECK(node_line(*cluster, i, 0).back() == "2");
  CHECK(cluster->write(0, 2));
  CHECK_FALSE(cluster->write(1, 2));
}

TEST_CASE("a live primary with replicas may be forgotten: its shard elects one of them") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 4, 2);
  CHECK(cluster->write(1, 16'000));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(0, {"FORGET", id_of(*cluster, 1)})));
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 3); }, seconds(5)));
  CHECK(cluster->write(3, 16'000));
  CHECK(noted(*cluster, 3, "was removed"));
}

TEST_CASE("RESET empties a replica, leaves the cluster, and HARD changes the id") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 2, 1);
  cluster->write(0, 3);
  cluster->run_for(seconds(1));
  const auto old = id_of(*cluster, 1);
  CHECK(is_ok(cluster->command(1, {"RESET", "HARD"})));
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(3)));
  CHECK(id_of(*cluster, 1) != old);
  CHECK(node_lines(*cluster, 1).size() == 1);
  CHECK(cluster->engine(1).report.keys == 0);
  cluster->run_for(seconds(1));
  CHECK(node_lines(*cluster, 0).size() == 1);
  CHECK(info_field(*cluster, 1, "cluster_my_epoch") == "0");
  CHECK(is_ok(cluster->command(1, {"SET-CONFIG-EPOCH", "5"})));
}

TEST_CASE("RESET of an empty primary frees its slots") {
  auto cluster = make_cluster();
  cluster->add_node(partial_settings_for(0));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "1", "2"})));
  const auto id = id_of(*cluster, 0);
  CHECK(is_ok(cluster->command(0, {"RESET"})));
  cluster->run_for(seconds(2));
  CHECK(id_of(*cluster, 0) == id);
  CHECK(info_field(*cluster, 0, "cluster_slots_assigned") == "0");
  CHECK_FALSE(cluster->write(0, 1));
}

TEST_CASE("primaries that meet with equal config epochs end with different ones") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 5; ++i) cluster->add_node(partial_settings_for(i));
  for (std::size_t i = 1; i < 5; ++i) CHECK(is_ok(cluster->command(i, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(5));
  std::vector<std::string> epochs;
  for (std::size_t i = 0; i < 5; ++i) epochs.push_back(node_line(*cluster, 0, i)[6]);
  std::sort(epochs.begin(), epochs.end());
  CHECK(std::unique(epochs.begin(), epochs.end()) == epochs.end());
}

TEST_CASE("what a node announces is what the others print") {
  auto cluster = make_cluster();
  auto settings = partial_settings_for(0);
  settings.announce_ip = "10.1.2.3";
  settings.announce_port = 8'000;
  settings.announce_bus_port = 18'000;
  settings.announce_hostname = "one.example";
  cluster->add_node(settings);
  cluster->add_node(partial_settings_for(1));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(node_line(*cluster, i, 0)[1] == "10.1.2.3:8000@18000,one.example");
  }
}

TEST_CASE("a failed MEET answers with the provider's reason") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  cluster->run_for(seconds(1));
  const auto reply = cluster->command(0, {"MEET", "127.0.0.1", "7999"});
  CHECK(error_of(reply) == "ERR no answer from 127.0.0.1:17999");
}
