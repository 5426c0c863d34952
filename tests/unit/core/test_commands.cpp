#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"
#include "core/command_table.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

struct Expectation {
  Words words;
  std::string error;
};

const std::string unknown_id(40, 'a');

}  // namespace

TEST_CASE("errors read as a native server's") {
  auto cluster = make_cluster();
  create_cluster(*cluster, 3, 1);
  cluster->write(0, 5);
  cluster->run_for(seconds(1));
  const auto primary = id_of(*cluster, 0), replica = id_of(*cluster, 1);
  const std::vector<Expectation> on_primary = {
      {{"FOO"}, "ERR unknown subcommand 'FOO'. Try CLUSTER HELP."},
      {{"KEYSLOT"}, "ERR wrong number of arguments for 'cluster|keyslot' command"},
      {{"MEET", "127.0.0.1"}, "ERR wrong number of arguments for 'cluster|meet' command"},
      {{"MEET", "127.0.0.1", "1", "2", "3"},
       "ERR unknown subcommand or wrong number of arguments for 'MEET'. Try CLUSTER HELP."},
      {{"MEET", "127.0.0.1", "x"}, "ERR Invalid base port specified: x"},
      {{"MEET", "127.0.0.1", "7000", "x"}, "ERR Invalid bus port specified: x"},
      {{"MEET", "nowhere", "7000"}, "ERR Invalid node address specified: nowhere:7000"},
      {{"MEET", "127.0.0.1", "0"}, "ERR Invalid node address specified: 127.0.0.1:0"},
      {{"MEET", "127.0.0.1", "60000"}, "ERR Invalid node address specified: 127.0.0.1:60000"},
      {{"ADDSLOTS", "x"}, "ERR Invalid or out of range slot"},
      {{"ADDSLOTS", "16384"}, "ERR Invalid or out of range slot"},
      {{"ADDSLOTS", "-1"}, "ERR Invalid or out of range slot"},
      {{"ADDSLOTS", "5"}, "ERR Slot 5 is already busy"},
      {{"ADDSLOTSRANGE", "5", "4"}, "ERR start slot number 5 is greater than end slot number 4"},
      {{"ADDSLOTSRANGE", "5", "6", "7"}, "ERR wrong number of arguments for 'cluster|addslotsrange' command"},
      {{"DELSLOTSRANGE", "5", "6", "7"}, "ERR wrong number of arguments for 'cluster|delslotsrange' command"},
      {{"DELSLOTS", "5", "5"}, "ERR Slot 5 specified multiple times"},
      {{"FLUSHSLOTS"}, "ERR DB must be empty to perform CLUSTER FLUSHSLOTS."},
      {{"COUNTKEYSINSLOT", "x"}, "ERR value is not an integer or out of range"},
      {{"COUNTKEYSINSLOT", "16384"}, "ERR Invalid slot"},
      {{"GETKEYSINSLOT", "16384", "1"}, "ERR Invalid slot or number of keys"},
      {{"GETKEYSINSLOT", "1", "-1"}, "ERR Invalid slot or number of keys"},
      {{"GETKEYSINSLOT", "1", "x"}, "ERR value is not an integer or out of range"},
      {{"REPLICAS", unknown_id}, "ERR Unknown node " + unknown_id},
      {{"SLAVES", replica}, "ERR The specified node is not a master"},
      {{"COUNT-FAILURE-REPORTS", unknown_id}, "ERR Unknown node " + unknown_id},
      {{"FORGET", unknown_id}, "ERR Unknown node " + unknown_id},
      {{"FORGET", primary}, "ERR I tried hard but I can't forget myself..."},
      {{"REPLICATE", unknown_id}, "ERR Unknown node " + unknown_id},
      {{"REPLICATE", primary}, "ERR Can't replicate myself"},
      {{"REPLICATE", replica}, "ERR I can only replicate a master, not a replica."},
      {{"REPLICATE", "NO", "TWO"}, "ERR wrong number of arguments for 'cluster|replicate' command"},
      {{"SET-CONFIG-EPOCH", "x"}, "ERR value is not an integer or out of range"},
      {{"SET-CONFIG-EPOCH", "-1"}, "ERR Invalid config epoch specified: -1"},
      {{"SET-CONFIG-EPOCH", "9"},
       "ERR The user can assign a config epoch only when the node does not know any other node."},
      {{"RESET", "WELL"}, "ERR syntax error"},
      {{"RESET"}, "ERR CLUSTER RESET can't be called with master nodes containing keys"},
      {{"FAILOVER"}, "ERR You should send CLUSTER FAILOVER to a replica"},
      {{"FAILOVER", "NOW"}, "ERR syntax error"},
      {{"SETSLOT", "5", "STABLE", "x", "y"}, ""},
      {{"SETSLOT", "x", "STABLE"}, "ERR Invalid or out of range slot"},
      {{"SETSLOT", "5", "NODE", unknown_id}, "ERR Unknown node " + unknown_id},
      {{"SETSLOT", "5", "NODE", replica}, "ERR Target node is not a master"},
      {{"SETSLOT", "5", "NODE", primary}, ""},
      {{"SETSLOT", "5", "MIGRATING", unknown_id}, "ERR I don't know about node " + unknown_id},
      {{"SETSLOT", "5", "MIGRATING", replica}, "ERR Target node is not a master"},
      {{"SETSLOT", "5", "MIGRATING", primary}, "ERR Target node is myself"},
      {{"FLUSHSLOT", "16384"}, "ERR Invalid or out of range slot"},
      {{"FLUSHSLOT", "5", "LATER"}, "ERR syntax error"},
      {{"SETSLOT", "5", "IMPORTING", primary}, "ERR I'm already the owner of hash slot 5"},
      {{"SETSLOT", "5", "SOMEHOW", primary},
       "ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"},
  };
  for (const auto& expected : on_primary) {
    INFO(expected.words[0] << " " << (expected.words.size() > 1 ? expected.words[1] : ""));
    CHECK(error_of(cluster->command(0, expected.words)) == expected.error);
  }
  const std::vector<Expectation> on_replica = {
      {{"FORGET", primary}, "ERR Can't forget my master!"},
      {{"SETSLOT", "5", "STABLE"}, "ERR Please use SETSLOT only with masters."},
      {{"REPLICATE", primary}, ""},
  };
  for (const auto& expected : on_replica) {
    INFO(expected.words[0]);
    CHECK(error_of(cluster->command(1, expected.words)) == expected.error);
  }
}

