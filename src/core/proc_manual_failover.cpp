// CLUSTER FAILOVER, the replica's side: ask the primary to hold its writes, reach the offset that it tells,
// name oneself over the revision of its fence. FORCE asks nobody: the log alone lets it through, and the old
// primary's lease still has to end or to have shown it. The promotion itself is that of every failover.
#include "base/mutation.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

using Phase = ManualState::Phase;

constexpr Duration attempt_limit = seconds(5);  // as natively
constexpr Duration ask_interval = milliseconds(100);
constexpr Duration ask_interval_fenced = milliseconds(20);  // the offer got lost, and clients are waiting
constexpr Duration look_interval = milliseconds(2);         // at the own offset: clients are waiting
constexpr Duration retry_after = milliseconds(200);

void end(Machine& m) {
  const auto arriving_until = m.manual.arriving_until;
  m.manual = ManualState{};
  m.manual.arriving_until = arriving_until;
}

void ask(Machine& m) {
  m.manual.ask_at = m.now + ask_interval;
  m.send(m.manual.primary, HandOverRequest{m.view.own_shard(), m.manual.attempt});
}

void take_over(Machine& m) {
  auto& s = m.manual;
  if (!m.propose_primaryship(m.view.self(), TakeOverOp{})) {
    s.next = m.now + look_interval;
    return;
  }
  m.migrations.ends_inherited = true;  // once it is primary
  if (s.phase != Phase::forcing) s.phase = Phase::taking;
  s.next = s.ask_at = Instant::never();
}

bool caught_up(const Machine& m) {
  const auto& offer = *m.manual.offer;
  const auto& named = m.log.primaryship();
  if (!named->fenced || named->revision.minor != offer.fence) return false;
  if (!VSWIM_RULE(catch_up)) return true;
  const auto& engine = m.engine.report;
  return engine.is_replica && engine.link_up && !engine.sync_in_progress && engine.history == offer.history &&
         engine.offset >= offer.offset;
}

void catch_up(Machine& m) {
  auto& s = m.manual;
  if (m.now >= s.ask_at) ask(m);
  if (!s.offer) {
    if (m.log.primaryship()->fenced) s.ask_at = std::min(s.ask_at, m.now + ask_interval_fenced);
    return;
  }
  if (caught_up(m)) {
    m.note(NoteLevel::notice, "failover: caught up with the primary at replication offset " +
                                  std::to_string(m.engine.report.offset) + ", taking over");
    return take_over(m);
  }
  if (m.now < s.next) return;
  s.next = m.now + look_interval;
  m.out.report_wanted = true;
}

// A user may count on what was loaded from disk, of which this node itself does not know how old it is: an
// append-only file keeps no replication offset.
std::string why_not_force(const Machine& m) {
  const auto engine = standing_report(m);
  const bool loaded = engine.keys > 0 && !m.engine.loaded_elsewhere;
  if (engine.loading) return "the data set is still being loaded";
  if (engine.sync_in_progress) return "a full sync is in progress";
  if (!engine.completed_sync && !loaded) return "no sync of this shard's history was ever completed";
  return "";
}

}  // namespace

Reply start_manual_failover(Machine& m, bool force, bool takeover) {
  const auto& named = m.log.primaryship();
  if (!m.is_replica_role()) {
    const bool orphan = !named && m.engine.report.is_replica;
    return Reply::error(orphan ? "ERR I'm a replica but my master is unknown to me"
                               : "ERR You should send CLUSTER FAILOVER to a replica");
  }
  const bool gone = !m.is_peer(named->node) || m.view.member(named->node)->health == contract::Health::fail;
  if (gone && !force) {
    return Reply::error("ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
  }
  if (m.end.phase != EndState::Phase::idle) return Reply::error("ERR this node is shutting down");
  if (const auto reason = why_not_force(m); force && !reason.empty()) {
    return Reply::error("ERR this replica cannot become primary: " + reason);
  }
  auto& s = m.manual;
  const auto arriving_until = s.arriving_until;
  s = ManualState{};
  s.arriving_until = arriving_until;
  s.phase = force ? Phase::forcing : Phase::asking;
  s.primary = named->node;
  s.takeover = takeover;
  s.attempt = m.rng.next() >> 2;
  s.limit = m.now + attempt_limit + (takeover ? m.settings.lease_ttl * 2 : Duration{});
  (force ? s.next : s.ask_at) = m.now;
  m.note(NoteLevel::notice, force ? "failover: forced by a user, without asking the primary"
                                  : "failover: asked for by a user, asking the primary to hold its writes");
  return Reply::ok();
}

void on_hand_over_offer(Machine& m, const NodeId& from, const HandOverOffer& offer) {
  auto& s = m.manual;
  const bool waiting = s.phase == Phase::asking || s.phase == Phase::catching_up;
  if (!waiting || from != s.primary || offer.attempt != s.attempt || offer.shard != m.view.own_shard())
    return;
  s.phase = Phase::catching_up;
  s.offer = offer;
  s.next = m.now;
}

void on_take_over_done(Machine& m, const contract::Completed& done) {
  if (m.primaryship_in_flight != done.ticket) return;
  m.primaryship_in_flight.reset();
  auto& s = m.manual;
  if (done.outcome == contract::Outcome::ok) {
    m.restart.proposed = true;
    m.failover.restarted.reset();
    m.note(NoteLevel::notice, "failover: the shard's log names this node primary" +
                                  (done.revision ? " (revision " + done.revision->text() + ")" : ""));
    return end(m);
  }
  m.migrations.ends_inherited = false;
  if (s.phase == Phase::taking) {
    s.phase = Phase::asking;  // what was offered may not hold any more
    s.offer.reset();
    s.ask_at = m.now + retry_after;
  } else if (s.phase == Phase::forcing) {
    s.next = m.now + retry_after;
  }
}

void step_manual_failover(Machine& m) {
  auto& s = m.manual;
  if (s.arriving_until != Instant::long_ago() && m.now >= s.arriving_until) {
    s.arriving_until = Instant::long_ago();
    m.dirty = true;
  }
  if (s.phase == Phase::idle) return;
  const auto& named = m.log.primaryship();
  if (!named || named->node != s.primary) {
    if (named && named->node != m.view.self())
      m.note(NoteLevel::warning, "failover: another node became primary meanwhile");
    return end(m);
  }
  if (m.now >= s.limit) {
    if (s.takeover) {
      end(m);
      return leave_with_slots(m);
    }
    m.note(NoteLevel::warning, "failover: the manual failover timed out, nothing changed");
    return end(m);
  }
  switch (s.phase) {
    case Phase::idle:
    case Phase::taking: break;
    case Phase::asking:
    case Phase::catching_up: catch_up(m); break;
    case Phase::forcing:
      if (m.now >= s.next) take_over(m);
  }
}

// The log has just named this node, and it has the data: the promotion is on its way.
void expect_promotion(Machine& m) {
  if (m.engine.ran_on) m.manual.arriving_until = m.now + m.settings.lease_ttl * 2;
}

bool arriving(const Machine& m) {
  const auto& named = m.log.primaryship();
  return named && named->node == m.view.self() && !m.primary_here && m.now < m.manual.arriving_until;
}

}  // namespace vswim::core
