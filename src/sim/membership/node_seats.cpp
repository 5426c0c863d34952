// A node's seats in shard logs, as provider/seats.cpp has them, with a Core that shows every revision at once
// and never stalls.
#include "base/overloaded.hpp"
#include "provider/seat_letters.hpp"
#include "sim/membership/node.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim::membership {

namespace {
constexpr Duration pulse_interval = milliseconds(500);
const shard_log::Settings seat_settings;
}  // namespace

shard_log::Seat Node::seat_of(const ShardId& shard, const VoterUuid& uuid, bool has_core) const {
  const auto& self = swim_.self();
  return {self.id, shard, uuid, StartNonce{self.life.generation.value}, has_core};
}

void Node::found_shard(Instant now, const ShardId& shard) {
  seats_.emplace(
      shard, shard_log::ShardLog::bootstrap(seat_settings, seat_of(shard, rng_.id<VoterUuid>(), true), now,
                                            Rng(rng_.next())));
  next_pulse_ = now;
}

VoterUuid Node::await_invitation(Instant now, const ShardId& shard) {
  const auto uuid = rng_.id<VoterUuid>();
  const bool own = shard == swim_.self().shard;
  seats_.emplace(
      shard, shard_log::ShardLog::vacant(seat_settings, seat_of(shard, uuid, own), now, Rng(rng_.next())));
  next_pulse_ = now;
  return uuid;
}

void Node::invite(Instant now, const ShardId& shard, const NodeId& replica, const VoterUuid& uuid,
                  const NodeId& witness) {
  auto& seat = seats_.at(shard);
  seat.set_witness_candidates(now, {witness});
  seat.request_member(now, Ticket{1}, true, replica, uuid);
}

void Node::on_persisted(Instant now) {
  if (disk_.empty()) return;  // written by an earlier life
  const Write write = disk_.front();
  disk_.pop_front();
  const auto seat = seats_.find(write.shard);
  if (seat != seats_.end()) seat->second.on_persisted(now, write.upto);
}

bool Node::shard_is_whole() const {
  const auto seat = seats_.find(swim_.self().shard);
  if (seat == seats_.end()) return false;
  const auto status = seat->second.status();
  return !status.leading || (status.configuration.voters.size() == 3 && status.settled == status.committed);
}

void Node::pulse(Instant now) {
  next_pulse_ = now + pulse_interval;
  for (auto& [shard, seat] : seats_) seat.pulse(now);
}

void Node::on_shard_log(Instant now, const NodeId& sender, const wire::ShardLogPart& part) {
  if (const auto message = wire::decode_message(part.payload))
    on_seat_message(now, sender, part.shard, *message);
}

void Node::on_seat_message(Instant now, const NodeId& sender, const ShardId& shard,
                           const shard_log::Message& message) {
  if (!seats_.contains(shard)) {
    if (!shard_log::opens_seat(message)) return;
    await_invitation(now, shard);
  }
  seats_.at(shard).step(now, sender, message);
}

void Node::drain_seats(Instant now) {
  for (auto& [shard, seat] : seats_) drain_seat(now, shard, seat);
}

void Node::drain_seat(Instant now, const ShardId& shard, shard_log::ShardLog& seat) {
  for (bool quiet = false; !quiet;) {
    const auto output = seat.take_output();
    quiet = true;
    if (!output.records.empty()) {
      disk_.push_back({shard, output.persist_upto});
      ++out_.writes;
    }
    send_seat(shard, output.sends);
    for (const auto& event : output.events) {
      on_seat_event(now, shard, event);
      quiet = false;
    }
  }
}

void Node::send_seat(const ShardId& shard, const std::vector<shard_log::Send>& sends) {
  for (auto& letter : provider::seat_letters(swim_.self().id, shard, sends, datagram_bytes_max)) {
    const auto view = swim_.find(letter.to);
    if (!view || letter.to == swim_.self().id) continue;
    auto packet = blank_packet(view->record.address);
    const bool gossips = !letter.grants_only();
    packet.small_log = std::move(letter.small);
    packet.shard_log = std::move(letter.whole);
    if (gossips && shard == swim_.self().shard && view->record.shard == shard) {
      packet.gossip_shard = shard;
      packet.shard_gossip = wire::GossipPart{};  // an empty namespace: its root travels all the same
    }
    transmit(view->record.address, packet, letter.large);
  }
}

void Node::on_seat_event(Instant now, const ShardId& shard, const shard_log::Event& event) {
  const auto own = seats_.find(swim_.self().shard);
  if (shard != swim_.self().shard || own == seats_.end()) return;
  if (const auto* updated = std::get_if<shard_log::Updated>(&event)) {
    own->second.shown(now, updated->revision);
  } else if (const auto* peer = std::get_if<shard_log::PeerLease>(&event)) {
    // Shard evidence, as Provider::State::accuse spreads it.
    const auto view = swim_.find(peer->node);
    const bool silent = view && view->heard_at + seat_settings.lease_ttl / 2 <= now;
    const bool is_up =
        view && (view->record.status == swim::Status::alive || view->record.status == swim::Status::suspect);
    if (peer->ended && own->second.leads() && silent && is_up)
      swim_.confirm_dead(now, peer->node, view->record.life);
  }
}

}  // namespace vswim::sim::membership
