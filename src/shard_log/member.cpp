// What this seat does for its node's Core: it asks for the lease and passes it on, shows what is committed
// and what is settled (rules L4b, L5, L8), and carries its proposals to an answer (invariant I8).
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::size_t pending_max = 4'096;       // proposals that wait at home
constexpr std::int64_t proposal_limit_ttls = 3;  // then its fate is called unknown
}  // namespace

// ---- the lease ----

void ShardLog::State::lease_extended(Instant until) {
  if (!lease_told) {  // a new lease: what it may rest on is said again first (rule L4b)
    notify_settled(true);
    lease_told = true;
  }
  out.event(LeaseUntil{until});
}

void ShardLog::State::lose_lease(const std::string& reason) {
  holder.drop();
  if (!lease_told) return;
  lease_told = false;
  out.event(LeaseLost{reason});
}

void ShardLog::State::on(Instant now, const NodeId& from, const LeaseGrant& message) {
  if (!seat.has_core || lease_released || !is_member() || find_voter(configuration, from) == nullptr) return;
  if (VSWIM_RULE(l3) && message.start != seat.start) return;
  settled = std::max(settled, message.settled);
  notify_settled(false);
  if (const auto until = holder.take(terms, now, message.number, message.duration)) lease_extended(*until);
}

void ShardLog::State::request_lease(Instant now) {
  // A lease that has long to run is asked for with the answer to a heartbeat, or when none comes.
  const bool long_to_run = holder.active(now + fraction(2));
  request_at = now + (long_to_run ? idle_pace() + interval() : interval());
  if (!seat.has_core || !is_member() || !leader || leading() != nullptr ||
      now - heard_at > settings.lease_ttl)
    return;
  if (lease_released) {  // whoever leads now must not wait for us
    out.send(*leader, LeaseRelease{seat.start, holder.drop(), leader_ballot, node_ends});
    return;
  }
  const bool renew = core_alive(now);
  const auto number = holder.ask(now);
  out.send(*leader, LeaseRequest{configuration.epoch, seat.start, number, shown, renew,
                                 rank_advised ? rank : rank_unadvised});
}

// ---- what Core is shown ----

void ShardLog::State::notify_entry(const Entry& entry, const RegisterState::Applied& applied) {
  if (!seat.has_core || !committed_known || notified + 1 != entry.revision) return;
  notified = entry.revision;
  out.event(Updated{entry.revision, false, applied.registers});
}

void ShardLog::State::notify(Instant now) {
  if (!seat.has_core || !committed_known || !is_member() || notified >= registers.revision()) return;
  notified = registers.revision();
  request_at = std::min(request_at, now + interval());
  out.event(Updated{notified, true, registers.registers()});
  notify_settled(false);
}

void ShardLog::State::notify_settled(bool again) {
  if (!seat.has_core || !is_member()) return;
  const auto reached = std::min(settled, notified);
  if (reached == 0 || (reached <= settled_told && !again)) {
    answer_settled();
    return;
  }
  settled_told = std::max(settled_told, reached);
  out.event(SettledUpTo{settled_told});
  answer_settled();
}

// ---- proposals ----

void ShardLog::State::done(const Pending& proposal, contract::Outcome outcome, Revision revision,
                           std::string text) {
  out.event(ProposalDone{proposal.sequence, outcome, revision, std::move(text)});
}

void ShardLog::State::propose(Instant now, ProposalSequence sequence, const Batch& batch) {
  const Pending proposal{sequence, batch, bytes_of(batch), now, false, std::nullopt};
  if (!is_member())
    return done(proposal, contract::Outcome::failed, 0, "this node has no data seat in the shard");
  if (proposal.bytes > settings.batch_bytes_max)
    return done(proposal, contract::Outcome::failed, 0, "the batch is too large");
  if (pending.size() >= pending_max)
    return done(proposal, contract::Outcome::failed, 0, "too many proposals wait");
  pending.push_back(proposal);
  std::size_t unanswered = 0;
  for (const auto& other : pending) unanswered += other.result ? 0 : 1;
  if (unanswered <= proposals_in_flight_max) send_proposals(now, pending.size() - 1);
}

