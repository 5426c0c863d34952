#include "core/routing_table.hpp"

namespace vswim::core {

namespace {

bool leased(const RoutingTable& table, Instant now) { return now < table.lease_until; }
bool healthy(const RoutingTable& table, Instant now) { return table.cluster_ok && leased(table, now); }

// The slot belongs to this node's shard. A live lease is needed for whatever needs ownership, reads included;
// a replica's READONLY reads need none, they are stale by agreement.
Decision decide_own(const RoutingTable& table, const RouteQuery& query, Instant now) {
  const bool handed = table.mode[query.slot] == SlotMode::handed_over;
  if (handed && (table.primary_here || (table.replica_here && query.readonly_client)))
    return leased(table, now) || !table.primary_here ? Decision::ask : Decision::clusterdown;
  if (table.primary_here) {
    if (!leased(table, now)) return Decision::clusterdown;
    if (table.mode[query.slot] == SlotMode::fenced) return Decision::hold;
    if (!table.served[query.slot]) return Decision::clusterdown;
    return table.writes_held && query.write ? Decision::hold : Decision::serve;
  }
  if (table.arriving) return Decision::hold;
  if (table.replica_here && query.readonly_client && !query.write) return Decision::serve;
  const auto& route = table.routes[table.own_route];
  return (table.replica_here || table.named_elsewhere) && route.known ? Decision::moved
                                                                      : Decision::clusterdown;
}

}  // namespace

Decision decide(const RoutingTable& table, const RouteQuery& query, Instant now) {
  const auto owner = table.owner[query.slot];
  if (owner == RoutingTable::unowned) return Decision::clusterdown;
  if (table.handed_over) return table.routes[owner].known ? Decision::moved : Decision::clusterdown;
  if (!healthy(table, now) && (!query.allow_reads_when_down || query.write)) return Decision::clusterdown;
  if (table.mode[query.slot] == SlotMode::importing && query.asking && table.primary_here) {
    if (!leased(table, now)) return Decision::clusterdown;
    return table.writes_held && query.write ? Decision::hold : Decision::serve;
  }
  const bool reads_of_replica = table.replica_here && query.readonly_client && !query.write;
  if (table.mode[query.slot] == SlotMode::importing && query.asking && reads_of_replica)
    return Decision::serve;
  if (owner == table.own_route) return decide_own(table, query, now);
  return table.routes[owner].known ? Decision::moved : Decision::clusterdown;
}

Decision decide_keyless_write(const RoutingTable& table, Instant now, bool flushes) {
  if (table.arriving) return Decision::hold;
  if (!table.primary_here || !leased(table, now)) return Decision::clusterdown;
  return table.writes_held || (flushes && table.flushes_wait) ? Decision::hold : Decision::serve;
}

std::string clusterdown_text(const RoutingTable& table, const RouteQuery& query, Instant now) {
  if (table.owner[query.slot] == RoutingTable::unowned) return "CLUSTERDOWN Hash slot not served";
  if (!healthy(table, now)) {
    if (query.allow_reads_when_down && query.write) {
      return "CLUSTERDOWN The cluster is down and only accepts read commands";
    }
    return "CLUSTERDOWN The cluster is down";
  }
  return "CLUSTERDOWN Hash slot not served";
}

const std::string& endpoint_for(const Route& route, bool tls, bool ipv6) {
  if (ipv6) return tls ? route.tls_endpoint_ipv6 : route.endpoint_ipv6;
  return tls ? route.tls_endpoint : route.endpoint;
}

std::string moved_text(const RoutingTable& table, Slot slot, bool tls, bool ipv6) {
  const auto& route = table.routes[table.owner[slot]];
  return "MOVED " + std::to_string(slot) + " " + endpoint_for(route, tls, ipv6);
}

}  // namespace vswim::core
