// From a voter whose support ran out to a leader: pre-vote, prepare, adoption of the newest log of the
// quorum, and the no-op (rule S1: or the Seal again). Data voters stand in the order of Core's advice.
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::uint32_t ranks_max = 16;         // more would only wait longer than an election takes
constexpr std::uint32_t rank_without_core = 8;  // a mover's old seat leads only when nobody else does
constexpr Duration reply_margin = milliseconds(1);
constexpr std::uint64_t doublings_max = 5;  // 16 T: a disk that is slower than that is as good as dead

// A promise takes two syncs one after the other, the candidate's and the voter's. With disks that are slower
// than usual every further ballot since the last one that had a leader waits twice as long for its promises,
// or no election would ever be won.
Duration patience(Duration first, const Ballot& standing, const Ballot& accepted) {
  const auto futile = standing.round > accepted.round ? standing.round - accepted.round - 1 : 0;
  return first * (std::int64_t{1} << std::min(futile, doublings_max));
}
}  // namespace

Instant ShardLog::State::stand_at() const {
  if (!may_lead() || leading() != nullptr || standing() != nullptr) return Instant::never();
  if (lease_released && lone_voter()) return Instant::never();
  const auto free = std::max({promise.free_at(), not_before, heard_at + settings.lease_ttl});
  if (lone_voter()) return free;
  auto place = rank;
  if (!rank_advised) {
    const auto& voters = configuration.voters;
    place = 1 + static_cast<std::uint32_t>(find_voter(configuration, seat.node) - voters.data());
  }
  if (!seat.has_core || lease_released) place += rank_without_core;
  return free + fraction(16) * std::min(place, ranks_max) + stand_jitter;
}

Ballot ShardLog::State::next_ballot() const {
  std::uint64_t life = 0;
  for (std::size_t i = 0; i < sizeof life; ++i) life = life << 8 | seat.uuid.bytes[i];
  return {std::max(promise.promised().round, seen_round) + 1, seat.node, life};
}

void ShardLog::State::stand(Instant now) {
  if (leader) {
    leader.reset();
    out.event(LeaderChanged{std::nullopt, promise.promised()});
  }
  if (lone_voter()) return prepare(now, {});
  Candidate candidate;
  candidate.since = now;
  role = std::move(candidate);
  ask_again(now);
}

// A new ballot is durable here before anybody hears of it (invariant I2).
void ShardLog::State::prepare(Instant now, const Ballot& released) {
  note_lead(now);
  Candidate candidate;
  candidate.ballot = next_ballot();
  if (promise.wait(now, candidate.ballot).ns > 0) return;  // rule L1 binds the voter that asks itself
  if (promise.raise_ttl(settings.lease_ttl)) vow_record(TtlRecord{settings.lease_ttl});
  candidate.preparing = true;
  candidate.since = now;
  candidate.retry_at = now;
  candidate.released = released;
  promise.promise(now, candidate.ballot);
  candidate.released_until = now + promise.released_for(now);
  role = std::move(candidate);
  vow_record(PromiseRecord{promise.promised()});
  ask_again(now);
}

void ShardLog::State::ask_again(Instant now) {
  auto& candidate = *standing();
  if (!candidate.preparing) {
    candidate.ballot = next_ballot();
    candidate.granted = {seat.node};
    candidate.retry_at = now + interval() + stand_jitter;
  } else {
    if (now - candidate.since > patience(fraction(2), candidate.ballot, log.accepted()))
      return abandon(now, interval());
    candidate.retry_at = now + interval() / 2;
  }
  for (const auto& voter : configuration.voters) {
    if (voter.node == seat.node || !counts(voter)) continue;
    if (!candidate.preparing) {
      out.send(voter.node, PreVote{configuration.epoch, candidate.ballot});
    } else if (!candidate.granted.contains(voter.node)) {
      send_prepare(voter.node);
    }
  }
}

