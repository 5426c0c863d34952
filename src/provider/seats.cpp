// This node's seats in shard logs: its own shard's, and as a witness (or a mover's old seat) in others.
#include <algorithm>

#include "provider/state.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::provider {

namespace {
constexpr Duration ended_seat_answers = seconds(60);  // how long a removed voter still says "moved"
constexpr Duration vacant_seat_waits = seconds(120);  // for the Install of a seat that was offered
constexpr Duration vacant_seat_asks = seconds(10);
constexpr std::size_t drain_rounds_max = 64;  // a seat that talks to itself longer than this is broken
}  // namespace

shard_log::ShardLog* Provider::State::own_seat() {
  const auto seat = seats.find(record.membership.shard);
  return seat == seats.end() ? nullptr : &seat->second;
}
const shard_log::ShardLog* Provider::State::own_seat() const {
  const auto seat = seats.find(record.membership.shard);
  return seat == seats.end() ? nullptr : &seat->second;
}

shard_log::Seat Provider::State::seat_identity(const ShardId& shard, const VoterUuid& uuid,
                                               bool has_core) const {
  return {record.node, shard, uuid, StartNonce{record.generation.value}, has_core};
}

void Provider::State::open_vacant_seat(Instant now, const ShardId& shard, const VoterUuid& uuid) {
  append(wire::SeatOpenedRecord{shard, uuid});
  ended_seats.erase(shard);
  await_install(now, shard);
  seats.emplace(shard, shard_log::ShardLog::vacant(settings.shard_log, seat_identity(shard, uuid, false), now,
                                                   fork_rng()));
}

// A fresh shard of this node's own; the caller has dropped or keeps its other seats.
void Provider::State::bootstrap_own_shard(Instant now, const ShardId& shard) {
  const auto uuid = rng.id<VoterUuid>();
  append(wire::SeatOpenedRecord{shard, uuid});
  seats.erase(shard);
  seats.emplace(shard, shard_log::ShardLog::bootstrap(settings.shard_log, seat_identity(shard, uuid, true),
                                                      now, fork_rng()));
  drain_seat(now, shard);
  record.membership = {record.membership.number + 1, shard, {1}};
  record.move = {};
  save_node_record();
  enter_shard(now, shard);
}

void Provider::State::enter_shard(Instant now, const ShardId& shard) {
  ++namespace_number;
  for (const auto& [sequence, ticket] :
       proposals) {  // every ticket is answered, and their log goes on without us
    complete(ticket, contract::Outcome::unknown, "this node moved to another shard meanwhile");
  }
  proposals.clear();
  peer_leases.clear();
  shard_gossip->clear(now);
  swim->set_self(now, self_address, shard, {record.membership.number});
  emit(contract::Reset{contract::Namespace::shard, namespace_number, record.node, shard});
  seats.at(shard).set_has_core(now, true);
  view_dirty = true;
}

void Provider::State::drop_seat(ShardId shard) {
  if (seats.erase(shard) != 0) append(wire::SeatDroppedRecord{shard});
}

// From when the seat was last asked for.
void Provider::State::await_install(Instant now, const ShardId& shard) {
  vacant_seats[shard] = {now + vacant_seat_waits, false};
}

// Seats that ended, and seats that were offered and never installed, do not stay for ever.
void Provider::State::tick_seats(Instant now) {
  for (auto entry = ended_seats.begin(); entry != ended_seats.end();) {
    if (now < entry->second) {
      ++entry;
      continue;
    }
    drop_seat(entry->first);
    entry = ended_seats.erase(entry);
  }
  tick_vacant_seats(now);
}

