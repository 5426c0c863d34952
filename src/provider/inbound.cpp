// A verified packet to the machines. Everything is decoded before anything is applied; what is refused is
// counted.
#include <algorithm>

#include "provider/state.hpp"
#include "provider/swim_packet.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::provider {

namespace {
// Joining is between clusters; everything else stays within one.
bool crosses_clusters(const wire::Packet& packet) {
  return packet.control && (std::holds_alternative<wire::JoinRequest>(*packet.control) ||
                            std::holds_alternative<wire::JoinAnswer>(*packet.control) ||
                            std::holds_alternative<wire::JoinResult>(*packet.control));
}
bool is_loopback(const Address& address) {
  return address.is_v4() ? address.ip[12] == 127 : address == *Address::parse("::1", address.port);
}
}  // namespace

void Provider::State::on_bytes(Instant now, const Address& from, std::string_view bytes,
                               Transport transport) {
  ++counters.packets_in;
  counters.bytes_in += bytes.size();
  constexpr std::size_t datagram_bytes_limit = 64 * 1024;
  if (transport == Transport::datagram && bytes.size() > datagram_bytes_limit) {
    ++counters.oversize;
    return;
  }
  auto decoded = wire::decode(bytes);
  switch (decoded.error) {
    case wire::DecodeError::checksum: ++counters.bad_checksum; return;
    case wire::DecodeError::version: ++counters.bad_version; return;
    case wire::DecodeError::format: ++counters.bad_format; return;
    case wire::DecodeError::none: break;
  }
  if (decoded.packet.header.sender == record.node) return;  // our own packet, reflected
  if (decoded.packet.header.cluster != record.cluster && !crosses_clusters(decoded.packet)) {
    ++counters.wrong_cluster;
    return;
  }
  counters.newest_minor = std::max(counters.newest_minor, decoded.minor);
  on_packet(now, from, decoded.packet);
}

void Provider::State::on_packet(Instant now, const Address& from, wire::Packet& packet) {
  const auto& sender = packet.header.sender;
  Address peer = packet.header.advertised;
  if (!peer.has_ip()) peer.ip = from.ip;
  if (packet.control && crosses_clusters(packet)) {
    on_control(now, peer, packet);
    return;
  }
  if (swim->is_forgotten(sender, packet.header.life.join)) {
    // It has not heard yet: tell it, and nothing else but who says so (it may have lost its members).
    auto reply = blank_packet(peer);
    swim::MemberUpdate tombstone;
    tombstone.id = sender;
    tombstone.life = packet.header.life;
    tombstone.status = swim::Status::forgotten;
    reply.swim = wire::SwimPart{swim::Rumours{}, {swim->self(), tombstone}};
    transmit(peer, std::move(reply));
    return;
  }
  learn_own_address(now, packet.header.observed);
  if (packet.swim) {
    for (auto& update : packet.swim->updates) {
      if (update.id == sender && !update.address.has_ip()) update.address = peer;
    }
    std::erase_if(packet.swim->updates, [](const auto& update) {
      return !update.address.has_ip() && update.status == swim::Status::alive;
    });
    swim->step(now, sender, peer, packet.swim->message, packet.swim->updates);
  }
  const auto known = swim->find(sender);
  if (!known) {
    ++counters.unknown_sender;
    return;
  }
  if (!packet.swim) swim->heard(now, sender, peer);
  if (packet.header.life > known->record.life) swim->compare(now, sender, packet.header.life, peer);
  on_gossip(now, packet);
  for (const auto& part : packet.small_log) on_seat_message(now, sender, part.shard, part.message);
  for (const auto& part : packet.shard_log) on_shard_log(now, sender, part);
  if (packet.control) on_control(now, peer, packet);
  if (wants_news) ask_for_news(sender, peer);
}

// A node that returns knows the metadata of its last life. Roots would show that after some probe periods;
// until then it would redirect to the dead and number its promotion too low. Two members, in case one has
// just returned itself.
void Provider::State::ask_for_news(const NodeId& sender, const Address& peer) {
  constexpr std::size_t sources_wanted = 2;
  if (std::find(news_sources.begin(), news_sources.end(), sender) != news_sources.end()) return;
  news_sources.push_back(sender);
  if (news_sources.size() == sources_wanted) wants_news = false;
  send_control(peer, repair_request(holding(contract::Scope::global), false));
}

