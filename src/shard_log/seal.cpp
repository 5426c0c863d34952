// Voter changes by seal, copy, start (rules S1 to S5): Seal(new) is committed in epoch e, the state is
// installed at the members of e+1, and a majority of them starts it.
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr Duration believable_ttl_max = seconds(60);
}

void ShardLog::State::told_configuration() {
  if (told_epoch >= configuration.epoch || self_voter() == nullptr) return;
  told_epoch = configuration.epoch;
  out.event(ConfigurationChanged{configuration});
}

void ShardLog::State::seal(Instant now, Configuration next) {
  search = {};  // an offer is good for one change
  Entry entry;
  entry.seal = std::move(next);
  append_entry(*leading(), std::move(entry));
  advance(now);
}

// Rule S2: our D is frozen where it stands when the commit is learned; only then Install.
void ShardLog::State::begin_install(Instant now) {
  auto& office = *leading();
  if (!office.finishing) office.frozen = deadline(now);
  note_lead(now);
  advance_commit(now, log.last());
  InstallRound round;
  round.next = *log.seal_of(configuration.epoch);
  round.snapshot = registers.snapshot();
  round.since = now;
  const auto* own = find_voter(round.next, seat.node, seat.uuid);
  round.member = own != nullptr;
  office.active = false;
  office.transfer.reset();
  // Who has no vote in e+1 stays in e until e+1 has begun: its vote may be needed to finish the change anew.
  if (own != nullptr && counts(*own)) {
    take_state(now, round.next, round.snapshot, office.ballot);
    round.written = vow;
  }
  office.install = std::move(round);
  office.heartbeat_at = now;
}

void ShardLog::State::send_installs(Instant now) {
  auto& office = *leading();
  auto& round = *office.install;
  if (now - round.since > settings.lease_ttl * 2) {  // others may have begun: rule S4, an ordinary election
    return step_down(now);
  }
  // Somebody who can lead e+1 comes before those who cannot: whoever is installed is lost to e, and if this
  // finisher dies then, e+1 needs one who can stand in it. Who has no vote comes after the start.
  const bool led = std::ranges::any_of(round.next.voters, [&](const Voter& voter) {
    const bool here = voter.node == seat.node && round.member && out.durable(round.written);
    return voter.role == Role::data && (here || round.own.contains(voter.node));
  });
  for (const auto& voter : round.next.voters) {
    if (voter.node == seat.node || round.own.contains(voter.node)) continue;
    const bool of_both = find_voter(configuration, voter.node, voter.uuid) != nullptr;
    if (of_both && (!counts(voter) || (!led && voter.role != Role::data))) continue;
    out.send(voter.node, Install{round.next, office.ballot, now, settings.lease_ttl, round.snapshot}, true);
  }
}

// A member that missed the change: from the leader of the epoch or from a candidate in it.
void ShardLog::State::install_peer(Instant now, const NodeId& node, const Ballot& ballot) {
  out.send(node, Install{configuration, ballot, now, settings.lease_ttl, registers.snapshot()}, true);
}

// Rule S5: installed state has no rank. What this seat had committed is a prefix of it.
void ShardLog::State::take_state(Instant now, const Configuration& next, const Snapshot& snapshot,
                                 const Ballot& by) {
  if (log.chain_at(snapshot.revision) == snapshot.chain) advance_commit(now, snapshot.revision);
  if (snapshot.revision > registers.revision()) {
    registers = RegisterState(snapshot);
    notified = 0;
    resolve_from_state();
  }
  configuration = next;
  installed_by = by;
  committed_known = true;
  promise.promise(now, by);
  log.restore(snapshot, {}, VSWIM_RULE(s5) ? Ballot{} : by);
  log_record(state_record());
}

void ShardLog::State::on(Instant now, const NodeId& from, const Install& message) {
  const auto& next = message.configuration;
  if (ended || from != message.ballot.node || message.ttl > believable_ttl_max) return;
  if (find_voter(next, seat.node, seat.uuid) == nullptr) return;
  if (find_voter(next, from) == nullptr && find_voter(configuration, from) == nullptr && !vacant()) return;
  if (next.epoch < configuration.epoch) return answer_moved(from);
  note_lead(now);
  const bool bound = promise.wait(now, message.ballot).ns > 0;
  Installed answer{next.epoch, message.ballot, seat.uuid, message.sent, message.ballot, false};
  if (next.epoch == configuration.epoch && VSWIM_RULE(s4)) {  // once per epoch
    answer.by = installed_by;
    if (!bound && promise.promised() == message.ballot && !promise.is_released(message.ballot) &&
        leading() == nullptr) {
      promise.support(now, message.ballot, message.ttl);
      answer.supports = true;
    }
    return out.send_when_durable(from, answer);
  }
  if ((VSWIM_RULE(s3) && bound) || message.ballot < promise.promised()) {
    const auto wait = promise.wait(now, message.ballot);
    return out.send(from, Refused{configuration.epoch, message.ballot, seat.uuid, promise.promised(), wait});
  }
  if (message.snapshot.revision < registers.revision()) return;
  if (leading() != nullptr || standing() != nullptr) step_down(now);
  promise.raise_ttl(message.ttl);
  take_state(now, next, message.snapshot, message.ballot);
  if (VSWIM_RULE(s3)) promise.support(now, message.ballot, message.ttl);
  heard_at = now;
  answer.supports = true;
  out.send_when_durable(from, answer);
  notify(now);
}

