// CLUSTER NODES: <id> <ip:port@cport[,hostname]> <flags> <primary> <ping-sent> <pong-recv> <epoch> <link>
// <slot>...
#include "core/endpoints.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

std::string flags_of(const Machine& m, const NodeId& id, const contract::Member& member) {
  std::string flags = id == m.view.self() ? "myself," : "";
  flags += m.view.is_primary(id) ? "master" : "slave";
  if (member.health == contract::Health::pfail) flags += ",fail?";
  if (member.health == contract::Health::fail) flags += ",fail";
  const auto* info = m.view.info(id);
  const bool own_setting = id == m.view.self() && m.settings.replica_no_failover;
  if (own_setting || (info != nullptr && info->no_failover)) flags += ",nofailover";
  return flags;
}

std::string milliseconds_text(const Machine& m, Instant at) {
  return at == Instant{} ? "0" : std::to_string((at + m.settings.wall_offset).ns / 1'000'000);
}

std::string open_slots(const Machine& m) {
  std::string text;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    const auto mode = m.table.mode[slot];
    const bool leaves = mode == SlotMode::migrating || mode == SlotMode::handed_over;
    if (!leaves && mode != SlotMode::importing) continue;
    const auto peer = m.view.primary_of(m.log.slots().at(static_cast<Slot>(slot)).peer);
    const char* arrow = leaves ? "->-" : "-<-";
    text += " [" + std::to_string(slot) + arrow + (peer ? peer->hex() : "") + "]";
  }
  return text;
}

std::string line_of(const Machine& m, const NodeId& id, const Caller& caller, const SlotSet* slots) {
  const auto& member = *m.view.member(id);
  const auto endpoint = client_endpoint_of(m.view, m.settings, id, caller.ipv6);
  const auto primary = m.view.primary_of(member.shard);
  const bool self = id == m.view.self();
  std::string line = id.hex() + " " + endpoint.ip + ":" + std::to_string(endpoint.client_port(caller.tls)) +
                     "@" + std::to_string(endpoint.bus_port);
  if (!endpoint.hostname.empty()) line += "," + endpoint.hostname;
  line += " " + flags_of(m, id, member) + " " + (primary && *primary != id ? primary->hex() : "-");
  line += " " + (member.health == contract::Health::ok ? "0" : milliseconds_text(m, member.suspected_at));
  line += " " + (self ? "0" : milliseconds_text(m, member.heard_at));
  const auto epoch =
      member.shard == m.view.own_shard() && m.primary_here ? m.own_epoch : m.view.epoch_of(member.shard);
  line += " " + std::to_string(self && primary == id ? std::max(epoch, m.own_epoch) : epoch);
  line += self || member.health == contract::Health::ok ? " connected" : " disconnected";
  if (slots != nullptr && primary == id) {
    for (const auto& range : runs(*slots)) line += " " + range_text(range);
  }
  return self ? line + open_slots(m) : line;
}

}  // namespace

SlotSet slots_of(const Machine& m, const ShardId& shard) {
  SlotSet slots;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    const auto owner = m.table.owner[slot];
    if (owner != RoutingTable::unowned && m.table.routes[owner].shard == shard) slots.set(slot);
  }
  return slots;
}

std::vector<NodeId> replicas_of(const Machine& m, const NodeId& primary) {
  std::vector<NodeId> replicas;
  const auto* member = m.view.member(primary);
  if (member == nullptr) return replicas;
  for (const auto& id : m.view.members_of(member->shard)) {
    if (id != primary) replicas.push_back(id);
  }
  return replicas;
}

std::string node_line(const Machine& m, const NodeId& id, const Caller& caller) {
  const auto* member = m.view.member(id);
  if (member == nullptr) return "";
  const auto slots = slots_of(m, member->shard);
  return line_of(m, id, caller, &slots);
}

std::string cluster_nodes(const Machine& m, const Caller& caller) {
  // One pass over the slots for all shards.
  std::vector<SlotSet> by_route(m.table.routes.size());
  std::map<ShardId, std::size_t> route_of;
  for (std::size_t i = 0; i < m.table.routes.size(); ++i) route_of[m.table.routes[i].shard] = i;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (m.table.owner[slot] != RoutingTable::unowned) by_route[m.table.owner[slot]].set(slot);
  }
  std::string text;
  for (const auto& [id, member] : m.view.members()) {
    const auto route = route_of.find(member.shard);
    text += line_of(m, id, caller, route == route_of.end() ? nullptr : &by_route[route->second]) + "\n";
  }
  return text;
}

}  // namespace vswim::core
