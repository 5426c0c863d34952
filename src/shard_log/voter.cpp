// A voter's answers: what it promises, supports and accepts, and what it must refuse (rules L1, L7, L9).
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr Duration believable_ttl_max = seconds(60);  // a longer T would bind this voter for as long
}  // namespace

bool ShardLog::State::may_lead(const NodeId& node) const {
  const auto* voter = find_voter(configuration, node);
  return voter != nullptr && voter->role == Role::data;
}

void ShardLog::State::note_lead(Instant now) {
  if (const auto* office = leading()) promise.lead_until(std::max(deadline(now), office->table.last_end()));
}

void ShardLog::State::step_down(Instant now) {
  note_lead(now);
  if (leading() != nullptr)
    out.note(NoteLevel::info, "leads no more (ballot " + std::to_string(leading()->ballot.round) + ")");
  role = Follower{};
  search = {};
}

void ShardLog::State::follow(Instant now, const NodeId& node, const Ballot& ballot) {
  if (leading() != nullptr || standing() != nullptr) step_down(now);
  heard_at = now;
  if (leader == node && leader_ballot == ballot) return;
  leader = node;
  leader_ballot = ballot;
  out.event(LeaderChanged{node, ballot});
  stand_jitter =
      Duration{static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(fraction(32).ns + 1)))};
  request_at = now;
  pending_retry_at = now;
  for (auto& [ticket, request] : requests) request.send_at = now;
}

void ShardLog::State::on(Instant now, const NodeId& from, const Append& message) {
  if (ended || message.epoch < configuration.epoch) return answer_moved(from);
  if (message.epoch > configuration.epoch) {  // an Install has been missed; the answer says so
    out.send(from, Appended{configuration.epoch, message.ballot, seat.uuid, message.sent, false, 0,
                            registers.revision()});
    return;
  }
  if (from != message.ballot.node || !may_lead(from) || from == seat.node || self_voter() == nullptr) return;
  if (message.ttl > believable_ttl_max || promise.is_released(message.ballot)) return;
  if (message.ballot < promise.promised()) {
    out.send(from, Refused{configuration.epoch, message.ballot, seat.uuid, promise.promised(), {}});
    return;
  }
  note_lead(now);
  if (promise.owes_another(now, message.ballot)) {  // rule L1; a higher ballot was elected all the same
    if (leading() != nullptr && message.ballot > leading()->ballot) step_down(now);
    return;
  }
  const bool silent = promise.silent(now);
  const auto before = vow;
  if (message.ballot > promise.promised()) {
    if (silent && !message.whole) return;  // rule L7: it may accept entries, nothing else
    promise.promise(now, message.ballot);
    vow_record(PromiseRecord{message.ballot});
  }
  follow(now, from, message.ballot);
  if (!silent) {
    if (promise.raise_ttl(message.ttl)) vow_record(TtlRecord{message.ttl});
    promise.support(now, message.ballot, message.ttl);
  }
  accept(message);
  answer_append(from, message, !silent, vow != before);
  if (log.accepted() == message.ballot) {
    advance_commit(now, std::min(message.committed, log.last()));
    committed_known = true;
    told_configuration();
    notify(now);
  }
  settled = std::max(settled, message.settled);
  notify_settled(false);
  if (request_at <= now + idle_pace()) request_lease(now);  // in the answer's packet
}

// Support is told at once when everything it rests on is durable; what this message added, when that is.
void ShardLog::State::answer_append(const NodeId& from, const Append& message, bool supports, bool wrote) {
  Appended answer{configuration.epoch, message.ballot, seat.uuid, message.sent, supports, 0,
                  registers.revision()};
  if (wrote || !out.durable(vow)) {
    if (log.accepted() == message.ballot) answer.matched = log.last();
    out.send_when_durable(from, answer);
  } else {
    answer.matched = log.durable(message.ballot);
    out.send(from, answer);
  }
}

// What is committed here is a prefix of every later leader's log (invariant I4); a message that says
// otherwise is not believed.
bool ShardLog::State::agrees_with_committed(Revision base, const std::vector<Entry>& entries) const {
  const auto committed = registers.revision();
  if (base >= committed) return true;
  const auto index = static_cast<std::size_t>(committed - base - 1);
  return index < entries.size() && entries[index].chain == registers.chain();
}