void ShardLog::State::on(Instant now, const NodeId& from, const Installed& message) {
  if (auto* candidate = standing()) {
    const bool asked = candidate->preparing && message.ballot == candidate->ballot;
    if (asked && message.epoch == configuration.epoch && !candidate->granted.contains(from))
      send_prepare(from);
    return;
  }
  auto* office = leading();
  if (office == nullptr || message.ballot != office->ballot) return;
  const bool sane = message.sent <= now && message.supports && message.by == office->ballot;
  if (office->install) {
    auto& round = *office->install;
    if (message.epoch != round.next.epoch || find_voter(round.next, from, message.voter) == nullptr) return;
    if (VSWIM_RULE(s4) && message.by != office->ballot) return;
    auto& when = round.own.try_emplace(from, Instant::long_ago()).first->second;
    if (sane && message.sent >= round.since) when = std::max(when, message.sent);
    return try_start(now);
  }
  const auto peer = office->peers.find(from);
  if (peer == office->peers.end() || peer->second.voter.uuid != message.voter) return;
  if (message.epoch != configuration.epoch) return;
  peer->second.epoch = message.epoch;
  peer->second.heard = now;
  if (sane && message.sent >= office->since)
    peer->second.supported = std::max(peer->second.supported, message.sent);
  out.send(from, blank_append(now, *office));  // its answer says where to begin
}

// A majority of e+1 took this Install: the epoch is ours to start, in the same ballot, with a no-op (rules
// S1, S4).
void ShardLog::State::try_start(Instant now) {
  auto& office = *leading();
  auto& round = *office.install;
  std::size_t own = 0;
  for (const auto& voter : round.next.voters) {
    if (!counts(voter)) continue;
    const bool here = voter.node == seat.node && round.member && out.durable(round.written);
    own += here || round.own.contains(voter.node) || (!VSWIM_RULE(s2) && voter.node == seat.node) ? 1 : 0;
  }
  if (own < quorum_of(round.next)) return;
  note_lead(now);
  const auto finished = std::move(round);
  if (finished.member && configuration.epoch < finished.next.epoch)
    take_state(now, finished.next, finished.snapshot, office.ballot);
  for (const auto& [node, peer] : office.peers) {
    if (find_voter(finished.next, node) == nullptr) out.send(node, Moved{finished.next});
  }
  if (!finished.member || !may_lead()) {  // rule S2: no voter of e+1 counts itself, or leads it
    const auto ballot = office.ballot;
    for (const auto& voter : finished.next.voters) {
      if (voter.node != seat.node) out.send(voter.node, ReleaseBallot{finished.next.epoch, ballot});
    }
    step_down(now);
    promise.release_lead(ballot, Instant::long_ago());
    if (!finished.member) end_seat(now, finished.next, "the shard went on without this node");
    return;
  }
  Leader fresh;
  fresh.ballot = office.ballot;
  fresh.table = std::move(office.table);
  fresh.changes = std::move(office.changes);
  fresh.preferred = office.preferred;
  fresh.predecessor = office.predecessor;
  for (const auto& voter : configuration.voters) {
    if (voter.node == seat.node) continue;
    auto& peer = fresh.peers[voter.node];
    peer.voter = voter;
    const auto installed = finished.own.find(voter.node);
    if (installed == finished.own.end()) continue;
    peer.epoch = configuration.epoch;
    peer.committed = finished.snapshot.revision;
    peer.supported = installed->second;  // rule S3
    peer.heard = now;
  }
  AcceptRecord record{fresh.ballot, log.last(), std::nullopt, {}};
  log.replace(log.last(), {}, fresh.ballot);
  if (VSWIM_RULE(no_op)) {
    Entry noop;
    noop.ballot = fresh.ballot;
    record.entries.push_back(log.append(noop));
    fresh.noop = log.last();
  }
  log_record(std::move(record));
  take_office(now, fresh);
}

void ShardLog::State::end_seat(Instant now, const Configuration& next, const std::string& reason) {
  if (leading() != nullptr || standing() != nullptr) step_down(now);
  ended = true;
  configuration = next;
  out.record(MovedRecord{next});
  lose_lease(reason);
  fail_pending(reason);
  const auto asked = std::move(requests);
  requests.clear();
  for (const auto& [ticket, request] : asked) {
    const bool fulfilled = !request.add && request.node == seat.node;
    request_done(ticket, fulfilled ? contract::Outcome::ok : contract::Outcome::unknown,
                 fulfilled ? "" : reason, next.epoch);
  }
  out.event(SeatEnded{reason});
}

void ShardLog::State::on(Instant now, const NodeId& from, const Moved& message) {
  const auto& next = message.configuration;
  if (ended || vacant() || next.epoch <= configuration.epoch) return;
  if (find_voter(configuration, from) == nullptr && find_voter(next, from) == nullptr) return;
  if (find_voter(next, seat.node, seat.uuid) == nullptr)
    return end_seat(now, next, "the shard went on without this node");
  // An Install may be on its way. Once: who was installed and cannot lead says this for ever, and the others
  // may be the majority that has to finish the change (rules S1, S4 keep it safe).
  if (next.epoch <= waited_for) return;
  waited_for = next.epoch;
  if (leading() != nullptr || standing() != nullptr) step_down(now);
  not_before = std::max(not_before, now + fraction(2));
}

}  // namespace vswim::shard_log
