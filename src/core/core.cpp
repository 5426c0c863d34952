#include "core/core.hpp"

#include <algorithm>

#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "core/commands.hpp"
#include "core/machine.hpp"
#include "core/migration_steps.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

constexpr Duration pulse_interval = milliseconds(500);
constexpr Duration housekeeping_interval = seconds(1);

// Gossip knows by now.
void forget_handed(Machine& m) {
  for (auto it = m.migrations.handed.begin(); it != m.migrations.handed.end();) {
    const auto* meta = m.view.shard(it->first);
    if (meta == nullptr) {
      it = m.migrations.handed.erase(it);
      continue;
    }
    for (const auto& [bucket, ranges] : meta->slots) {
      for (const auto& claimed : ranges) {
        for (std::uint32_t slot = claimed.range.first; slot <= claimed.range.last; ++slot)
          it->second.reset(slot);
      }
    }
    it = it->second.none() ? m.migrations.handed.erase(it) : std::next(it);
  }
}

std::string why_down(const Machine& m) {
  const auto& owner = m.table.owner;
  const auto nobodys = std::find(owner.begin(), owner.end(), RoutingTable::unowned);
  if (nobodys == owner.end()) return ", a shard with slots has no live primary";
  return ", nobody has slot " + std::to_string(nobodys - owner.begin());
}

void rebuild(Machine& m) {
  m.dirty = false;
  m.publish.due = true;
  m.copy_left = m.copy_left && !m.log.slots().owns_any();
  const bool replica = m.is_replica_role() && m.engine.report.is_replica;
  build_routing(m.table, m.view, m.log, m.settings,
                {m.primary_here, replica, m.is_replica_role(), m.claims.yielding, m.migrations.handed});
  forget_handed(m);
  // A graceful end takes primary_here, not the lease: what ran before it ran in time, and the fence must not
  // cut off the replicas that are to catch up.
  m.table.lease_until = m.end.phase == EndState::Phase::done ? Instant::long_ago() : m.lease_until;
  ++m.table.builds;
  m.table.lapses = m.lapses;
  m.takes.handed_over.clear();
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (m.table.mode[slot] == SlotMode::handed_over) m.takes.handed_over.push_back(static_cast<Slot>(slot));
  }
  m.table.writes_held = writes_held(m);
  m.table.flushes_wait = flushes_wait(m);
  m.table.arriving = arriving(m);
  m.table.handed_over = m.end.phase != EndState::Phase::idle && m.is_replica_role();
  if (m.table.cluster_ok != m.full_coverage_was_ok) {
    m.full_coverage_was_ok = m.table.cluster_ok;
    m.note(NoteLevel::notice, "cluster state changed: " + (m.table.cluster_ok ? "ok" : "fail" + why_down(m)));
  }
}

void set_own_primary(Machine& m) {
  const auto& named = m.log.primaryship();
  m.view.set_own_primary(named ? std::optional(named->node) : std::nullopt);
}

void end_lingering(Machine& m) {
  auto& migrations = m.migrations;
  if (m.now < migrations.linger_until && (m.primary_here || migrations.lingering.empty())) return;
  migrations.lingering.clear();
  migrations.linger_until = Instant::never();
  m.publish.due = true;
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
  finish_leaving(m);
  if (changed || m.now >= m.claims.next_ask) check_claims(m);
  m.migrations.wake = Instant::never();
  end_lingering(m);
  step_exports(m);
  step_imports(m);
  step_takes(m);
  run_slot_jobs(m);
  step_fence(m);
  step_manual_failover(m);
  step_graceful_end(m);
  step_waiting_replicates(m);
  step_key_counts(m);
  if (flushes_wait(m) != m.table.flushes_wait) m.dirty = true;
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
                        [&](const FenceOp&) { on_fence_done(m, done); },
                        [&](const TakeOverOp&) { on_take_over_done(m, done); },
                        [&](const ReleaseOp&) { on_released(m); }, [](const CleanOp&) {},
                        [&](const MigrationOp& op) {
                          if (!op.announced.empty()) return on_announced(m, op, done);
                          op.import ? on_import_written(m, op, done) : on_export_written(m, op, done);
                        }},
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
    if (after->node == m.view.self()) expect_promotion(m);
  }
  advance(m);  // applied and acted on: only now it is shown (rule L5)
  m.operate(contract::Shown{update.namespace_number, update.revision});
}