// From the `first` waiting one on, as many as may be under way.
void ShardLog::State::send_proposals(Instant now, std::size_t first) {
  pending_retry_at = pending.empty() ? Instant::never() : now + fraction(4);
  const bool own = leading() != nullptr;
  if (pending.empty() || (!own && !leader)) return;
  if (own && !leading()->active) return;
  Propose message{seat.start, {}, {}};
  std::size_t bytes = 0;
  std::size_t under_way = 0;
  for (std::size_t i = 0; i < pending.size() && under_way < proposals_in_flight_max; ++i) {
    auto& proposal = pending[i];
    if (proposal.result) continue;
    ++under_way;
    if (i < first) {
      message.after = proposal.sequence;
      continue;
    }
    bytes += proposal.bytes;
    if (!message.proposals.empty() && bytes > settings.batch_bytes_max) break;
    proposal.sent = true;
    message.proposals.push_back({proposal.sequence, proposal.batch});
  }
  if (message.proposals.empty()) return;
  if (own) return take_proposals(now, seat.node, seat.start, message.after, message.proposals);
  constexpr std::size_t datagram_bytes = 900;
  out.send(*leader, std::move(message), bytes > datagram_bytes);
}

void ShardLog::State::resolve(const ProposalResult& result) {
  for (auto it = pending.begin(); it != pending.end(); ++it) {
    if (it->sequence != result.sequence || it->result) continue;
    if (result.matched) {
      it->result = result;
    } else {
      done(*it, contract::Outcome::stale, 0, "an expected revision did not match");
      pending.erase(it);
    }
    return;
  }
}

void ShardLog::State::resolve_from_state() {
  std::vector<ProposalResult> known;
  for (const auto& proposal : pending) {
    if (const auto result = registers.result(seat.node, seat.start, proposal.sequence))
      known.push_back(*result);
  }
  for (const auto& result : known) resolve(result);
}

// ok means committed and settled, and that this node's own Core was shown it.
void ShardLog::State::answer_settled() {
  if (pending.empty()) return;
  const auto reached = seat.has_core ? std::min(settled, notified) : settled;
  std::erase_if(pending, [&](const Pending& proposal) {
    if (!proposal.result || proposal.result->revision > reached) return false;
    done(proposal, contract::Outcome::ok, proposal.result->revision, {});
    return true;
  });
}

// Nobody waits for ever (invariant I17): what was never sent cannot happen; of the rest nothing can be said.
void ShardLog::State::expire_pending(Instant now) {
  std::erase_if(pending, [&](const Pending& proposal) {
    if (now - proposal.since < settings.lease_ttl * proposal_limit_ttls) return false;
    if (proposal.sent) {
      done(proposal, contract::Outcome::unknown, 0, "the shard did not confirm it in time");
    } else {
      done(proposal, contract::Outcome::failed, 0, "the shard has no leader");
    }
    return true;
  });
}

void ShardLog::State::fail_pending(const std::string& why) {
  for (const auto& proposal : pending) {
    done(proposal, proposal.sent ? contract::Outcome::unknown : contract::Outcome::failed, 0, why);
  }
  pending.clear();
}

// A witness or a learner that hears from nobody cannot find out by standing that the shard went on without
// it.
Instant ShardLog::State::lost_at() const {
  if (self_voter() == nullptr || may_lead()) return Instant::never();
  return std::max(poke_at, heard_at + settings.lease_ttl * 2);
}

void ShardLog::State::poke(Instant now) {
  poke_at = now + settings.lease_ttl + stand_jitter;
  if (leader) {
    leader.reset();
    out.event(LeaderChanged{std::nullopt, leader_ballot});
  }
  const auto& other = configuration.voters[rng.below(configuration.voters.size())];
  if (other.node != seat.node) out.send(other.node, PreVote{configuration.epoch, {0, seat.node, 0}});
}

// With fewer members than three nobody else could have this vote.
bool ShardLog::State::vote_can_go(Instant now) const {
  const auto* voter = self_voter();
  if (voter == nullptr || voter->role != Role::data || now - heard_at > settings.lease_ttl) return false;
  const auto& voters = configuration.voters;
  return std::count_if(voters.begin(), voters.end(), [](const Voter& v) { return v.role != Role::witness; }) >
         2;
}

void ShardLog::State::end_leaving() {
  if (leaving) out.event(Released{leaving->ticket});
  leaving.reset();
}

void ShardLog::State::tick_member(Instant now) {
  if (now >= lost_at()) poke(now);
  if (lease_told && now >= holder.until()) lose_lease("the lease was not renewed in time");
  if (now >= request_at) request_lease(now);
  if (!pending.empty()) {
    expire_pending(now);
    if (now >= pending_retry_at) send_proposals(now, 0);
  }
}

}  // namespace vswim::shard_log
