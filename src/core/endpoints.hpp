// How a node is reached and named: its own announcement first, else what the provider sees. Own address is
// empty until somebody knows it, as in a native cluster.
#pragma once

#include <cstdint>
#include <string>

#include "base/ids.hpp"
#include "core/cluster_view.hpp"
#include "core/core.hpp"
#include "core/metadata.hpp"

namespace vswim::core {

struct Endpoint {
  std::string ip, hostname;
  std::uint16_t port = 0, tls_port = 0, bus_port = 0;
  std::string zone;
  // A TLS client is told the TLS port, and the plain one where there is no other.
  std::uint16_t client_port(bool tls) const {
    return tls && tls_port != 0 ? tls_port : port != 0 ? port : tls_port;
  }
};

Endpoint endpoint_of(const ClusterView& view, const Settings& settings, const NodeId& id);
// The same as a client is told: what was announced for clients of its family goes first.
Endpoint client_endpoint_of(const ClusterView& view, const Settings& settings, const NodeId& id, bool ipv6);
// The host as MOVED and CLUSTER SLOTS print it under `cluster-preferred-endpoint-type`.
std::string preferred_host(const Endpoint& endpoint, const Settings& settings);
// What this node publishes about itself.
NodeInfo own_info(const Settings& settings, bool loading);

}  // namespace vswim::core
