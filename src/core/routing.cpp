#include "core/routing.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/endpoints.hpp"

namespace vswim::core {

namespace {

void add_routes(RoutingTable& table, const ClusterView& view, const Settings& settings) {
  table.routes.clear();
  table.own_route = RoutingTable::unowned;
  for (const auto& [shard, members] : view.shards()) {
    if (table.routes.size() >= RoutingTable::unowned) break;
    Route route;
    route.shard = shard;
    if (const auto primary = view.primary_of(shard)) {
      const auto endpoint = endpoint_of(view, settings, *primary);
      const auto host = preferred_host(endpoint, settings);
      route.primary = *primary;
      route.endpoint = host + ":" + std::to_string(endpoint.client_port(false));
      route.tls_endpoint = host + ":" + std::to_string(endpoint.client_port(true));
      route.known = true;
    }
    if (shard == view.own_shard()) table.own_route = static_cast<std::uint16_t>(table.routes.size());
    table.routes.push_back(std::move(route));
  }
}

void add_published_owners(RoutingTable& table, const ClusterView& view) {
  table.owner.fill(RoutingTable::unowned);
  std::array<ClaimNumber, slot_count> best;  // of `owner`; unset where nobody owns
  const auto routes =
      static_cast<std::uint16_t>(std::min<std::size_t>(table.routes.size(), RoutingTable::unowned));
  for (std::uint16_t i = 0; i < routes; ++i) {
    const auto* meta = view.shard(table.routes[i].shard);
    if (meta == nullptr) continue;
    for (const auto& [bucket, ranges] : meta->slots) {
      for (const auto& claimed : ranges) {
        const Claim claim{claimed.claim, table.routes[i].shard};
        for (std::uint32_t slot = claimed.range.first; slot <= claimed.range.last; ++slot) {
          const auto owner = table.owner[slot];
          if (owner != RoutingTable::unowned && !outranks(claim, {best[slot], table.routes[owner].shard}))
            continue;
          table.owner[slot] = i;
          best[slot] = claim.number;
        }
      }
    }
  }
}

void add_own_slots(RoutingTable& table, const LogView& log, const RoutingFacts& facts) {
  table.mode.fill(SlotMode::stable);
  table.served.fill(false);
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    const auto* entries = log.slots().bucket(b);
    if (entries == nullptr) continue;
    for (std::uint16_t i = 0; i < bucket_slots; ++i) {
      const Slot slot = bucket_first(b) + i;
      const auto state = (*entries)[i].state;
      if (state == SlotState::migrating) table.mode[slot] = SlotMode::migrating;
      if (state == SlotState::importing) table.mode[slot] = SlotMode::importing;
      if (!facts.primary_here || !log.slot_right(slot) || facts.withheld[slot]) continue;
      table.served[slot] = true;
      table.owner[slot] = table.own_route;
    }
  }
}

// cluster_state without its lease part (design 1, "State").
void add_state(RoutingTable& table, const ClusterView& view, const Settings& settings) {
  table.cluster_ok = true;
  table.down_reason.clear();
  if (!settings.require_full_coverage) return;
  std::vector<bool> live(table.routes.size());
  for (std::size_t i = 0; i < table.routes.size(); ++i) {
    const auto* primary = view.member(table.routes[i].primary);
    live[i] = table.routes[i].known && primary != nullptr && primary->health != contract::Health::fail;
  }
  const auto bad = std::find_if(table.owner.begin(), table.owner.end(), [&](std::uint16_t owner) {
    return owner == RoutingTable::unowned || !live[owner];
  });
  if (bad == table.owner.end()) return;
  table.cluster_ok = false;
  table.down_reason = "CLUSTERDOWN The cluster is down";
}

}  // namespace

void build_routing(RoutingTable& table, const ClusterView& view, const LogView& log, const Settings& settings,
                   const RoutingFacts& facts) {
  add_routes(table, view, settings);
  add_published_owners(table, view);
  table.primary_here = facts.primary_here && table.own_route != RoutingTable::unowned;
  table.replica_here = facts.replica_here;
  add_own_slots(table, log, {table.primary_here, facts.replica_here, facts.withheld});
  add_state(table, view, settings);
}

}  // namespace vswim::core