void reset_shard(Machine& m, const contract::Reset& reset) {
  m.aside.reset();
  const bool same_shard = reset.own_shard == m.view.own_shard();
  const bool was_primary = m.primary_here;
  const bool first = m.view.own_shard().is_nil();  // what clients asked for meanwhile waits for this
  if (!same_shard && !first) m.engine.loaded_elsewhere = true;
  if (!same_shard) m.engine.of_shard = false;
  m.copy_left = !same_shard && m.is_replica_role();
  on_lease_lost(m, "this node's shard changed");
  m.primary_here = false;
  m.log.reset(reset.namespace_number);
  m.view.reset(contract::Namespace::shard);
  m.view.set_identity(reset.self, reset.own_shard);
  m.restart = RestartState{};
  m.restart.proposed = same_shard && was_primary;
  m.failover = FailoverState{};
  m.fence = FenceState{};
  m.manual = ManualState{};
  m.primaryship_in_flight.reset();
  m.publish.offset_in_flight.reset();
  if (!first) {
    end_slot_jobs(m, "this node left its shard meanwhile");
    end_takes(m, "this node left its shard meanwhile");
  }
  if (!same_shard) m.own_epoch = 0;
  m.was_elsewhere = false;
  m.emptied = EmptiedState{};
  m.migration.leaving = m.migration.coming = MoveConsents{};
  m.migration.question = 0;
  const bool followed = std::holds_alternative<Follow>(m.engine.last_role);
  if (!same_shard && followed) {
    leave_primary(m, "this node moves to another shard");
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

void on_migration_message(Machine& m, const NodeId& from, const MigrationMessage& message) {
  std::visit(Overloaded{[&](const MigrationOffer& e) { on_offer(m, from, e); },
                        [&](const MigrationPull& e) { on_pull(m, from, e); },
                        [&](const MigrationData& e) { on_data(m, from, e); },
                        [&](const MigrationAck& e) { on_ack(m, from, e); },
                        [&](const MigrationGone& e) { on_gone(m, from, e); },
                        [&](const MigrationRefusal& e) { on_target_refusal(m, from, e); },
                        [&](const MigrationAbandon& e) { on_abandon(m, from, e); },
                        [&](const MigrationAbandoned& e) { on_abandoned(m, from, e); },
                        [&](const MigrationDone& e) { on_done(m, from, e); }},
             message);
}

void on_core_message(Machine& m, const contract::ReceivedFromCore& received) {
  if (const auto message = decode_migration(received.bytes))
    return on_migration_message(m, received.from, *message);
  const auto message = decode(received.bytes);
  if (!message) {
    ++m.refused_messages;
    return;
  }
  std::visit(Overloaded{[&](const OffsetQuestion& q) { on_offset_question(m, received.from, q); },
                        [&](const OffsetAnswer& a) {
                          note_replica_offset(m, received.from, a);
                          on_offset_answer(m, received.from, a);
                        },
                        [&](const RestartNotice& n) { on_restart_notice(m, received.from, n); },
                        [&](const RestartAnswer& a) { on_restart_answer(m, received.from, a); },
                        [&](const ClaimQuestion& q) { on_claim_question(m, received.from, q); },
                        [&](const ClaimAnswer& a) { on_claim_answer(m, received.from, a); },
                        [&](const HandOverRequest& r) { on_hand_over_request(m, received.from, r); },
                        [&](const HandOverOffer& o) { on_hand_over_offer(m, received.from, o); },
                        [&](const TakeQuestion& q) { on_take_question(m, received.from, q); },
                        [&](const TakeOffer& o) { on_take_offer(m, received.from, o); },
                        [&](const TakeAnswer& a) { on_take_answer(m, received.from, a); },
                        [&](const MoveQuestion& q) { on_move_question(m, received.from, q); },
                        [&](const MoveConsent& c) { on_move_consent(m, received.from, c); }},
             *message);
}

void dispatch(Machine& m, const contract::Event& event) {
  std::visit(Overloaded{[&](const contract::Completed& e) { on_completed(m, e); },
                        [&](const contract::MembershipChanged& e) {
                          if (m.view.set_membership(e)) m.dirty = true;
                          note_links(m);
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

std::optional<CommandTicket>* client_of(Purpose& purpose) {
  if (auto* admin = std::get_if<AdminOp>(&purpose)) return &admin->client;
  if (auto* migration = std::get_if<MigrationOp>(&purpose)) return &migration->client;
  return nullptr;
}

void answer_overdue(Machine& m) {
  for (auto& [ticket, pending] : m.pending) {
    if (m.now < pending.limit) continue;
    pending.limit = Instant::never();
    auto* client = client_of(pending.purpose);
    if (client == nullptr || !*client) continue;
    m.reply(**client, Reply::error("ERR no answer from the cluster in time; the operation goes on"));
    client->reset();
  }
}

void housekeeping(Machine& m) {
  m.next_second = m.now + housekeeping_interval;
  publish_offset(m);
  resolve_epoch_ties(m);
  advise_rank(m);
  drop_lost_keys(m);
  check_replica_migration(m);
  check_emptied_shard(m);
  check_way_home(m);
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
  if (report.is_replica && report.link_up && report.completed_sync)
    m.engine.ran_on = m.engine.of_shard = true;
  if (report.is_replica && report.sync_in_progress) m.engine.of_shard = false;
  if (changed) m.dirty = true;
  on_report_while_fenced(m);
  advance(m);
}

void Core::on_exported(Instant now, TransferId transfer, std::vector<MovedKey> keys, bool drained) {
  state_->now = now;
  core::on_exported(*state_, transfer, std::move(keys), drained);
  advance(*state_);
}

void Core::on_imported(Instant now, TransferId transfer, const std::string& error) {
  state_->now = now;
  core::on_imported(*state_, transfer, error);
  advance(*state_);
}

void Core::show_slot_usage(const SlotUsageTable* usage) { state_->slot_usage = usage; }

void Core::hold_migrations(Instant now, std::optional<bool> pause, std::optional<bool> failover) {
  state_->now = now;
  auto& holds = state_->migrations.holds;
  holds.pause = pause.value_or(holds.pause);
  holds.failover = failover.value_or(holds.failover);
  advance(*state_);
}

void Core::on_emptied(Instant now) {
  state_->now = now;
  on_export_flushed(*state_);
  on_import_flushed(*state_);
  advance(*state_);
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
  m.in_transaction = !caller.can_block;
  advance(m);
  m.in_transaction = false;
}

void Core::command_gone(CommandTicket ticket) {
  auto& m = *state_;
  std::erase_if(m.waiting_replicates, [&](const WaitingReplicate& wait) { return wait.ticket == ticket; });
  std::erase_if(m.count_waits, [&](const CountWait& wait) { return wait.client == ticket; });
  for (auto& [number, pending] : m.pending) {
    auto* client = client_of(pending.purpose);
    if (client != nullptr && *client == ticket) client->reset();
  }
  for (auto& job : m.slot_jobs) {
    if (job.client == ticket) job.client.reset();
  }
  for (auto& [number, take] : m.takes.open) {
    if (take.client == ticket) take.client.reset();
  }
  for (auto& wait : m.takes.replicas) {
    if (wait.take.client == ticket) wait.take.client.reset();
  }
  std::erase_if(m.takes.waits, [&](const OwnerWait& wait) { return wait.client == ticket; });
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

void Core::introduce(const NodeId& node, const ShardId& shard) {
  state_->introduced_node = node;
  state_->introduced_shard = shard;
}

void Core::on_traffic(const Traffic& traffic) { state_->traffic = traffic; }

void Core::on_wall_clock(Duration offset) {
  // Two clocks are not read at one moment: what is printed of one event shall not change with every reading.
  constexpr auto between_readings = milliseconds(100);
  auto& known = state_->settings.wall_offset;
  if (offset - known > between_readings || known - offset > between_readings) known = offset;
}

std::string Core::info_text(Instant now) const { return cluster_info(*state_, now); }

bool Core::may_feed_replicas(Instant now) const {
  if (!VSWIM_RULE(psync)) return true;
  const auto& m = *state_;
  if (!m.primary_here || now >= m.lease_until) return false;
  // A fresh node at the address of one that lost its state: whoever asks is a replica of that one, which
  // must not lose its data here.
  return m.log.slots().owns_any() || m.view.members_of(m.view.own_shard()).size() > 1;
}

}  // namespace vswim::core
