#include "module/server_settings.hpp"

#include <charconv>
#include <utility>

#include "module/arguments.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

namespace {
constexpr const char* hidden_setting = "rdb-key-save-delay";  // not one of "*"
}  // namespace

ServerSettings ServerSettings::read(const Api& api, Ctx* ctx) {
  std::map<std::string, std::string, std::less<>> values;
  const Reply reply(api, api.Call(ctx, "CONFIG", "ccc", "GET", "*", hidden_setting));
  if (!reply.failed()) {
    const auto text = [&](std::size_t i) {
      return std::string(api.text(api.CallReplyArrayElement(reply.get(), i)));
    };
    const std::size_t count = api.CallReplyLength(reply.get());
    for (std::size_t i = 0; i + 1 < count; i += 2) values.emplace(text(i), text(i + 1));
  }
  return ServerSettings(std::move(values));
}

std::string_view ServerSettings::text(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string_view{} : std::string_view(found->second);
}

std::int64_t ServerSettings::number(std::string_view name, std::int64_t otherwise) const {
  const std::string_view value = text(name);
  std::int64_t result = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), result);
  return parsed.ec == std::errc{} && !value.empty() ? result : otherwise;
}

std::uint16_t ServerSettings::client_port() const {
  const auto plain = number("port", 0);
  return static_cast<std::uint16_t>(plain != 0 ? plain : number("tls-port", 0));
}

bool ServerSettings::bus_port(std::uint16_t& port, std::string& error) const {
  constexpr int offset = 10'000, highest = 65'535;
  if (const auto chosen = number("cluster-port", 0); chosen != 0) {
    port = static_cast<std::uint16_t>(chosen);
    return true;
  }
  if (client_port() == 0) {
    error =
        "the server listens on no TCP port; set port or tls-port, or cluster-port for the cluster's own bus";
    return false;
  }
  if (client_port() + offset > highest) {
    error =
        "port " + std::to_string(client_port()) +
        " leaves no room for the bus port (port + 10000); use a port of at most 55535 or set cluster-port";
    return false;
  }
  port = static_cast<std::uint16_t>(client_port() + offset);
  return true;
}

std::string ServerSettings::single_bind_address() const {
  const auto addresses = parse_bind(text("bind"));
  return addresses.size() == 1 ? addresses.front() : std::string();
}

core::Settings ServerSettings::core_settings(std::uint16_t bus_port, Duration lease_ttl,
                                             std::string_view server_version) const {
  const auto port = [&](std::string_view name) { return static_cast<std::uint16_t>(number(name, 0)); };
  core::Settings settings;
  settings.port = port("port");
  settings.tls_port = port("tls-port");
  settings.bus_port = bus_port;
  settings.announce_ip = text("cluster-announce-ip");
  settings.announce_hostname = text("cluster-announce-hostname");
  settings.announce_human_name = text("cluster-announce-human-nodename");
  settings.announce_port = port("cluster-announce-port");
  settings.announce_tls_port = port("cluster-announce-tls-port");
  settings.announce_bus_port = port("cluster-announce-bus-port");
  settings.announce_client_ipv4 = text("cluster-announce-client-ipv4");
  settings.announce_client_ipv6 = text("cluster-announce-client-ipv6");
  settings.announce_client_port = port("cluster-announce-client-port");
  settings.announce_client_tls_port = port("cluster-announce-client-tls-port");
  if (const auto type = text("cluster-preferred-endpoint-type"); !type.empty())
    settings.preferred_endpoint_type = type;
  settings.availability_zone = text("availability-zone");
  settings.bind_address = single_bind_address();
  settings.tls_replication = yes("tls-replication");
  settings.require_full_coverage = yes("cluster-require-full-coverage");
  settings.allow_reads_when_down = yes("cluster-allow-reads-when-down");
  settings.replica_no_failover = yes("cluster-replica-no-failover");
  settings.replica_validity_factor =
      number("cluster-replica-validity-factor", settings.replica_validity_factor);
  settings.allow_replica_migration = yes("cluster-allow-replica-migration");
  settings.migration_barrier = number("cluster-migration-barrier", settings.migration_barrier);
  settings.node_timeout = milliseconds(number("cluster-node-timeout", settings.node_timeout.ms()));
  settings.lease_ttl = lease_ttl;
  settings.migration_silence = seconds(number("repl-timeout", 60));
  settings.migration_key_delay = microseconds(number("rdb-key-save-delay", 0));
  settings.migration_records_max =
      static_cast<std::size_t>(number("cluster-slot-migration-log-max-len", 1'000));
  settings.repl_ping_period = seconds(number("repl-ping-replica-period", 10));
  settings.server_version = server_version;
  settings.wall_offset = runtime::wall_offset_now();
  return settings;
}

}  // namespace vswim::module