void Provider::State::on_gossip(Instant now, wire::Packet& packet) {
  const auto& sender = packet.header.sender;
  if (packet.global_gossip) {
    for (const auto& batch : packet.global_gossip->batches) global->apply(now, batch);
    global->on_root(now, sender, metadata_root(packet.global_gossip->root, *swim));
  }
  if (packet.shard_gossip && packet.gossip_shard == record.membership.shard) {
    for (const auto& batch : packet.shard_gossip->batches) shard_gossip->apply(now, batch);
    shard_gossip->on_root(now, sender, packet.shard_gossip->root);
  }
}

void Provider::State::on_shard_log(Instant now, const NodeId& sender, const wire::ShardLogPart& part) {
  const auto message = wire::decode_message(part.payload);
  if (!message) {
    ++counters.bad_format;
    return;
  }
  on_seat_message(now, sender, part.shard, *message);
}

void Provider::State::on_seat_message(Instant now, const NodeId& sender, const ShardId& shard,
                                      const shard_log::Message& message) {
  // A shard that we have left asks us to be its witness: a new seat with a new uuid (rule I14), not the ended
  // one.
  if (ended_seats.contains(shard) && shard != record.membership.shard && shard_log::opens_seat(message)) {
    ended_seats.erase(shard);
    drop_seat(shard);
  }
  if (!seats.contains(shard)) {
    if (!shard_log::opens_seat(message) || leaving) return;
    open_vacant_seat(now, shard, rng.id<VoterUuid>());
  }
  if (is_outdated(shard, message)) return;
  if (is_unwanted(shard, message)) {
    vacant_seats.erase(shard);
    return drop_seat(shard);
  }
  if (shard_log::opens_seat(message) && vacant_seats.contains(shard)) await_install(now, shard);
  seats.at(shard).step(now, sender, message);
}

Holding Provider::State::holding(contract::Scope scope) {
  if (scope == contract::Scope::global) return {scope, {}, *global, &*swim};
  return {scope, record.membership.shard, *shard_gossip, nullptr};
}

void Provider::State::on_repair_request(Instant now, const Address& peer,
                                        const wire::SnapshotRequest& request) {
  const auto ours = holding(request.scope);
  if (ours.shard != request.shard) return;
  if (ours.members != nullptr && !snapshot_budget.take(now)) return;
  send_control(peer, repair_answer(ours, request));
}

template <class Answer>
void Provider::State::on_repair(Instant now, const Address& peer, const Answer& answer) {
  const auto ours = holding(answer.scope);
  if (ours.shard != answer.shard) return;
  auto repaired = apply_repair(now, ours, answer);
  if (repaired.back) send_control(peer, *std::move(repaired.back));
  if (!repaired.brought_many) return;
  wants_news = true;
  news_sources.clear();
}

void Provider::State::on_control(Instant now, const Address& peer, const wire::Packet& packet) {
  std::visit(Overloaded{
                 [&](const wire::JoinRequest& request) { on_join_request(now, peer, packet, request); },
                 [&](const wire::JoinAnswer& answer) { on_join_answer(now, packet, answer); },
                 [&](const wire::JoinResult& result) { on_join_result(now, result); },
                 [&](const wire::SnapshotRequest& request) { on_repair_request(now, peer, request); },
                 [&](const wire::SnapshotAnswer& answer) { on_repair(now, peer, answer); },
                 [&](const wire::RepairPart& part) { on_repair(now, peer, part); },
                 [&](const wire::ShardRequest& request) { on_shard_request(now, peer, request); },
                 [&](const wire::ShardAnswer& answer) { on_shard_answer(now, answer); },
                 [&](const wire::LeaseEvidence& evidence) {
                   on_lease_evidence(now, packet.header.sender, evidence);
                 },
                 [&](const wire::CoreBytes& message) {
                   emit(contract::ReceivedFromCore{packet.header.sender, message.bytes});
                 },
             },
             *packet.control);
}

// Nobody configured our address: believe what a peer reached us under, and prefer what other machines can
// reach.
void Provider::State::learn_own_address(Instant now, const Address& observed) {
  if (settings.advertised.has_ip() || !observed.has_ip()) return;
  if (self_address.has_ip() && !(is_loopback(self_address) && !is_loopback(observed))) return;
  self_address.ip = observed.ip;
  swim->set_self(now, self_address, record.membership.shard, {record.membership.number});
  view_dirty = true;
}

}  // namespace vswim::provider
