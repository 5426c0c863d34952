#include "core/open_slots.hpp"

namespace vswim::core {

namespace {

bool peer_known(const RoutingTable& table, Slot slot) {
  const auto peer = table.peer[slot];
  return peer != RoutingTable::unowned && table.routes[peer].known;
}

Decision ask(const RoutingTable& table, Slot slot) {
  return peer_known(table, slot) ? Decision::ask : Decision::clusterdown;
}

}  // namespace

bool keys_matter(const RoutingTable& table, Slot slot) {
  const auto mode = table.mode[slot];
  return mode == SlotMode::migrating || mode == SlotMode::importing || mode == SlotMode::handed_over;
}

Decision decide_open(const RoutingTable& table, const RouteQuery& query, const KeysHere& keys, Instant now) {
  const auto mode = table.mode[query.slot];
  const bool leased = table.primary_here && now < table.lease_until;
  if (keys.moves_keys && leased) return Decision::serve;
  const auto base = decide(table, query, now);
  if (base == Decision::ask) return ask(table, query.slot);
  if (base != Decision::serve || keys.missing == 0) return base;
  if (mode == SlotMode::importing) return keys.several ? Decision::tryagain : base;
  return keys.present > 0 ? Decision::tryagain : ask(table, query.slot);
}

std::string ask_text(const RoutingTable& table, Slot slot, bool tls, bool ipv6) {
  const auto& route = table.routes[table.peer[slot]];
  return "ASK " + std::to_string(slot) + " " + endpoint_for(route, tls, ipv6);
}

}  // namespace vswim::core
