#include "core/core.hpp"

#include <algorithm>

#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "core/commands.hpp"
#include "core/machine.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

constexpr Duration pulse_interval = milliseconds(500);
constexpr Duration housekeeping_interval = seconds(1);

void rebuild(Machine& m) {
  m.dirty = false;
  m.publish.due = true;
  const bool replica = m.is_replica_role() && m.engine.report.is_replica;
  build_routing(m.table, m.view, m.log, m.settings, {m.primary_here, replica, m.claims.yielding});
  // A graceful end takes primary_here, not the lease: what ran before it ran in time, and the fence must not
  // cut off the replicas that are to catch up.
  m.table.lease_until = m.end.phase == EndState::Phase::done ? Instant::long_ago() : m.lease_until;
  ++m.table.builds;
  m.table.lapses = m.lapses;
  m.table.handed_over = m.end.phase != EndState::Phase::idle && m.is_replica_role();
  if (m.table.cluster_ok != m.full_coverage_was_ok) {
    m.full_coverage_was_ok = m.table.cluster_ok;
    m.note(NoteLevel::notice, std::string("cluster state changed: ") + (m.table.cluster_ok ? "ok" : "fail"));
  }
}

void set_own_primary(Machine& m) {
  const auto& named = m.log.primaryship();
  m.view.set_own_primary(named ? std::optional(named->node) : std::nullopt);
}

// After every input: rights first, so that nothing that was lost is used once more; then what follows from
// them.
void advance(Machine& m) {
  set_own_primary(m);
  check_restart(m);
  update_rights(m);
  const bool changed = m.dirty;
  if (m.dirty) rebuild(m);
  bootstrap(m);
  check_failover(m);
  enforce_role(m);
  if (changed || m.now >= m.claims.next_ask) check_claims(m);
  run_slot_jobs(m);
  step_graceful_end(m);
  if (m.dirty) rebuild(m);
  publish_registers(m);
}

// ---- events ----

void on_completed(Machine& m, const contract::Completed& done) {
  const auto found = m.pending.find(done.ticket);
  if (m.aside == done.ticket) m.aside.reset();
  if (found == m.pending.end()) return;
  const auto pending = found->second;
  m.pending.erase(found);
  // A committed write of the shard log is settled, too (rule L4b).
  const bool current = pending.log_namespace == m.log.namespace_number();
  if (done.outcome == contract::Outcome::ok && done.revision && current) {
    m.log.settle({m.log.namespace_number(), *done.revision});
  }
  advance(m);  // what the write gave is taken up before its consequences are drawn
  std::visit(Overloaded{[&](const AdminOp& op) { on_admin_done(m, op, done); },
                        [&](const PublishOp&) { on_published(m, done); },
                        [&](const OffsetOp&) { on_published(m, done); },
                        [&](const PrimaryshipOp& op) { on_primaryship_done(m, op, done); },
                        [&](const SlotsOp&) { on_slots_done(m, done); },
                        [&](const HandOverOp&) { on_hand_over_done(m, done); },
                        [&](const ReleaseOp&) { on_released(m); }, [](const CleanOp&) {}},
             pending.purpose);
}

void on_log_updated(Machine& m, const contract::ShardLogUpdated& update) {
  const auto before = m.log.primaryship();
  if (m.log.concerns_rights(update)) m.dirty = true;
  if (!m.log.apply(update)) ++m.refused_values;
  const auto& after = m.log.primaryship();
  if (after && (!before || before->node != after->node)) {
    m.note(NoteLevel::notice, "the shard's log names " +
                                  (after->node == m.view.self() ? "this node" : m.name_of(after->node)) +
                                  " primary (revision " + after->revision.text() + ")");
  }
  advance(m);  // applied and acted on: only now it is shown (rule L5)
  m.operate(contract::Shown{update.namespace_number, update.revision});
}

void reset_shard(Machine& m, const contract::Reset& reset) {
  m.aside.reset();
  const bool same_shard = reset.own_shard == m.view.own_shard();
  const bool was_primary = m.primary_here;
  on_lease_lost(m, "this node's shard changed");
  m.primary_here = false;
  m.log.reset(reset.namespace_number);
  m.view.reset(contract::Namespace::shard);
  m.view.set_identity(reset.self, reset.own_shard);
  m.restart = RestartState{};
  m.restart.proposed = same_shard && was_primary;
  m.failover = FailoverState{};
  m.primaryship_in_flight.reset();
  m.publish.offset_in_flight.reset();
  end_slot_jobs(m, "this node left its shard meanwhile");
  if (!same_shard) m.own_epoch = 0;
  m.was_elsewhere = false;
  const bool followed = std::holds_alternative<Follow>(m.engine.last_role);
  if (!same_shard && followed) {
    m.engine.last_role = Detach{"this node moves to another shard"};
    m.engine.last_role_at = m.now;
    m.act(std::get<Detach>(m.engine.last_role));
  }
}

void on_reset(Machine& m, const contract::Reset& reset) {
  if (reset.which == contract::Namespace::shard) {
    reset_shard(m, reset);
  } else {
    m.view.reset(contract::Namespace::global);
    m.view.set_identity(reset.self, reset.own_shard);
    m.publish.in_flight.reset();
    m.publish.retry_at = Instant::never();
    yield_after_join(m);
  }
  m.dirty = true;
}

