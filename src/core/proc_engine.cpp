// Rights and the engine's role: what the settled log and a live lease give is exercised, what the shown log
// takes away is given up at once. The only place that decides `primary_here` and that orders Follow, Promote
// and Detach.
#include <algorithm>
#include <utility>

#include "base/mutation.hpp"
#include "core/endpoints.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

constexpr Duration repeat_after = seconds(1);  // a role the engine reports not to have is ordered again

void lapse(Machine& m, const std::string& reason) {
  ++m.lapses;
  m.log.lapse();
  m.dirty = true;
  if (m.primary_here) {
    m.note(NoteLevel::warning, "lease lost (" + reason + "): not serving until it is renewed");
    m.act(CutOff{});
  }
}

void take_up_primaryship(Machine& m) {
  const auto& shard = m.view.own_shard();
  const auto* meta = m.view.shard(shard);
  // Gossip may lag behind the log (a node that has just returned): what the log said meanwhile counts as
  // well.
  const bool elsewhere = meta != nullptr && meta->primary && *meta->primary != m.view.self();
  if (std::exchange(m.was_elsewhere, false) || elsewhere) {
    m.own_epoch = current_epoch(m) + 1;  // a promotion raises the config epoch
  } else if (meta != nullptr) {
    m.own_epoch = std::max(m.own_epoch, meta->epoch);
  }
  m.note(NoteLevel::notice,
         "primary of shard " + shard.hex().substr(0, 8) + ", config epoch " + std::to_string(m.own_epoch));
}

bool client_waits(const Machine& m) {
  return std::any_of(m.pending.begin(), m.pending.end(), [](const auto& entry) {
    const auto* op = std::get_if<AdminOp>(&entry.second.purpose);
    return op != nullptr && op->client;
  });
}

template <class Role>
void order(Machine& m, Role role) {
  if (std::exchange(m.engine.leaving, false)) m.act(std::get<Detach>(m.engine.last_role));
  m.engine.last_role = role;
  m.engine.last_role_at = m.now;
  m.act(std::move(role));
}

void promote(Machine& m) {
  const bool ordered = std::holds_alternative<Promote>(m.engine.last_role);
  if (ordered && m.now < m.engine.last_role_at + repeat_after) return;
  m.note(NoteLevel::notice, "promoted: the settled log and a live lease make this node primary");
  order(m, Promote{});
}

void detach(Machine& m, const std::string& reason) {
  const auto* last = std::get_if<Detach>(&m.engine.last_role);
  if (last != nullptr && last->reason == reason) return;
  order(m, Detach{reason});
}

void follow(Machine& m, const NodeId& primary) {
  const auto endpoint = endpoint_of(m.view, m.settings, primary);
  const auto port = m.settings.tls_replication ? endpoint.tls_port : endpoint.port;
  if (m.view.info(primary) == nullptr || endpoint.ip.empty() || port == 0) {
    if (!std::holds_alternative<Follow>(m.engine.last_role)) {
      detach(m, "the primary's address is not known yet");
    }
    return;
  }
  const auto* last = std::get_if<Follow>(&m.engine.last_role);
  const bool same =
      last != nullptr && last->primary == primary && last->host == endpoint.ip && last->port == port;
  const bool holds = m.engine.report.is_replica || m.now < m.engine.last_role_at + repeat_after;
  if (same && holds) return;
  m.note(NoteLevel::notice, "following " + m.name_of(primary) + " as its replica");
  m.failover.barred_note.clear();
  if (last == nullptr || last->primary != primary) m.engine.ran_on = false;  // until in sync with this one
  order(m, Follow{primary, endpoint.ip, port});
}

}  // namespace

void stand_aside(Machine& m, Ticket until) {
  m.aside = until;
  on_lease_lost(m, "this node leaves its shard");
}

void on_lease(Machine& m, Instant deadline) {
  if (m.aside && VSWIM_RULE(l9)) return;
  // A renewal after a lapse is a lapse, also when nobody noticed it in between.
  if (m.lease_until != Instant::long_ago() && m.now >= m.lease_until) on_lease_lost(m, "renewed too late");
  if (m.lease_until == Instant::long_ago()) m.dirty = true;
  m.lease_until = std::max(m.lease_until, deadline);
  if (m.end.phase != EndState::Phase::done) m.table.lease_until = m.lease_until;
}

void on_lease_lost(Machine& m, const std::string& reason) {
  if (m.lease_until == Instant::long_ago()) return;
  m.lease_until = Instant::long_ago();
  lapse(m, reason);
}

void update_rights(Machine& m) {
  if (m.lease_until != Instant::long_ago() && !m.leased()) on_lease_lost(m, "ran out");
  const bool ending = m.end.phase != EndState::Phase::idle;
  bool may_serve = false;
  if (m.leased() && m.end.phase != EndState::Phase::done) {
    if (m.log.take_up(m.view.self())) m.dirty = true;
    may_serve = m.log.primary_right() && m.restart.open && !ending;
  }
  if (may_serve && m.engine.report.is_replica) promote(m);
  const bool now_primary = may_serve && !m.engine.report.is_replica;
  if (now_primary && !m.primary_here) take_up_primaryship(m);
  const bool changed = now_primary != m.primary_here;
  m.primary_here = now_primary;
  if (changed) {
    m.dirty = true;
    advise_rank(m);  // leadership of the log follows the primary
  }
  if (now_primary) m.engine.ran_on = m.engine.of_shard = true;
}

void leave_primary(Machine& m, const std::string& reason) {
  m.engine.last_role = Detach{reason};
  m.engine.last_role_at = m.now;
  m.engine.leaving = true;
}

void finish_leaving(Machine& m) {
  if (!m.engine.leaving || client_waits(m)) return;
  m.engine.leaving = false;
  m.act(std::get<Detach>(m.engine.last_role));
}

void enforce_role(Machine& m) {
  if (m.end.phase != EndState::Phase::idle) return;
  // The server would cut off who waits for REPLICATE's answer as soon as it becomes a replica.
  if (!m.engine.report.is_replica && client_waits(m)) return;
  if (m.is_replica_role()) follow(m, m.log.primaryship()->node);
}

}  // namespace vswim::core