void ShardLog::State::send_prepare(const NodeId& to) {
  const auto& candidate = *standing();
  out.send_when_durable(to, Prepare{configuration.epoch, candidate.ballot, log.accepted(), log.last(),
                                    registers.revision(), candidate.released});
}

void ShardLog::State::abandon(Instant now, Duration pause) {
  role = Follower{};
  const auto jitter = rng.below(static_cast<std::uint64_t>(interval().ns + 1));
  not_before = now + pause + Duration{static_cast<std::int64_t>(jitter)};
}

void ShardLog::State::on(Instant now, const NodeId& from, const PreVoted& message) {
  auto* candidate = standing();
  if (candidate == nullptr || candidate->preparing || message.ballot != candidate->ballot) return;
  const auto* voter = find_voter(configuration, from, message.voter);
  if (voter == nullptr || !counts(*voter) || message.epoch > configuration.epoch) return;
  if (!message.granted) {
    candidate->retry_at =
        std::max(now + reply_margin, std::min(candidate->retry_at, now + message.wait + reply_margin));
    return;
  }
  candidate->granted.insert(from);
  if (candidate->granted.size() >= quorum_of(configuration)) {
    if (promise.free_at() > now) return abandon(now, {});
    prepare(now, {});
  }
}

void ShardLog::State::on(Instant now, const NodeId& from, const Refused& message) {
  seen_round = std::max(seen_round, message.promised.round);
  if (auto* office = leading()) {
    // A member that missed a change has promised more than our ballot and can take no Install of ours: a
    // higher ballot, by handing leadership over to ourselves.
    const bool behind = message.ballot == office->ballot && message.epoch < configuration.epoch;
    if (behind && message.promised > office->ballot && !office->transfer && !office->install &&
        find_voter(configuration, from, message.voter) != nullptr) {
      office->transfer = Transfer{seat.node, now + settings.lease_ttl, std::nullopt};
    }
    if (message.ballot == office->ballot && message.promised > office->ballot &&
        message.epoch == configuration.epoch && find_voter(configuration, from, message.voter) != nullptr) {
      step_down(now);
    }
    return;
  }
  auto* candidate = standing();
  if (candidate == nullptr || message.ballot != candidate->ballot) return;
  if (find_voter(configuration, from) == nullptr) return;
  if (!candidate->preparing) {  // the next pre-vote is asked for with a higher ballot
    candidate->retry_at = std::max(now + reply_margin, std::min(candidate->retry_at, now + message.wait));
    return;
  }
  if (message.epoch < configuration.epoch) {
    auto& next = candidate->install_at.try_emplace(from, now).first->second;
    if (message.wait.ns > 0 || now < next) return;  // it is asked again with the next Prepare
    next = now + interval() / 2;
    return install_peer(now, from, candidate->ballot);
  }
  if (message.promised > candidate->ballot) return abandon(now, {});
  candidate->retry_at =
      std::max(now + reply_margin, std::min(candidate->retry_at, now + message.wait + reply_margin));
}

// Whether the log a promise brings really follows from what we share with it.
bool ShardLog::State::sound(const Promised& message) const {
  if (message.snapshot) {
    const auto& snapshot = *message.snapshot;
    return snapshot.revision >= registers.revision() &&
           message.last == snapshot.revision + message.entries.size() &&
           Log::links(snapshot.chain, snapshot.revision, message.entries);
  }
  if (message.last < message.entries.size()) return false;
  const auto base = message.last - message.entries.size();
  return base >= log.snapshot().revision && base <= log.last() && log.links(base, message.entries) &&
         agrees_with_committed(base, message.entries);
}

void ShardLog::State::on(Instant now, const NodeId& from, const Promised& message) {
  auto* candidate = standing();
  if (candidate == nullptr || !candidate->preparing || message.ballot != candidate->ballot) return;
  const auto* voter = find_voter(configuration, from, message.voter);
  if (voter == nullptr || !counts(*voter) || message.epoch != configuration.epoch) return;
  const auto own = candidate->best ? std::pair(candidate->best->accepted, candidate->best->last)
                                   : std::pair(log.accepted(), log.last());
  if (std::pair(message.accepted, message.last) > own) {
    if (!sound(message)) {
      out.note(NoteLevel::warning, "a promise brought a log that does not follow from ours: not counted");
      return;
    }
    candidate->best = message;
  }
  candidate->granted.insert(from);
  candidate->committed[from] = message.committed;
  candidate->released_until = std::max(candidate->released_until, now + terms.lengthened(message.released));
  try_win(now);
}