void ShardLog::State::accept(const Append& message) {
  if (message.snapshot) {
    const auto& snapshot = *message.snapshot;
    const bool newer = log.accepted() == message.ballot ? snapshot.revision > log.last()
                                                        : snapshot.revision >= registers.revision();
    if (!message.whole || !newer || !Log::links(snapshot.chain, snapshot.revision, message.entries)) return;
    log.restore(snapshot, message.entries, message.ballot);
    log_record(AcceptRecord{message.ballot, snapshot.revision, snapshot, message.entries});
    if (snapshot.revision > registers.revision()) {
      registers = RegisterState(snapshot);
      notified = 0;
      resolve_from_state();
    }
  } else if (log.accepted() != message.ballot) {
    if (!message.whole || message.base < log.snapshot().revision || message.base > log.last()) return;
    if (log.chain_at(message.base) != message.base_chain || !log.links(message.base, message.entries)) return;
    if (!agrees_with_committed(message.base, message.entries)) {
      out.note(NoteLevel::warning, "a leader's log contradicts what is committed here: refused");
      return;
    }
    log.replace(message.base, message.entries, message.ballot);
    log_record(AcceptRecord{message.ballot, message.base, std::nullopt, message.entries});
  } else if (!message.entries.empty() && message.base <= log.last() &&
             message.entries.back().revision > log.last()) {
    const auto known = static_cast<std::ptrdiff_t>(log.last() - message.base);
    std::vector<Entry> fresh(message.entries.begin() + known, message.entries.end());
    const auto base = log.last();
    if (!log.links(base, fresh)) return;
    log.replace(base, fresh, message.ballot);
    log_record(AcceptRecord{message.ballot, base, std::nullopt, std::move(fresh)});
  }
}

void ShardLog::State::on(Instant now, const NodeId& from, const PreVote& message) {
  if (ended || message.epoch < configuration.epoch) return answer_moved(from);
  if (message.epoch == configuration.epoch && (!may_lead(from) || !is_voter())) return;
  note_lead(now);
  if (message.ballot <= promise.promised()) {  // it has to know whom to outrank, or it asks for ever
    return out.send(from, Refused{configuration.epoch, message.ballot, seat.uuid, promise.promised(),
                                  promise.wait(now, message.ballot)});
  }
  PreVoted answer{configuration.epoch, message.ballot, seat.uuid, false, promise.free_at() - now};
  const bool other_stands = promise.promised().node != from && promise.promised_at() + interval() > now;
  if (promise.free_at() <= now) {
    answer.wait = other_stands ? interval() : Duration{};
    answer.granted = !other_stands;
  }
  out.send(from, answer);
}

Promised ShardLog::State::promised_for(Instant now, const Prepare& message) const {
  Promised answer{configuration.epoch,  message.ballot, seat.uuid, log.accepted(),           log.last(),
                  registers.revision(), std::nullopt,   {},        promise.released_for(now)};
  const bool outranks = std::pair(log.accepted(), log.last()) > std::pair(message.accepted, message.last);
  if (!outranks) return answer;
  if (message.committed >= log.base() && message.committed <= log.last()) {
    answer.entries = log.after(message.committed, ~std::size_t{0}, ~std::size_t{0});
  } else {
    answer.snapshot = log.snapshot();
    answer.entries = log.tail();
  }
  return answer;
}

void ShardLog::State::on(Instant now, const NodeId& from, const Prepare& message) {
  if (ended || message.epoch < configuration.epoch) return answer_moved(from);
  if (from != message.ballot.node || from == seat.node) return;
  Refused refusal{configuration.epoch, message.ballot, seat.uuid, promise.promised(), {}};
  if (message.epoch > configuration.epoch) return out.send(from, refusal);  // the candidate will install us
  if (!may_lead(from) || !is_voter()) return;
  if (message.released.round != 0 && message.released == promise.promised()) {
    promise.release(message.released);
    heard_at = Instant::long_ago();
  }
  note_lead(now);
  refusal.wait = promise.wait(now, message.ballot);
  if (message.ballot < promise.promised() || refusal.wait.ns > 0) return out.send(from, refusal);
  if (message.ballot > promise.promised()) {
    if (leading() != nullptr || standing() != nullptr) step_down(now);
    promise.promise(now, message.ballot);
    vow_record(PromiseRecord{message.ballot});
  }
  auto answer = promised_for(now, message);
  const bool large = answer.snapshot || !answer.entries.empty();
  out.send_when_durable(from, std::move(answer), large);
}

void ShardLog::State::on(Instant now, const NodeId& from, const ReleaseBallot& message) {
  if (from != message.ballot.node || message.epoch != configuration.epoch || ended) return;
  promise.release(message.ballot);
  if (leader_ballot == message.ballot) {
    heard_at = Instant::long_ago();
    not_before = std::max(not_before, now + interval());  // whom it was released for goes first
  }
}

void ShardLog::State::on(Instant now, const NodeId& from, const StandNow& message) {
  if (from != message.ballot.node || message.epoch != configuration.epoch || !may_lead()) return;
  if (message.ballot != promise.promised() || leading() != nullptr) return;
  promise.release(message.ballot);
  heard_at = Instant::long_ago();
  if (standing() == nullptr || !standing()->preparing) prepare(now, message.ballot);
}

}  // namespace vswim::shard_log
