// CLUSTER INFO: every native field (exporters read them by name), then swim_* fields of this implementation.
#include <algorithm>

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

std::string status_or_zero(const Machine& m, const char* name) {
  const auto found = m.provider_status.find(name);
  return found == m.provider_status.end() ? "0" : found->second;
}

const char* restart_text(const Machine& m) {
  if (m.restart.asking) return "asking-replicas";
  return m.restart.down_noted ? "stays-down" : "done";
}

}  // namespace

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
  number("cluster_known_nodes", m.view.members().size());
  number("cluster_size", serving.size());
  number("cluster_current_epoch", std::max(current_epoch(m), epoch));
  number("cluster_my_epoch", epoch);
  add("cluster_stats_messages_sent", status_or_zero(m, "packets_out"));
  add("cluster_stats_messages_received", status_or_zero(m, "packets_in"));
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
