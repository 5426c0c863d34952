#include "core/routing_table.hpp"

namespace vswim::core {

namespace {

bool leased(const RoutingTable& table, Instant now) { return now < table.lease_until; }
bool healthy(const RoutingTable& table, Instant now) { return table.cluster_ok && leased(table, now); }

// The slot belongs to this node's shard. A live lease is needed for whatever needs ownership, reads included;
// a replica's READONLY reads need none, they are stale by agreement.
Decision decide_own(const RoutingTable& table, const RouteQuery& query, Instant now) {
  if (table.primary_here) {
    return leased(table, now) && table.served[query.slot] ? Decision::serve : Decision::clusterdown;
  }
  if (table.replica_here && query.readonly_client && !query.write) return Decision::serve;
  const auto& route = table.routes[table.own_route];
  return table.replica_here && route.known ? Decision::moved : Decision::clusterdown;
}

}  // namespace

Decision decide(const RoutingTable& table, const RouteQuery& query, Instant now) {
  const auto owner = table.owner[query.slot];
  if (owner == RoutingTable::unowned) return Decision::clusterdown;
  if (table.handed_over) return table.routes[owner].known ? Decision::moved : Decision::clusterdown;
  if (!healthy(table, now) && (!query.allow_reads_when_down || query.write)) return Decision::clusterdown;
  if (table.mode[query.slot] == SlotMode::importing && query.asking && table.primary_here) {
    return leased(table, now) ? Decision::serve : Decision::clusterdown;
  }
  if (owner == table.own_route) return decide_own(table, query, now);
  return table.routes[owner].known ? Decision::moved : Decision::clusterdown;
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

std::string moved_text(const RoutingTable& table, Slot slot, bool tls) {
  const auto& route = table.routes[table.owner[slot]];
  return "MOVED " + std::to_string(slot) + " " + (tls ? route.tls_endpoint : route.endpoint);
}

}  // namespace vswim::core
