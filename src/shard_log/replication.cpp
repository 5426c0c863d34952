// The leader's half of the log: entries and heartbeats out, acknowledgements in, commit by a majority of
// durable copies, and the deadline D that the acknowledgements give (rule L2).
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::uint32_t in_flight_max =
    4;  // messages with entries to one peer before it answers: batches form
constexpr std::size_t datagram_entry_bytes = 900;  // entries above this go by stream
constexpr std::size_t commit_times_max = 4'096;
constexpr std::int64_t deaf_leases_max = 2, deaf_leases_at_first_max = 16;  // in T

std::size_t entry_bytes(const std::vector<Entry>& entries) {
  std::size_t bytes = 0;
  for (const auto& entry : entries)
    bytes += bytes_of(entry.batch) + (entry.seal ? entry.seal->voters.size() * 40 : 0);
  return bytes;
}
}  // namespace

// Rule L2 (and S1, S2): long ago while there is none.
Instant ShardLog::State::deadline(Instant now) const {
  const auto* office = leading();
  if (office == nullptr || office->finishing) return Instant::long_ago();
  if (office->frozen) return *office->frozen;
  std::vector<Instant> reached;
  for (const auto& voter : configuration.voters) {
    if (!counts(voter)) continue;
    const auto peer = office->peers.find(voter.node);
    if (voter.node == seat.node) {
      if (is_voter()) reached.push_back(now);
    } else if (peer != office->peers.end()) {
      reached.push_back(peer->second.supported);
    }
  }
  const auto q = VSWIM_RULE(l2) ? quorum_of(configuration) : std::size_t{1};
  const auto when = reached_by(reached, q);
  return when && *when > Instant::long_ago() ? terms.leader_deadline(*when) : Instant::long_ago();
}

Append ShardLog::State::blank_append(Instant now, const Leader& office) const {
  Append append;
  append.epoch = configuration.epoch;
  append.ballot = office.ballot;
  append.sent = now;
  append.ttl = settings.lease_ttl;
  append.committed = registers.revision();
  append.settled = settled;
  return append;
}

void ShardLog::State::note_told(Instant now, Peer& peer) const {
  peer.told_at = now;
  peer.told_committed = registers.revision();
  peer.told_settled = settled;
}

// So that somebody else can be elected.
void ShardLog::State::step_aside(Instant now) {
  step_down(now);
  not_before = std::max(not_before, now + settings.lease_ttl * 2);
}

void ShardLog::State::heartbeat(Instant now) {
  auto& office = *leading();
  office.heartbeat_at = now + interval();
  // A Seal that cannot be committed anew: a part of the voters has gone on to e+1, and those who support this
  // leader are missing there.
  if (office.finishing && !office.install && now - office.since > settings.lease_ttl * 2) {
    return step_aside(now);
  }
  // A leader that is heard and hears nobody: its voters go on supporting it, and nobody else can be elected.
  // Who was never answered in this ballot waits longer: its voters' disks may be slow.
  const auto supported_until = deadline(now);
  const bool answered = supported_until > office.since;
  const auto patience = settings.lease_ttl * (answered ? deaf_leases_max : deaf_leases_at_first_max);
  if (!office.install && now - std::max(supported_until, office.since) > patience) {
    return step_aside(now);
  }
  if (office.install) {
    if (!VSWIM_RULE(s2)) {  // switched off: the leader goes on as if the old epoch were not over for it
      auto append = blank_append(now, office);
      append.epoch = Epoch{configuration.epoch.value - 1};
      for (const auto& [node, peer] : office.peers) out.send(node, append);
    }
    return send_installs(now);
  }
  for (auto& [node, peer] : office.peers) {
    const bool heard = peer.heard >= peer.told_at;
    if (heard && now < peer.told_at + idle_pace() - interval() / 2) continue;
    out.send(node, blank_append(now, office));
    note_told(now, peer);
  }
  serve_own_core(now);
  report_peers(now);
  follow_primary(now);
  tick_changes(now);
}

