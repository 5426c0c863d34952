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
      route.primary = *primary;
      const auto text = [&](bool tls, bool ipv6) {
        const auto endpoint = client_endpoint_of(view, settings, *primary, ipv6);
        return preferred_host(endpoint, settings) + ":" + std::to_string(endpoint.client_port(tls));
      };
      route.endpoint = text(false, false);
      route.tls_endpoint = text(true, false);
      route.endpoint_ipv6 = text(false, true);
      route.tls_endpoint_ipv6 = text(true, true);
      const auto endpoint = endpoint_of(view, settings, *primary);
      route.host = endpoint.ip;
      route.port = settings.tls_replication ? endpoint.tls_port : endpoint.port;
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
  table.peer.fill(RoutingTable::unowned);
  const auto route_of = [&](const ShardId& shard) {
    const auto found = std::find_if(table.routes.begin(), table.routes.end(),
                                    [&](const Route& route) { return route.shard == shard; });
    return found == table.routes.end() ? RoutingTable::unowned
                                       : static_cast<std::uint16_t>(found - table.routes.begin());
  };
  table.served.fill(false);
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    const auto* entries = log.slots().bucket(b);
    if (entries == nullptr) continue;
    for (std::uint16_t i = 0; i < bucket_slots; ++i) {
      const Slot slot = bucket_first(b) + i;
      const auto state = (*entries)[i].state;
      if (state == SlotState::migrating) table.mode[slot] = SlotMode::migrating;
      if (state == SlotState::importing) table.mode[slot] = SlotMode::importing;
      if (state == SlotState::fenced) table.mode[slot] = SlotMode::fenced;
      if (state == SlotState::handed_over) table.mode[slot] = SlotMode::handed_over;
      if (table.mode[slot] != SlotMode::stable) table.peer[slot] = route_of((*entries)[i].peer);
      if (!facts.primary_here || !log.slot_right(slot) || facts.withheld[slot]) continue;
      table.served[slot] = true;
      table.owner[slot] = table.own_route;
    }
  }
}

// Clients of a slot that has just left find its new shard here before gossip has told.
void add_handed(RoutingTable& table, const RoutingFacts& facts) {
  for (std::uint16_t i = 0; i < table.routes.size(); ++i) {
    const auto found = facts.handed.find(table.routes[i].shard);
    if (found == facts.handed.end()) continue;
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
      const bool gone = !table.served[slot] && table.mode[slot] != SlotMode::fenced;
      const auto owner = table.owner[slot];
      if (found->second[slot] && gone && (owner == RoutingTable::unowned || owner == table.own_route))
        table.owner[slot] = i;
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

namespace {

void add_copies(RoutingTable& table, const LogView& log) {
  table.copies.reset();
  for (const auto& [id, logged] : log.imports()) {
    const auto& reg = logged.value;
    const bool left = reg.stage == ImportStage::abandoned && reg.session != 0;
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
      if (!reg.slots[slot]) continue;
      const auto state = log.slots().at(static_cast<Slot>(slot)).state;
      if (state == SlotState::taking_over || (left && state == SlotState::none)) table.copies.set(slot);
    }
  }
}

}  // namespace

void build_routing(RoutingTable& table, const ClusterView& view, const LogView& log, const Settings& settings,
                   const RoutingFacts& facts) {
  add_routes(table, view, settings);
  add_published_owners(table, view);
  add_copies(table, log);
  table.primary_here = facts.primary_here && table.own_route != RoutingTable::unowned;
  table.replica_here = facts.replica_here;
  table.named_elsewhere = facts.named_elsewhere;
  add_own_slots(table, log,
                {table.primary_here, facts.replica_here, facts.named_elsewhere, facts.withheld, {}});
  add_handed(table, facts);
  add_state(table, view, settings);
}

}  // namespace vswim::core
