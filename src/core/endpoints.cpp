#include "core/endpoints.hpp"

namespace vswim::core {

namespace {
constexpr std::uint16_t bus_offset = 10'000;  // the bus port is the client port + 10000 unless configured
}

NodeInfo own_info(const Settings& settings, bool loading) {
  NodeInfo info;
  info.port = settings.announce_port != 0 ? settings.announce_port : settings.port;
  info.tls_port = settings.announce_tls_port != 0 ? settings.announce_tls_port : settings.tls_port;
  info.bus_port = settings.announce_bus_port != 0 ? settings.announce_bus_port : settings.bus_port;
  info.ip = settings.announce_ip;
  info.hostname = settings.announce_hostname;
  info.human_name = settings.announce_human_name;
  info.zone = settings.availability_zone;
  info.client_ipv4 = settings.announce_client_ipv4;
  info.client_ipv6 = settings.announce_client_ipv6;
  info.client_port = settings.announce_client_port;
  info.client_tls_port = settings.announce_client_tls_port;
  info.no_failover = settings.replica_no_failover;
  info.health = loading ? "loading" : "online";
  return info;
}

Endpoint endpoint_of(const ClusterView& view, const Settings& settings, const NodeId& id) {
  Endpoint endpoint;
  const auto* member = view.member(id);
  const bool self = id == view.self();
  const auto own = own_info(settings, false);
  const auto* info = self ? &own : view.info(id);
  if (info != nullptr) {
    endpoint = {info->ip, info->hostname, info->port, info->tls_port, info->bus_port, info->zone};
  } else if (member != nullptr) {  // not gossiped yet: the usual distance is the best guess
    endpoint.bus_port = member->address.port;
    endpoint.port = member->address.port > bus_offset ? member->address.port - bus_offset : 0;
  }
  if (endpoint.ip.empty() && self) endpoint.ip = settings.bind_address;
  if (endpoint.ip.empty() && member != nullptr) endpoint.ip = member->address.ip_text();
  return endpoint;
}

Endpoint client_endpoint_of(const ClusterView& view, const Settings& settings, const NodeId& id, bool ipv6) {
  auto endpoint = endpoint_of(view, settings, id);
  const auto own = own_info(settings, false);
  const auto* info = id == view.self() ? &own : view.info(id);
  if (info == nullptr) return endpoint;
  if (const auto& ip = ipv6 ? info->client_ipv6 : info->client_ipv4; !ip.empty()) endpoint.ip = ip;
  if (info->client_port != 0) endpoint.port = info->client_port;
  if (info->client_tls_port != 0) endpoint.tls_port = info->client_tls_port;
  return endpoint;
}

std::string preferred_host(const Endpoint& endpoint, const Settings& settings) {
  if (settings.preferred_endpoint_type == "hostname")
    return endpoint.hostname.empty() ? "?" : endpoint.hostname;
  if (settings.preferred_endpoint_type == "unknown-endpoint") return "";
  return endpoint.ip;
}

}  // namespace vswim::core
