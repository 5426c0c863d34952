#include "core/machine.hpp"

#include <algorithm>

#include "core/endpoints.hpp"
#include "core/failover.hpp"

namespace vswim::core {

void Machine::operate(contract::Operation&& operation) { out.operations.push_back(std::move(operation)); }

void Machine::act(EngineAction&& action) { out.actions.push_back(std::move(action)); }

bool Machine::is_replica_role() const { return log.primaryship() && log.primaryship()->node != view.self(); }

Ticket Machine::next_ticket(Purpose purpose, Instant limit) {
  last_ticket = last_ticket.next();
  pending.emplace(last_ticket, Pending{std::move(purpose), limit, log.namespace_number()});
  return last_ticket;
}

EngineReport Machine::loaded_report() const {
  return engine.loaded_elsewhere ? engine.report : as_loaded(engine.report);
}

bool Machine::is_peer(const NodeId& node) const {
  const auto* member = view.member(node);
  return member != nullptr && member->shard == view.own_shard();
}

bool Machine::only_member() const {
  const auto& members = view.members_of(view.own_shard());
  return members.size() == 1 && members.front() == view.self();
}

bool Machine::speaks_for_another(const NodeId& from, const ShardId& shard) const {
  const auto* member = view.member(from);
  return member != nullptr && member->shard == shard && shard != view.own_shard();
}

std::vector<NodeId> Machine::reachable_peers() const {
  std::vector<NodeId> peers;
  for (const auto& id : view.members_of(view.own_shard())) {
    if (id != view.self() && view.member(id)->health != contract::Health::fail) peers.push_back(id);
  }
  return peers;
}

bool Machine::propose_primaryship(const NodeId& node, Purpose purpose, bool fenced) {
  if (primaryship_in_flight) return false;
  const auto ticket = next_ticket(std::move(purpose));
  primaryship_in_flight = ticket;
  operate(contract::UpdateShardLog{
      ticket, {{"primaryship", primaryship_text(node, fenced), log.revision("primaryship")}}});
  return true;
}

std::string Machine::name_of(const NodeId& id) const {
  const auto endpoint = endpoint_of(view, settings, id);
  const auto* info = id == view.self() ? nullptr : view.info(id);
  std::string text = info != nullptr && !info->human_name.empty() ? info->human_name + " " : "";
  if (!endpoint.ip.empty() || endpoint.port != 0)
    text += endpoint.ip + ":" + std::to_string(endpoint.port) + " ";
  return text + "(" + id.hex().substr(0, 8) + ")";
}

Instant machine_deadline(const Machine& m) {
  auto next =
      std::min({m.next_second, m.next_pulse, m.publish.retry_at, m.failover.deadline, m.restart.next_ask,
                m.claims.next_ask, m.claims.yield_until, m.takes.next_ask, m.takes.next_offer, m.end.limit,
                m.end.next_ask, m.migrations.wake, m.migrations.linger_until, m.fence.limit, m.fence.retry_at,
                m.manual.limit, m.manual.next, m.manual.ask_at, m.next_count});
  if (m.now < m.manual.arriving_until) next = std::min(next, m.manual.arriving_until);
  if (m.leased()) next = std::min(next, m.lease_until);
  for (const auto& [ticket, pending] : m.pending) next = std::min(next, pending.limit);
  // The first job alone may come to its limit, and not while the shard's log has it in hand.
  if (!m.slot_job_in_flight && !m.slot_jobs.empty()) {
    next = std::min(next, m.primary_here ? std::max(m.now, m.slot_jobs_wait) : m.slot_jobs.front().limit);
  }
  for (const auto& [ticket, limit] : m.publish.replies) next = std::min(next, limit);
  for (const auto& wait : m.waiting_replicates) next = std::min(next, wait.limit);
  for (const auto& wait : m.takes.waits) next = std::min(next, wait.limit);
  for (const auto& wait : m.takes.replicas) next = std::min({next, wait.limit, wait.next_ask});
  return next;
}

}  // namespace vswim::core