TEST_CASE("a primary with slots or keys cannot become a replica") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 2; ++i) cluster->add_node(partial_settings_for(i));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "1"})));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  CHECK(error_of(cluster->command(0, {"REPLICATE", id_of(*cluster, 1)})) ==
        "ERR To set a master the node must be empty and without assigned slots.");
}

TEST_CASE("what is printed follows the wall clock when that is set, and not the time between two readings") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 2; ++i) cluster->add_node(settings_for(i));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"})));
  cluster->run_for(seconds(1));
  const auto created_ms = [&] {
    const auto links = std::get<Reply::Array>(cluster->command(0, {"LINKS"}).value);
    REQUIRE(links.size() == 2);
    const auto& fields = std::get<Reply::Map>(links[0].value);
    return std::get<std::int64_t>(fields.entries.at(2).second.value);
  };
  const auto at_first = created_ms();
  cluster->core(0).on_wall_clock(milliseconds(3));
  CHECK(created_ms() == at_first);
  cluster->core(0).on_wall_clock(seconds(-3600));
  CHECK(created_ms() == at_first - 3'600'000);
  cluster->core(0).on_wall_clock(seconds(86'400 * 365));
  CHECK(created_ms() == at_first + 86'400'000ll * 365);
}

TEST_CASE("views and small commands answer in the native shape") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  cluster->run_for(seconds(1));
  CHECK(id_of(*cluster, 0).size() == 40);
  CHECK(text_of(cluster->command(0, {"myshardid"})).size() == 40);
  CHECK(std::get<std::int64_t>(cluster->command(0, {"KEYSLOT", "123456789"}).value) == 12'739);
  CHECK(std::get<Reply::Array>(cluster->command(0, {"LINKS"}).value).empty());
  CHECK(std::get<Reply::Array>(cluster->command(0, {"HELP"}).value).size() > 20);
  CHECK(is_ok(cluster->command(0, {"SAVECONFIG"})));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "0", "16383"})));
  CHECK(cluster->write(0, 9));
  CHECK(std::get<std::int64_t>(cluster->command(0, {"COUNTKEYSINSLOT", "9"}).value) == 1);
  CHECK(std::get<Reply::Array>(cluster->command(0, {"GETKEYSINSLOT", "9", "10"}).value).size() == 1);
  CHECK(std::get<Reply::Array>(cluster->command(0, {"GETKEYSINSLOT", "8", "10"}).value).empty());
  const auto info = cluster->core(0).info_text(cluster->now());
  for (const auto* field :
       {"cluster_state:ok", "cluster_slots_assigned:16384", "cluster_slots_ok:16384", "cluster_slots_pfail:0",
        "cluster_slots_fail:0", "cluster_known_nodes:1", "cluster_size:1",
        "cluster_current_epoch:", "cluster_my_epoch:", "cluster_stats_messages_sent:",
        "cluster_stats_messages_received:", "total_cluster_links_buffer_limit_exceeded:0"}) {
    INFO(field);
    CHECK(info.find(field) != std::string::npos);
  }
}