void ShardLog::State::try_win(Instant now) {
  auto* candidate = standing();
  if (candidate == nullptr || !candidate->preparing) return;
  if (promise.durable() == candidate->ballot) candidate->granted.insert(seat.node);
  if (candidate->granted.contains(seat.node) && candidate->granted.size() >= quorum_of(configuration))
    lead(now);
}

void ShardLog::State::adopt(const Promised& best, AcceptRecord& record) {
  if (best.snapshot) {
    log.restore(*best.snapshot, best.entries, record.ballot);
    record.base = best.snapshot->revision;
    record.snapshot = best.snapshot;
    if (best.snapshot->revision > registers.revision()) {
      registers = RegisterState(*best.snapshot);
      notified = 0;
      resolve_from_state();
    }
  } else {
    record.base = best.last - best.entries.size();
    log.replace(record.base, best.entries, record.ballot);
  }
  record.entries = best.entries;
}

// The whole adopted log through the no-op goes to the disk, and to every voter, as one (counterexample 10). A
// log that ends with a Seal is finished, not continued: rule S1.
void ShardLog::State::lead(Instant now) {
  const auto candidate = std::move(*standing());
  AcceptRecord record{candidate.ballot, log.last(), std::nullopt, {}};
  if (candidate.best) {
    adopt(*candidate.best, record);
  } else {
    log.replace(log.last(), {}, candidate.ballot);
  }
  Leader office;
  office.ballot = candidate.ballot;
  office.finishing = VSWIM_RULE(s1) && log.seal_of(configuration.epoch) != nullptr;
  for (const auto& voter : configuration.voters) {
    if (voter.node == seat.node) continue;
    auto& peer = office.peers[voter.node];
    peer.voter = voter;
    peer.epoch = configuration.epoch;
    const auto promised = candidate.committed.find(voter.node);
    if (promised != candidate.committed.end()) {
      peer.committed = promised->second;
      peer.heard = now;
    }
    // Rule L9: everybody may still hold a lease of the released ballot.
    if (voter.role != Role::witness && candidate.released_until > now)
      office.table.suspect(voter.node, candidate.released_until);
  }
  if (candidate.released_until > now) office.table.suspect(seat.node, candidate.released_until);
  if (leader_ballot.round != 0 && leader_ballot.node != seat.node && now - heard_at >= fraction(2) &&
      heard_at > Instant::long_ago()) {
    office.predecessor = leader_ballot.node;
  }
  if (!office.finishing && VSWIM_RULE(no_op)) {
    Entry noop;
    noop.ballot = office.ballot;
    record.entries.push_back(log.append(noop));
    office.noop = log.last();
  }
  log_record(std::move(record));
  take_office(now, office);
}

// In a new ballot, or in the same one in the epoch it has started.
void ShardLog::State::take_office(Instant now, Leader& fresh) {
  fresh.since = now;
  fresh.heartbeat_at = now;
  fresh.logged = registers.newest();
  for (Revision revision = registers.revision() + 1; revision <= log.last(); ++revision) {
    const auto* entry = log.at(revision);
    if (!entry->proposer.is_nil()) fresh.logged[entry->proposer] = {entry->proposer_start, entry->sequence};
  }
  if (leader != seat.node || leader_ballot != fresh.ballot) {
    leader = seat.node;
    leader_ballot = fresh.ballot;
    out.event(LeaderChanged{seat.node, fresh.ballot});
  }
  role = std::move(fresh);
  pending_retry_at = now;
  request_at = Instant::never();
  advance(now);
}

}  // namespace vswim::shard_log
