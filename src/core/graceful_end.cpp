// SHUTDOWN and SIGTERM: stop serving, wait until the best replica has everything, name it in the log, give
// the lease back. Two seconds at most; what is not done by then the ordinary failover does.
#include <algorithm>

#include "core/failover.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

using Phase = EndState::Phase;
constexpr Duration end_limit = seconds(2);
constexpr Duration waiting_limit = milliseconds(1'500);  // leaves time for the log
constexpr Duration others_first = milliseconds(750);     // before one with cluster-replica-no-failover
constexpr Duration ask_interval = milliseconds(20);

void release(Machine& m) {
  m.end.phase = Phase::releasing;
  m.end.next_ask = Instant::never();
  m.operate(contract::ReleaseLease{m.next_ticket(ReleaseOp{})});
}

void finish(Machine& m) {
  m.end.phase = Phase::done;
  m.end.limit = m.end.next_ask = Instant::never();
  m.lease_until = Instant::long_ago();
  m.dirty = true;
  m.out.graceful_end_done = true;
}

// cluster-replica-no-failover keeps a replica from standing, not from being named; but who may stand goes
// first.
bool may_be_named(const Machine& m, const NodeId& node, const OffsetAnswer& answer) {
  const auto* info = m.view.info(node);
  const bool only_told_not_to = info != nullptr && info->no_failover && answer.synced;
  return answer.may_stand || (only_told_not_to && m.now >= m.end.limit - (end_limit - others_first));
}

std::optional<NodeId> heir(const Machine& m) {
  std::optional<Candidate> best;
  for (const auto& [node, answer] : m.end.answers) {
    if (!may_be_named(m, node, answer) || answer.offset < m.engine.report.offset) continue;
    const Candidate candidate{node, answer.offset, answer.synced};
    if (!best || stands_before(candidate, *best)) best = candidate;
  }
  return best ? std::optional(best->node) : std::nullopt;
}

void wait_for_heir(Machine& m) {
  if (const auto node = heir(m); node && m.propose_primaryship(*node, HandOverOp{})) {
    m.end.phase = Phase::writing;
    m.end.next_ask = Instant::never();
    m.note(NoteLevel::notice, "shutdown: handing primaryship to " + m.name_of(*node));
    return;
  }
  if (m.now >= m.end.limit - (end_limit - waiting_limit)) {
    m.note(NoteLevel::warning, "shutdown: no replica caught up in time, leaving the choice to failover");
    return release(m);
  }
  if (m.now < m.end.next_ask) return;
  m.end.next_ask = m.now + ask_interval;
  for (const auto& peer : m.reachable_peers()) m.send(peer, OffsetQuestion{m.view.own_shard()});
}

}  // namespace

void start_graceful_end(Machine& m) {
  if (m.end.phase != Phase::idle) return;
  const bool hands_over = m.primary_here && !m.reachable_peers().empty();
  m.end.limit = m.now + end_limit;
  m.end.answers.clear();
  if (m.primary_here) {
    m.note(NoteLevel::notice, "shutdown: this primary stops serving");
    m.act(CutOff{});
  }
  end_slot_jobs(m, "the server is shutting down");
  m.primary_here = false;
  m.dirty = true;
  if (!hands_over) return release(m);
  m.end.phase = Phase::waiting;
  m.end.next_ask = m.now;
}

void cancel_graceful_end_of(Machine& m) {
  if (m.end.phase == Phase::idle) return;
  if (m.end.phase == Phase::releasing || m.end.phase == Phase::done) m.operate(contract::ResumeLease{});
  m.end = {};
  m.dirty = true;
  m.note(NoteLevel::warning, "the server did not shut down: this node takes part again");
}

void step_graceful_end(Machine& m) {
  if (m.end.phase == Phase::idle || m.end.phase == Phase::done) return;
  if (m.now >= m.end.limit) {
    if (m.end.phase != Phase::releasing) release(m);
    return finish(m);
  }
  if (m.end.phase == Phase::waiting) wait_for_heir(m);
}

void on_hand_over_done(Machine& m, const contract::Completed& done) {
  if (m.primaryship_in_flight == done.ticket) m.primaryship_in_flight.reset();
  if (m.end.phase != Phase::writing) return;
  if (done.outcome == contract::Outcome::ok) {
    m.note(NoteLevel::notice, "shutdown: primaryship handed over");
  } else {
    m.note(NoteLevel::warning, "shutdown: the hand-over was not confirmed (" + done.text + ")");
  }
  release(m);
}

void on_released(Machine& m) {
  if (m.end.phase == Phase::releasing) finish(m);
}

}  // namespace vswim::core