TEST_CASE("SET-CONFIG-EPOCH once, BUMPEPOCH until it is the highest") {
  auto cluster = make_cluster();
  cluster->add_node(settings_for(0));
  cluster->run_for(seconds(1));
  CHECK(is_ok(cluster->command(0, {"SET-CONFIG-EPOCH", "7"})));
  CHECK(error_of(cluster->command(0, {"SET-CONFIG-EPOCH", "8"})) ==
        "ERR Node config epoch is already non-zero");
  CHECK(text_of(cluster->command(0, {"BUMPEPOCH"})) == "STILL 7");
  CHECK(info_field(*cluster, 0, "cluster_my_epoch") == "7");
  CHECK(node_line(*cluster, 0, 0)[6] == "7");
}

TEST_CASE("DELSLOTS and FLUSHSLOTS give slots up in the log and in the routing") {
  auto cluster = make_cluster();
  cluster->add_node(partial_settings_for(0));
  CHECK(is_ok(cluster->command(0, {"ADDSLOTSRANGE", "250", "300"})));
  CHECK(is_ok(cluster->command(0, {"DELSLOTS", "255", "256"})));
  const auto line = node_line(*cluster, 0, 0);
  CHECK(line[line.size() - 2] == "250-254");
  CHECK(line.back() == "257-300");
  CHECK_FALSE(cluster->write(0, 255));
  CHECK(error_of(cluster->command(0, {"DELSLOTS", "255"})) == "ERR Slot 255 is already unassigned");
  CHECK(is_ok(cluster->command(0, {"FLUSHSLOTS"})));
  CHECK(node_line(*cluster, 0, 0).size() == 8);
}

TEST_CASE("where the client cannot wait, the answer is OK at once") {
  auto cluster = make_cluster();
  for (std::size_t i = 0; i < 2; ++i) cluster->add_node(partial_settings_for(i));
  cluster->run_for(seconds(1));
  const auto before = cluster->now();
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "1"}, false)));
  CHECK(is_ok(cluster->command(1, {"MEET", "127.0.0.1", "7000"}, false)));
  CHECK(cluster->now() == before);
  cluster->run_for(seconds(1));
  CHECK(node_lines(*cluster, 0).size() == 2);
  CHECK(node_line(*cluster, 1, 0).back() == "1");
}

TEST_CASE("pipelined ADDSLOTS are all done, one after the other") {
  auto cluster = make_cluster();
  cluster->add_node(partial_settings_for(0));
  for (CommandTicket i = 0; i < 20; ++i) {
    cluster->core(0).command(cluster->now(), 1'000 + i, {"ADDSLOTS", std::to_string(i)}, {});
  }
  CHECK(is_ok(cluster->command(0, {"ADDSLOTS", "20"})));
  CHECK(node_line(*cluster, 0, 0).back() == "0-20");
}

TEST_CASE("integers are read as strictly as a server reads them") {
  CHECK(parse_integer("12") == 12);
  CHECK(parse_integer("-12") == -12);
  CHECK(parse_integer("0") == 0);
  for (const auto* text : {"", " 1", "1 ", "+1", "007", "-0", "1.0", "99999999999999999999", "-"}) {
    INFO(text);
    CHECK_FALSE(parse_integer(text).has_value());
  }
}
