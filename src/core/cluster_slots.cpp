// CLUSTER SLOTS: [start, end, primary, replica...] per run of slots with the same primary.
#include "core/endpoints.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

Reply node_entry(const Machine& m, const NodeId& id, const Caller& caller) {
  const auto endpoint = client_endpoint_of(m.view, m.settings, id, caller.ipv6);
  const auto& type = m.settings.preferred_endpoint_type;
  Reply::Array entry;
  if (type == "unknown-endpoint") {
    entry.push_back({Reply::Null{}});
  } else {
    entry.push_back(Reply::bulk(preferred_host(endpoint, m.settings)));
  }
  entry.push_back(Reply::integer(endpoint.client_port(caller.tls)));
  entry.push_back(Reply::bulk(id.hex()));
  Reply::Map more;
  if (type != "ip") more.entries.emplace_back(Reply::bulk("ip"), Reply::bulk(endpoint.ip));
  if (type != "hostname" && !endpoint.hostname.empty()) {
    more.entries.emplace_back(Reply::bulk("hostname"), Reply::bulk(endpoint.hostname));
  }
  if (server_at_least(m, 9, 1) && !endpoint.zone.empty())
    more.entries.emplace_back(Reply::bulk("availability-zone"), Reply::bulk(endpoint.zone));
  entry.push_back({std::move(more)});
  return {std::move(entry)};
}

// A replica that failed or never synced is not offered to clients. Offsets of other shards are not known
// here: there the published health decides.
bool available(const Machine& m, const NodeId& id) {
  const auto& member = *m.view.member(id);
  if (member.health == contract::Health::fail) return false;
  const auto* info = m.view.info(id);
  if (info == nullptr || info->health != "online") return false;
  return member.shard != m.view.own_shard() || offset_of(m, id) > 0;
}

}  // namespace

std::uint64_t offset_of(const Machine& m, const NodeId& id) {
  if (id == m.view.self()) return m.engine.report.offset;
  const auto known = m.view.offset(id);
  return known ? known->offset : 0;
}

Reply cluster_slots(const Machine& m, const Caller& caller) {
  Reply::Array all;
  const auto& owner = m.table.owner;
  const auto routed = [&](Slot slot) {
    return owner[slot] != RoutingTable::unowned && m.table.routes[owner[slot]].known;
  };
  for (const auto& range :
       runs(0, slot_count - 1, routed, [&](Slot a, Slot b) { return owner[a] == owner[b]; })) {
    const auto& primary = m.table.routes[owner[range.first]].primary;
    Reply::Array entry = {Reply::integer(range.first), Reply::integer(range.last),
                          node_entry(m, primary, caller)};
    for (const auto& replica : replicas_of(m, primary)) {
      if (available(m, replica)) entry.push_back(node_entry(m, replica, caller));
    }
    all.push_back({std::move(entry)});
  }
  return {std::move(all)};
}

}  // namespace vswim::core