void ShardLog::State::flush(Instant now) {
  auto* office = leading();
  if (office == nullptr || office->install) return;
  for (auto& [node, peer] : office->peers) flush_peer(now, *office, peer);
}

void ShardLog::State::flush_peer(Instant now, Leader& office, Peer& peer) {
  if (peer.epoch < configuration.epoch) {
    if (now >= peer.retry_at) {
      peer.retry_at = now + interval();
      install_peer(now, peer.voter.node, office.ballot);
    }
    return;
  }
  if (peer.matched == 0) {
    if (peer.committed && now >= peer.retry_at) send_whole(now, office, peer);
    return;
  }
  if (peer.matched < peer.sent &&
      now >= peer.retry_at) {  // nothing heard for a while: from the known place again
    peer.sent = peer.matched;
    peer.in_flight = 0;
  }
  while (peer.sent < log.last() && peer.in_flight < in_flight_max) {
    if (peer.sent < log.base()) return send_whole(now, office, peer);
    send_entries(now, office, peer);
  }
  if (peer.told_committed < registers.revision() || peer.told_settled < settled) {
    out.send(peer.voter.node, blank_append(now, office));
    note_told(now, peer);
  }
}

void ShardLog::State::send_entries(Instant now, Leader& office, Peer& peer) {
  auto append = blank_append(now, office);
  append.base = peer.sent;
  append.base_chain = *log.chain_at(peer.sent);
  append.entries = log.after(peer.sent, settings.entries_per_message_max, settings.batch_bytes_max);
  peer.sent = append.entries.back().revision;
  ++peer.in_flight;
  peer.retry_at = now + interval();
  note_told(now, peer);
  const bool large = entry_bytes(append.entries) > datagram_entry_bytes;
  out.send(peer.voter.node, std::move(append), large);
}

// The first write under this ballot at a peer: all of it in one message, one record, through the no-op.
void ShardLog::State::send_whole(Instant now, Leader& office, Peer& peer) {
  auto append = blank_append(now, office);
  append.whole = true;
  const auto base = peer.committed.value_or(0);
  if (base >= log.base() && base <= log.last()) {
    append.base = base;
    append.base_chain = *log.chain_at(base);
    append.entries = log.after(base, ~std::size_t{0}, ~std::size_t{0});
  } else {
    append.base = log.snapshot().revision;
    append.snapshot = log.snapshot();
    append.entries = log.tail();
  }
  peer.sent = log.last();
  peer.retry_at = now + interval();
  note_told(now, peer);
  const bool large = append.snapshot || entry_bytes(append.entries) > datagram_entry_bytes;
  out.send(peer.voter.node, std::move(append), large);
}

void ShardLog::State::on(Instant now, const NodeId& from, const Appended& message) {
  auto* office = leading();
  if (office == nullptr || message.ballot != office->ballot) return;
  const auto found = office->peers.find(from);
  if (found == office->peers.end() || found->second.voter.uuid != message.voter) return;
  auto& peer = found->second;
  if (!VSWIM_RULE(s2) && office->frozen && message.supports)
    office->frozen = std::max(*office->frozen, terms.leader_deadline(message.sent));
  if (message.epoch > configuration.epoch || office->install) return;
  peer.heard = now;
  if (office->predecessor == from) office->predecessor.reset();
  peer.epoch = message.epoch;
  if (message.epoch < configuration.epoch) return;
  if (message.supports && message.sent <= now && message.sent >= office->since) {
    peer.supported = std::max(peer.supported, message.sent);
  }
  if (!peer.committed) peer.retry_at = now;
  peer.committed =
      std::min(message.committed, log.last());  // it may know more of it than we do (invariant I5)
  if (message.matched > peer.matched && message.matched <= log.last()) {
    peer.matched = message.matched;
    peer.sent = std::max(peer.sent, peer.matched);
    peer.in_flight = peer.in_flight > 0 ? peer.in_flight - 1 : 0;
    if (peer.matched >= peer.sent) peer.in_flight = 0;
    peer.retry_at = now + interval();
  }
  advance(now);
}

