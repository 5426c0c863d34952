// CLUSTER INFO: every native field (exporters read them by name), then swim_* fields of this implementation.
#include <algorithm>
#include <cstdio>

#include "core/views.hpp"

namespace vswim::core {

namespace {

struct SlotCounts {
  int assigned = 0, ok = 0, pfail = 0, fail = 0;
};

SlotCounts count_slots(const Machine& m) {
  SlotCounts counts;
  for (const auto owner : m.table.owner) {
    if (owner == RoutingTable::unowned) continue;
    ++counts.assigned;
    const auto& route = m.table.routes[owner];
    const auto* primary = route.known ? m.view.member(route.primary) : nullptr;
    if (primary == nullptr || primary->health == contract::Health::fail) {
      ++counts.fail;
    } else if (primary->health == contract::Health::pfail) {
      ++counts.pfail;
    } else {
      ++counts.ok;
    }
  }
  return counts;
}

// Members by health, and those of them that are primaries with slots.
template <class Number>
void add_unwell(const Machine& m, const Number& number) {
  std::uint64_t pfail = 0, fail = 0, voting_pfail = 0, voting_fail = 0;
  for (const auto& [id, member] : m.view.members()) {
    const bool voting = m.view.is_primary(id) && slots_of(m, member.shard).any();
    pfail += member.health == contract::Health::pfail ? 1 : 0;
    fail += member.health == contract::Health::fail ? 1 : 0;
    voting_pfail += voting && member.health == contract::Health::pfail ? 1 : 0;
    voting_fail += voting && member.health == contract::Health::fail ? 1 : 0;
  }
  number("cluster_nodes_pfail", pfail);
  number("cluster_nodes_fail", fail);
  number("cluster_voting_nodes_pfail", voting_pfail);
  number("cluster_voting_nodes_fail", voting_fail);
}

const char* restart_text(const Machine& m) {
  if (m.restart.asking) return "asking-replicas";
  return m.restart.down_noted ? "stays-down" : "done";
}

}  // namespace

bool server_at_least(const Machine& m, int major, int minor) {
  int has_major = 0, has_minor = 0;
  return std::sscanf(m.settings.server_version.c_str(), "%d.%d", &has_major, &has_minor) == 2 &&
         std::pair(has_major, has_minor) >= std::pair(major, minor);
}

std::string cluster_info(const Machine& m, Instant now) {
  std::string text;
  const auto add = [&](const std::string& name, const std::string& value) {
    text += name + ":" + value + "\r\n";
  };
  const auto number = [&](const char* name, std::uint64_t value) { add(name, std::to_string(value)); };
  const auto slots = count_slots(m);
  const bool leased = now < m.lease_until;
  std::set<std::uint16_t> serving(m.table.owner.begin(), m.table.owner.end());
  serving.erase(RoutingTable::unowned);
  const auto epoch =
      m.primary_here ? m.own_epoch
                     : std::max(m.view.epoch_of(m.view.own_shard()), m.is_replica_role() ? 0 : m.own_epoch);
  add("cluster_state", m.table.cluster_ok && leased ? "ok" : "fail");
  number("cluster_slots_assigned", static_cast<std::uint64_t>(slots.assigned));
  number("cluster_slots_ok", static_cast<std::uint64_t>(slots.ok));
  number("cluster_slots_pfail", static_cast<std::uint64_t>(slots.pfail));
  number("cluster_slots_fail", static_cast<std::uint64_t>(slots.fail));
  if (server_at_least(m, 9, 1)) add_unwell(m, number);
  number("cluster_known_nodes", m.view.members().size());
  number("cluster_size", serving.size());
  number("cluster_current_epoch", std::max(current_epoch(m), epoch));
  number("cluster_my_epoch", epoch);
  number("cluster_stats_messages_sent", m.traffic.packets_out);
  number("cluster_stats_messages_received", m.traffic.packets_in);
  if (server_at_least(m, 9, 1)) {
    number("cluster_stats_bytes_sent", m.traffic.bytes_out);
    number("cluster_stats_bytes_received", m.traffic.bytes_in);
    for (const auto* never_on_the_bus : {"pubsub", "module"}) {
      const auto name = "cluster_stats_" + std::string(never_on_the_bus);
      number((name + "_bytes_sent").c_str(), 0);
      number((name + "_bytes_received").c_str(), 0);
    }
  }
  number("total_cluster_links_buffer_limit_exceeded", 0);
  number("swim_lease_ms", leased ? static_cast<std::uint64_t>((m.lease_until - now).ms()) : 0);
  number("swim_lease_lapses", m.lapses);
  number("swim_primary_here", m.primary_here ? 1 : 0);
  add("swim_restart", restart_text(m));
  number("swim_log_revision", m.log.shown().minor);
  number("swim_log_settled", m.log.settled());
  number("swim_refused_values", m.refused_values);
  number("swim_refused_core_messages", m.refused_messages);
  for (const auto& [name, value] : m.provider_status) {
    add(name.rfind("swim_", 0) == 0 ? name : "swim_" + name, value);
  }
  return text;
}

}  // namespace vswim::core