// A Seal may name this seat although its Install never came: without it the new epoch may lack a majority for
// ever. So it goes only when the shard's leader says that it is not wanted, or when nobody of the shard is
// left.
void Provider::State::tick_vacant_seats(Instant now) {
  for (auto entry = vacant_seats.begin(); entry != vacant_seats.end();) {
    const auto shard = entry->first;
    const auto seat = seats.find(shard);
    const bool installed = seat == seats.end() || !seat->second.configuration().voters.empty();
    const bool needed = record.move.active && record.move.target == shard;
    if (!installed && (now < entry->second.asks_at || needed)) {
      ++entry;
      continue;
    }
    const auto members = swim->in_shard(shard);
    if (installed || members.empty()) {
      if (!installed) drop_seat(shard);
      entry = vacant_seats.erase(entry);
      continue;
    }
    for (const auto& member : members)
      send_seat(shard, {{member, shard_log::SeatOffer{seat->second.seat().uuid}}});
    entry->second = {now + vacant_seat_asks, true};
    ++entry;
  }
}

bool Provider::State::is_unwanted(const ShardId& shard, const shard_log::Message& message) const {
  const auto vacant = vacant_seats.find(shard);
  const auto* moved = std::get_if<shard_log::Moved>(&message);
  if (vacant == vacant_seats.end() || !vacant->second.doubted || moved == nullptr) return false;
  const auto& uuid = seats.at(shard).seat().uuid;
  return std::ranges::none_of(moved->configuration.voters,
                              [&](const auto& voter) { return voter.uuid == uuid; });
}

// A witness that became a data member keeps its seat. That it had been dropped as a witness in between may be
// told late: this node has the shard's word for a newer epoch.
bool Provider::State::is_outdated(const ShardId& shard, const shard_log::Message& message) const {
  const auto* moved = std::get_if<shard_log::Moved>(&message);
  return moved != nullptr && shard == record.membership.shard &&
         moved->configuration.epoch < record.membership.epoch;
}

void Provider::State::drain_seat(Instant now, const ShardId& shard) {
  for (std::size_t round = 0; round < drain_rounds_max; ++round) {
    const auto seat = seats.find(shard);
    if (seat == seats.end()) return;
    auto output = seat->second.take_output();
    if (output.records.empty() && output.sends.empty() && output.events.empty() && output.notes.empty())
      return;
    append_seat_output(shard, output);
    if (!VSWIM_RULE(fsync) && !output.records.empty()) seat->second.on_persisted(now, output.persist_upto);
    for (auto& n : output.notes) note(n.level, "shard " + shard.hex().substr(0, 8) + ": " + n.text);
    send_seat(shard, output.sends);
    for (const auto& event : output.events) on_seat_event(now, shard, event);
  }
  VSWIM_ASSERT(false, "a seat never comes to rest");
}

void Provider::State::propose(Instant now, const contract::UpdateShardLog& operation) {
  auto* seat = own_seat();
  if (seat == nullptr || move || reset) {
    complete(operation.ticket, contract::Outcome::failed, "this node is between two shards");
    return;
  }
  last_proposal = last_proposal.next();
  proposals.emplace(last_proposal, operation.ticket);
  seat->propose(now, last_proposal, operation.batch);
}

