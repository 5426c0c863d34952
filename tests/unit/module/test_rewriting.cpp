#include <catch2/catch_test_macros.hpp>

#include "module/engine.hpp"
#include "module/graceful_end.hpp"
#include "module/rewriting.hpp"
#include "module/server_settings.hpp"

using namespace vswim::module;

TEST_CASE("INFO says cluster and stays the same otherwise", "[module]") {
  const std::string text =
      "# Server\r\nredis_mode:standalone\r\nserver_mode:standalone\r\nos:Linux\r\n\r\n# "
      "Cluster\r\ncluster_enabled:0\r\n";
  CHECK(rewrite_info(text) ==
        "# Server\r\nredis_mode:cluster\r\nserver_mode:cluster\r\nos:Linux\r\n\r\n# "
        "Cluster\r\ncluster_enabled:1\r\n");
  CHECK(rewrite_info("x_cluster_enabled:0\r\n") == "x_cluster_enabled:0\r\n");
  CHECK(rewrite_info("").empty());
}

TEST_CASE("CONFIG GET is taken over only where a rewritten parameter may be in it", "[module]") {
  CHECK(concerns_rewritten_config("databases"));
  CHECK(concerns_rewritten_config("DATABASES"));
  CHECK(concerns_rewritten_config("cluster-databases"));
  CHECK(concerns_rewritten_config("cluster-*"));
  CHECK(concerns_rewritten_config("*"));
  CHECK(concerns_rewritten_config("d?tabases"));
  CHECK(concerns_rewritten_config("[dx]atabases"));
  CHECK_FALSE(concerns_rewritten_config("maxmemory"));
  CHECK_FALSE(concerns_rewritten_config("cluster-node*"));
  CHECK_FALSE(concerns_rewritten_config(std::string(10'000, '?')));
  CHECK(rewritten_config("cluster-enabled") == "yes");
  CHECK(rewritten_config("cluster-databases") == "1");
  CHECK(rewritten_config("databases") == "1");
  CHECK(rewritten_config("maxmemory").empty());
}

TEST_CASE("roles never stay in the configuration file", "[module]") {
  CHECK(without_replicaof("port 1\nreplicaof 127.0.0.1 2\nSLAVEOF a 3\nreplica-priority 5\n") ==
        "port 1\nreplica-priority 5\n");
  CHECK(without_replicaof("# replicaof a 1\nlast") == "# replicaof a 1\nlast");
  CHECK(without_replicaof("").empty());
}

TEST_CASE("INFO replication becomes what Core wants to know", "[module]") {
  const auto replica = parse_replication(
      "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:7001\r\nmaster_link_status:down\r\n"
      "master_sync_in_progress:1\r\nslave_repl_offset:41\r\nmaster_link_down_since_seconds:7\r\nconnected_"
      "slaves:0\r\n"
      "master_replid:aa\r\nmaster_replid2:bb\r\nmaster_repl_offset:99\r\n");
  CHECK(replica.is_replica);
  CHECK_FALSE(replica.link_up);
  CHECK(replica.sync_in_progress);
  CHECK(replica.offset == 41);
  CHECK(replica.down_since_ms == 7'000);
  CHECK(replica.history == "aa");
  CHECK(replica.primary_host == "10.0.0.1");
  CHECK(replica.primary_port == 7001);

  const auto primary = parse_replication("role:master\r\nconnected_slaves:2\r\nmaster_repl_offset:99\r\n");
  CHECK_FALSE(primary.is_replica);
  CHECK(primary.offset == 99);
  CHECK(primary.replicas == 2);
  CHECK(parse_replication("").offset == 0);
}

TEST_CASE("SHUTDOWN hands over first, except NOW, ABORT and what the server refuses anyway", "[module]") {
  CHECK(shutdown_hands_over({}));
  CHECK(shutdown_hands_over({"NOSAVE"}));
  CHECK(shutdown_hands_over({"save", "Force", "FAILOVER"}));
  CHECK_FALSE(shutdown_hands_over({"NOSAVE", "now"}));
  CHECK(shutdown_hands_over({"now", "FAILOVER"}));
  CHECK_FALSE(shutdown_hands_over({"ABORT"}));
  CHECK_FALSE(shutdown_hands_over({"SAVE", "NOSAVE"}));
  CHECK_FALSE(shutdown_hands_over({"nonsense"}));
  CHECK(shutdown_setting({}) == "default");
  CHECK(shutdown_setting({"FAILOVER"}) == "default");
  CHECK(shutdown_setting({"NOSAVE", "FORCE"}) == "NOSAVE FORCE");
}

TEST_CASE("the bus port is port + 10000 where that is a port, else cluster-port", "[module]") {
  const auto with = [](std::map<std::string, std::string, std::less<>> values) {
    return ServerSettings(std::move(values));
  };
  std::uint16_t port = 0;
  std::string error;
  CHECK(with({{"port", "6379"}}).bus_port(port, error));
  CHECK(port == 16379);
  CHECK(with({{"port", "0"}, {"tls-port", "7000"}}).bus_port(port, error));
  CHECK(port == 17000);
  CHECK(with({{"port", "60000"}, {"cluster-port", "123"}}).bus_port(port, error));
  CHECK(port == 123);
  CHECK_FALSE(with({{"port", "55536"}}).bus_port(port, error));
  CHECK(error.find("55535") != std::string::npos);
  CHECK(error.find("cluster-port") != std::string::npos);
  CHECK_FALSE(with({{"port", "0"}}).bus_port(port, error));
}
