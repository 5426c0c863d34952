// Who becomes primary: the first node of a fresh shard, and the best replica when the provider has proven the
// primary's lease ended (FAIL) or the primary announced a restart. The shard log lets one proposal through.
#include <algorithm>

#include "core/failover.hpp"
#include "core/machine.hpp"

namespace vswim::core {

namespace {

using Phase = FailoverState::Phase;

constexpr Duration exchange_limit =
    milliseconds(80);  // for peers' last offsets, FAIL peers are not waited for
constexpr Duration turn_interval =
    milliseconds(250);                  // the next best waits this long per rank before it asks again
constexpr std::uint32_t turns_max = 8;  // then it stands although somebody better answers: that one never did
constexpr Duration retry_after = milliseconds(200);
constexpr std::uint32_t rank_never = 1'000;  // advice of a replica that must not stand

// Whom the log newly names was alive to propose that, whatever was proven of it before: its lease is on its
// way.
void weigh_old_news(Machine& m) {
  auto& f = m.failover;
  const auto& named = m.log.primaryship();
  const auto* member = named ? m.view.member(named->node) : nullptr;
  const bool failed = member != nullptr && member->health == contract::Health::fail;
  if (!failed) f.old_news_until = Instant::long_ago();
  if (!named || named->revision == f.named) return;
  f.named = named->revision;
  if (failed) f.old_news_until = m.now + m.settings.lease_ttl * 2;
}

// The primary that has to be replaced, if this node is one of those that could.
std::optional<NodeId> lost_primary(const Machine& m) {
  const auto& named = m.log.primaryship();
  if (!named || named->node == m.view.self() || m.view.member(m.view.self()) == nullptr) return std::nullopt;
  if (m.failover.restarted == named->node && m.now < m.failover.restarted_until) return named->node;
  if (follows_elsewhere(m)) return std::nullopt;
  const bool gone = !m.is_peer(named->node);
  const bool failed = !gone && m.view.member(named->node)->health == contract::Health::fail &&
                      m.now >= m.failover.old_news_until;
  if (gone || failed) return named->node;
  return std::nullopt;
}

// Whom the log names has left the shard, and nobody else is in it: what this node has is all there is, and a
// sync that it waits for never comes.
bool left_alone(const Machine& m) {
  const auto& named = m.log.primaryship();
  return named && named->node != m.view.self() && !m.is_peer(named->node) && m.only_member();
}

void stop(Machine& m, Phase phase, Instant deadline) {
  m.failover.phase = phase;
  m.failover.deadline = deadline;
}

void exchange(Machine& m) {
  m.failover.answers.clear();
  stop(m, Phase::exchanging, m.now + exchange_limit);
  for (const auto& peer : m.reachable_peers()) {
    if (peer != m.failover.deposed) m.send(peer, OffsetQuestion{m.view.own_shard()});
  }
}

bool everybody_answered(const Machine& m) {
  const auto peers = m.reachable_peers();
  return std::all_of(peers.begin(), peers.end(), [&](const NodeId& peer) {
    return peer == m.failover.deposed || m.failover.answers.count(peer) != 0;
  });
}

// Fresh answers first; a peer that is not FAIL and said nothing counts with what it last gossiped, for one
// turn: who neither answers nor stands keeps nobody waiting for ever.
std::vector<Candidate> candidates(const Machine& m) {
  std::vector<Candidate> others;
  for (const auto& peer : m.reachable_peers()) {
    if (peer == m.failover.deposed) continue;
    if (const auto fresh = m.failover.answers.find(peer); fresh != m.failover.answers.end()) {
      if (fresh->second.may_stand) others.push_back({peer, fresh->second.offset, fresh->second.synced});
    } else if (const auto known = m.view.offset(peer); known && known->may_stand && m.failover.turns == 0) {
      others.push_back({peer, known->offset, true});
    }
  }
  return others;
}

void decide_standing(Machine& m) {
  const auto rank = rank_of({m.view.self(), m.engine.report.offset, m.engine.ran_on}, candidates(m));
  if (rank > 0 && m.failover.turns < turns_max) {
    ++m.failover.turns;
    stop(m, Phase::waiting_turn, m.now + turn_interval * rank);
    return;
  }
  if (!m.propose_primaryship(m.view.self(), PrimaryshipOp{})) {
    stop(m, Phase::backoff, m.now + retry_after);
    return;
  }
  m.note(NoteLevel::notice, "failover: standing for primary of this shard with replication offset " +
                                std::to_string(m.engine.report.offset));
  stop(m, Phase::proposing, Instant::never());
}

void note_barred(Machine& m, const std::string& reason) {
  if (m.failover.barred_note == reason) return;
  m.failover.barred_note = reason;
  m.note(NoteLevel::warning, "failover: this replica does not stand: " + reason);
}

void begin(Machine& m, const NodeId& lost) {
  if (m.failover.deposed != lost) {
    m.failover.turns = 0;
    m.failover.deposed = lost;
    const auto* member = m.view.member(lost);
    const bool restarted = m.failover.restarted == lost;
    m.note(NoteLevel::notice, "failover: primary " + m.name_of(lost) +
                                  (restarted           ? " restarted"
                                   : member == nullptr ? " was removed"
                                                       : " detected as failed"));
  }
  exchange(m);
}

}  // namespace

EngineReport standing_report(const Machine& m) {
  const bool alone = left_alone(m);
  const bool restarted = m.failover.restarted && m.now < m.failover.restarted_until;
  auto report = restarted || alone ? m.loaded_report() : m.engine.report;
  if (alone && (m.engine.of_shard || !m.log.slots().owns_any())) report.completed_sync = true;
  return report;
}

void bootstrap(Machine& m) {
  if (m.log.primaryship() || !m.leased() || m.primaryship_in_flight || m.now < m.primaryship_retry_at) return;
  if (m.end.phase != EndState::Phase::idle) return;
  if (!m.only_member()) return;
  m.propose_primaryship(m.view.self(), PrimaryshipOp{true});
}

void check_failover(Machine& m) {
  auto& f = m.failover;
  weigh_old_news(m);
  const auto lost = lost_primary(m);
  if (!lost || !m.engine.known) {
    if (!lost) f.deposed.reset();
    if (f.phase != Phase::proposing) stop(m, Phase::idle, Instant::never());
    return;
  }
  const auto reason = why_not_stand(standing_report(m), m.settings);
  if (!reason.empty()) {
    note_barred(m, reason);
    if (f.phase != Phase::proposing) stop(m, Phase::idle, Instant::never());
    return;
  }
  f.barred_note.clear();
  switch (f.phase) {
    case Phase::idle: begin(m, *lost); break;
    case Phase::exchanging:
      if (m.now >= f.deadline || everybody_answered(m)) decide_standing(m);
      break;
    case Phase::waiting_turn:
    case Phase::backoff:
      if (m.now >= f.deadline) exchange(m);
      break;
    case Phase::proposing: break;
  }
}

void on_primaryship_done(Machine& m, const PrimaryshipOp& op, const contract::Completed& done) {
  if (m.primaryship_in_flight != done.ticket) return;
  m.primaryship_in_flight.reset();
  if (done.outcome == contract::Outcome::ok) {
    m.restart.proposed = true;
    if (!op.bootstrap) {
      m.note(NoteLevel::notice, "failover: elected, the shard's log names this node primary" +
                                    (done.revision ? " (revision " + done.revision->text() + ")" : ""));
    }
    m.failover.restarted.reset();
    stop(m, Phase::idle, Instant::never());
    return;
  }
  m.primaryship_retry_at = m.now + retry_after;
  stop(m, Phase::backoff, m.now + retry_after);
  if (!op.bootstrap && done.outcome != contract::Outcome::stale) {
    m.note(NoteLevel::notice,
           "failover: no answer from the shard's log yet (" + done.text + "), trying again");
  }
}

void advise_rank(Machine& m) {
  if (!m.engine.known || m.view.member(m.view.self()) == nullptr) return;
  std::uint32_t rank = rank_never;
  if (m.primary_here) {
    rank = 0;
  } else if (why_not_stand(m.engine.report, m.settings).empty()) {
    std::vector<Candidate> others;
    for (const auto& peer : m.view.members_of(m.view.own_shard())) {
      const auto known = m.view.offset(peer);
      const bool primary = m.log.primaryship() && m.log.primaryship()->node == peer;
      if (peer != m.view.self() && known && known->may_stand && !primary)
        others.push_back({peer, known->offset, true});
    }
    rank = 1 + rank_of({m.view.self(), m.engine.report.offset, true}, others);
  }
  if (m.failover.advised_rank == rank) return;
  m.failover.advised_rank = rank;
  m.operate(contract::StandFirst{rank});
}

void on_offset_question(Machine& m, const NodeId& from, const OffsetQuestion& question) {
  const auto* sender = m.view.member(from);
  if (question.shard != m.view.own_shard() || sender == nullptr || sender->shard != question.shard) return;
  if (!m.engine.known) return;
  m.send(from, OffsetAnswer{question.shard, m.engine.report.offset,
                            why_not_stand(standing_report(m), m.settings).empty(), m.engine.ran_on});
}

void on_offset_answer(Machine& m, const NodeId& from, const OffsetAnswer& answer) {
  const auto* sender = m.view.member(from);
  if (answer.shard != m.view.own_shard() || sender == nullptr || sender->shard != answer.shard) return;
  if (m.failover.phase == Phase::exchanging) m.failover.answers[from] = answer;
  if (m.end.phase == EndState::Phase::waiting) m.end.answers[from] = answer;
  on_replica_offset(m, answer);
}

}  // namespace vswim::core