void Provider::State::on_seat_event(Instant now, const ShardId& shard, const shard_log::Event& event) {
  const bool own = shard == record.membership.shard && !move;
  const auto revision = [](shard_log::Revision number) { return contract::Revision{0, number, {}}; };
  std::visit(Overloaded{
                 [&](const shard_log::Updated& updated) {
                   if (own)
                     emit(contract::ShardLogUpdated{namespace_number, revision(updated.revision),
                                                    updated.snapshot, updated.registers});
                 },
                 [&](const shard_log::SettledUpTo& settled) {
                   if (own) emit(contract::Settled{namespace_number, revision(settled.revision)});
                 },
                 [&](const shard_log::LeaseUntil& lease) {
                   if (own) emit(contract::Heartbeat{lease.deadline});
                 },
                 [&](const shard_log::LeaseLost& lost) {
                   if (shard == record.membership.shard) emit(contract::ClusterDown{lost.reason});
                 },
                 [&](const shard_log::ProposalDone& done) {
                   const auto waiting = proposals.find(done.sequence);
                   if (waiting == proposals.end()) return;
                   std::optional<contract::Revision> committed;
                   if (done.outcome == contract::Outcome::ok) committed = revision(done.revision);
                   emit(contract::Completed{waiting->second, done.outcome, done.text, committed});
                   proposals.erase(waiting);
                 },
                 [&](const shard_log::MembershipDone& done) { on_seat_request_done(now, done); },
                 [&](const shard_log::PeerLease& peer) {
                   if (shard == record.membership.shard) on_peer_lease(now, peer.node, peer.ended);
                 },
                 [&](const shard_log::LeaderChanged& changed) {
                   // Evidence is of a ballot: what an earlier leader had proven, a later one may have leased
                   // again.
                   if (changed.leader && shard == record.membership.shard) peer_leases.clear();
                   if (changed.leader) {
                     note(NoteLevel::info, "shard " + shard.hex().substr(0, 8) + ": leader of the log is " +
                                               changed.leader->hex() + " (ballot " +
                                               std::to_string(changed.ballot.round) + ")");
                   }
                   view_dirty = true;
                 },
                 [&](const shard_log::ConfigurationChanged& changed) {
                   note(NoteLevel::info, "shard " + shard.hex().substr(0, 8) + ": configuration epoch " +
                                             std::to_string(changed.configuration.epoch.value) + " with " +
                                             std::to_string(changed.configuration.voters.size()) + " seats");
                   view_dirty = true;
                 },
                 [&](const shard_log::SeatEnded& ended) { on_seat_ended(now, shard, ended.reason); },
                 [&](const shard_log::Released& released) {
                   if (move && released.ticket == move->inner) {
                     advance_move(now);
                   } else {
                     complete(released.ticket, contract::Outcome::ok);
                   }
                 },
             },
             event);
}

// The seat is in no configuration any more. Our own shard has dropped us (FORGET, or our own move): never
// stay without a shard.
void Provider::State::on_seat_ended(Instant now, const ShardId& shard, const std::string& reason) {
  if (move && record.move.active && shard == record.move.target) return renew_target_seat(now);
  ended_seats.emplace(shard, now + ended_seat_answers);
  if (move && shard == move->from) {
    move->left_old = true;
    if (move->step == PendingMove::Step::leave_old) advance_move(now);
    return;
  }
  if (shard != record.membership.shard) return;
  if (reset) {
    if (reset->write == 0) reset->deadline = next_tick = now;  // gracefully left: advance at once
    return;
  }
  note(NoteLevel::notice,
       "this node is no member of its shard any more (" + reason + "): it starts one of its own");
  emit(contract::ClusterDown{"removed from the shard"});
  bootstrap_own_shard(now, rng.id<ShardId>());
}

void Provider::State::ask_seat(Instant now, const ShardId& shard, Ticket inner, bool add, const NodeId& node,
                               const VoterUuid& uuid) {
  const auto seat = seats.find(shard);
  if (seat == seats.end()) {
    on_seat_request_done(now, {inner, contract::Outcome::failed, "no seat in that shard", {}});
    return;
  }
  seat->second.request_member(now, inner, add, node, uuid);
}

void Provider::State::on_seat_request_done(Instant now, const shard_log::MembershipDone& done) {
  if (move && done.request == move->inner && move->step == PendingMove::Step::leave_old) {
    if (done.outcome == contract::Outcome::failed) return undo_move(now, done.text);
    if (done.outcome == contract::Outcome::ok) move->left_old = true;
    advance_move(now);
    return;
  }
  const auto origin = seat_requests.find(done.request);
  if (origin == seat_requests.end()) return;
  const auto asked = origin->second;
  seat_requests.erase(origin);
  if (asked.peer) {
    send_control(*asked.peer, wire::ShardAnswer{asked.request, done.outcome, done.text, done.epoch});
  } else {
    on_shard_answer(now, wire::ShardAnswer{asked.request, done.outcome, done.text, done.epoch});
  }
}

}  // namespace vswim::provider