void on_core_message(Machine& m, const contract::ReceivedFromCore& received) {
  const auto message = decode(received.bytes);
  if (!message) {
    ++m.refused_messages;
    return;
  }
  std::visit(Overloaded{[&](const OffsetQuestion& q) { on_offset_question(m, received.from, q); },
                        [&](const OffsetAnswer& a) { on_offset_answer(m, received.from, a); },
                        [&](const RestartNotice& n) { on_restart_notice(m, received.from, n); },
                        [&](const RestartAnswer& a) { on_restart_answer(m, received.from, a); },
                        [&](const ClaimQuestion& q) { on_claim_question(m, received.from, q); },
                        [&](const ClaimAnswer& a) { on_claim_answer(m, received.from, a); }},
             *message);
}

void dispatch(Machine& m, const contract::Event& event) {
  std::visit(Overloaded{[&](const contract::Completed& e) { on_completed(m, e); },
                        [&](const contract::MembershipChanged& e) {
                          if (m.view.set_membership(e)) m.dirty = true;
                        },
                        [&](const contract::GossipUpdated& e) {
                          for (const auto& reg : e.registers) {
                            if (!m.view.apply(e.scope, reg)) ++m.refused_values;
                            if (e.scope == contract::Scope::global && is_core_key(reg.key)) m.dirty = true;
                          }
                        },
                        [&](const contract::ShardLogUpdated& e) { on_log_updated(m, e); },
                        [&](const contract::Settled& e) {
                          if (e.namespace_number != m.log.namespace_number()) m.dirty = true;
                          m.log.settle(e);  // what it gives is taken up, and marked, by update_rights
                        },
                        [&](const contract::Reset& e) { on_reset(m, e); },
                        [&](const contract::Heartbeat& e) { on_lease(m, e.deadline); },
                        [&](const contract::ClusterDown& e) { on_lease_lost(m, e.reason); },
                        [&](const contract::JoinReview& e) { review_join(m, e); },
                        [&](const contract::ReceivedFromCore& e) { on_core_message(m, e); },
                        [&](const contract::ProviderStatus& e) {
                          for (const auto& [name, value] : e.fields) m.provider_status[name] = value;
                        }},
             event);
}

void answer_overdue(Machine& m) {
  for (auto& [ticket, pending] : m.pending) {
    if (m.now < pending.limit) continue;
    pending.limit = Instant::never();
    auto* op = std::get_if<AdminOp>(&pending.purpose);
    if (op == nullptr || !op->client) continue;
    m.reply(*op->client, Reply::error("ERR no answer from the cluster in time; the operation goes on"));
    op->client.reset();
  }
}

void housekeeping(Machine& m) {
  m.next_second = m.now + housekeeping_interval;
  publish_offset(m);
  resolve_epoch_ties(m);
  advise_rank(m);
}

}  // namespace

struct Core::State : Machine {
  using Machine::Machine;
};

Core::Core(const Settings& settings, const SlotKeyCounts& counts, Instant now, Rng rng)
    : state_(std::make_unique<State>(settings, counts, now, rng)) {
  rebuild(*state_);
}

Core::~Core() = default;

void Core::on_event(Instant now, const contract::Event& event) {
  state_->now = now;
  dispatch(*state_, event);
  advance(*state_);
}

void Core::on_engine(Instant now, const EngineReport& report) {
  auto& m = *state_;
  m.now = now;
  const auto& before = m.engine.report;
  const bool changed =
      !m.engine.known || before.is_replica != report.is_replica || before.loading != report.loading;
  m.engine.report = report;
  m.engine.known = true;
  if (report.is_replica && report.link_up && report.completed_sync) m.engine.ran_on = true;
  if (changed) m.dirty = true;
  advance(m);
}

void Core::on_timer(Instant now) {
  auto& m = *state_;
  m.now = now;
  if (now >= m.next_pulse) {
    m.next_pulse = now + pulse_interval;
    m.operate(contract::Pulse{});
  }
  if (now >= m.next_second) housekeeping(m);
  if (now >= m.claims.yield_until) end_yielding(m);
  answer_overdue(m);
  advance(m);
}

Instant Core::next_deadline() const { return machine_deadline(*state_); }

void Core::configure(Instant now, const Settings& settings) {
  state_->now = now;
  state_->settings = settings;
  state_->dirty = true;
  advance(*state_);
}

void Core::command(Instant now, CommandTicket ticket, const std::vector<std::string>& arguments,
                   const Caller& caller) {
  auto& m = *state_;
  m.now = now;
  run_command(m, {ticket, arguments, caller});
  m.publish.due = true;  // SET-CONFIG-EPOCH and BUMPEPOCH are projected, too
  advance(m);
}

void Core::command_gone(CommandTicket ticket) {
  auto& m = *state_;
  for (auto& [number, pending] : m.pending) {
    auto* op = std::get_if<AdminOp>(&pending.purpose);
    if (op != nullptr && op->client == ticket) op->client.reset();
  }
  for (auto& job : m.slot_jobs) {
    if (job.client == ticket) job.client.reset();
  }
  auto& replies = m.publish.replies;
  replies.erase(
      std::remove_if(replies.begin(), replies.end(), [&](const auto& r) { return r.first == ticket; }),
      replies.end());
}

void Core::begin_graceful_end(Instant now) {
  state_->now = now;
  start_graceful_end(*state_);
  advance(*state_);
}

void Core::cancel_graceful_end(Instant now) {
  state_->now = now;
  cancel_graceful_end_of(*state_);
  advance(*state_);
}

Output Core::take_output() { return std::exchange(state_->out, Output{}); }

const RoutingTable& Core::routing() const { return state_->table; }

std::string Core::info_text(Instant now) const { return cluster_info(*state_, now); }

bool Core::may_feed_replicas(Instant now) const {
  if (VSWIM_RULE(psync)) return state_->primary_here && now < state_->lease_until;
  return true;
}

}  // namespace vswim::core