void ShardLog::State::append_entry(Leader& office, Entry entry) {
  entry.ballot = office.ballot;
  if (!entry.proposer.is_nil()) office.logged[entry.proposer] = {entry.proposer_start, entry.sequence};
  const auto base = log.last();
  const auto& placed = log.append(std::move(entry));
  log_record(AcceptRecord{office.ballot, base, std::nullopt, {placed}});
}

void ShardLog::State::advance(Instant now) {
  auto* office = leading();
  if (office == nullptr) return;
  if (office->install) return try_start(now);
  std::vector<Revision> reached;
  for (const auto& voter : configuration.voters) {
    if (!counts(voter)) continue;
    const auto peer = office->peers.find(voter.node);
    if (voter.node == seat.node) {
      if (is_voter()) reached.push_back(log.durable(office->ballot));
    } else if (peer != office->peers.end()) {
      reached.push_back(peer->second.matched);
    }
  }
  const auto everywhere = reached_by(reached, quorum_of(configuration)).value_or(0);
  if (everywhere > registers.revision()) advance_commit(now, everywhere);
  const bool begun = !VSWIM_RULE(no_op) || (office->noop != 0 && registers.revision() >= office->noop);
  if (!office->active && !office->finishing && begun) activate(now);
  const bool sealed = log.seal_of(configuration.epoch) != nullptr;
  if (sealed && ((everywhere >= log.last() && everywhere > 0) || !VSWIM_RULE(seal_order)))
    return begin_install(now);
  settle(now);
}

void ShardLog::State::advance_commit(Instant now, Revision upto) {
  auto* office = leading();
  while (registers.revision() < std::min(upto, log.last())) {
    const auto* found = log.at(registers.revision() + 1);
    if (found == nullptr) return;
    const auto applied = registers.apply(*found);
    if (office != nullptr && office->commit_times.size() < commit_times_max) {
      office->commit_times.emplace_back(found->revision, now);
    }
    notify_entry(*found, applied);
    if (found->proposer == seat.node && found->proposer_start == seat.start) {
      resolve({found->sequence, applied.matched, found->revision});
    }
  }
}

void ShardLog::State::activate(Instant now) {
  auto& office = *leading();
  office.active = true;
  committed_known = true;
  office.commit_times.clear();
  told_configuration();
  notify(now);
  answer_changes(now);
  send_proposals(now, 0);
}

// ---- proposals at the leader ----

void ShardLog::State::take_proposals(Instant now, const NodeId& proposer, StartNonce start,
                                     ProposalSequence after, const std::vector<Proposal>& proposals) {
  auto& office = *leading();
  if (!office.active || office.install || office.transfer || log.seal_of(configuration.epoch) != nullptr)
    return;
  auto& logged = office.logged[proposer];
  if (start < logged.start) return;  // a former life
  if (start > logged.start) logged = {start, {}};
  if (logged.sequence < after) return;
  for (const auto& proposal : proposals) {
    if (proposal.sequence <= logged.sequence) continue;
    const bool full = log.last() - registers.revision() >= settings.tail_entries_max;
    if (full || bytes_of(proposal.batch) > settings.batch_bytes_max) break;
    Entry entry;
    entry.proposer = proposer;
    entry.proposer_start = start;
    entry.sequence = proposal.sequence;
    entry.batch = proposal.batch;
    append_entry(office, std::move(entry));
  }
  advance(now);
}

void ShardLog::State::on(Instant now, const NodeId& from, const Propose& message) {
  const auto* voter = find_voter(configuration, from);
  if (voter == nullptr && !vacant()) return answer_moved(from);
  if (leading() == nullptr || voter == nullptr || voter->role == Role::witness) return;
  take_proposals(now, from, message.start, message.after, message.proposals);
}

}  // namespace vswim::shard_log
