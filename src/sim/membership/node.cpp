#include "sim/membership/node.hpp"

#include <algorithm>

namespace vswim::sim::membership {

namespace {
constexpr Duration gossip_interval = milliseconds(200);
constexpr std::size_t gossip_fanout = 3;
constexpr std::size_t news_sources_wanted = 2;
constexpr std::uint16_t bus_port = 17'000;
}  // namespace

Address address_of(std::uint32_t node) {
  return Address::v4(10, static_cast<std::uint8_t>(node >> 16), static_cast<std::uint8_t>(node >> 8),
                     static_cast<std::uint8_t>(node), bus_port);
}
std::uint32_t node_at(const Address& address) {
  const auto& ip = address.ip;
  return std::uint32_t{ip[13]} << 16 | std::uint32_t{ip[14]} << 8 | ip[15];
}

Node::Node(std::uint32_t number, const ClusterId& cluster, const swim::Settings& settings,
           const swim::MemberUpdate& self, Instant now, Rng rng)
    : number_(number),
      cluster_(cluster),
      rng_(rng),
      swim_(settings, self, now, Rng(rng_.next())),
      gossip_(gossip::Settings{}, self.id, now, Rng(rng_.next())) {}

// ---- in

void Node::on_bytes(Instant now, const Address& from, std::string_view bytes) {
  auto decoded = wire::decode(bytes);
  if (decoded.error != wire::DecodeError::none || decoded.packet.header.cluster != cluster_) return;
  on_packet(now, from, decoded.packet);
}

void Node::on_packet(Instant now, const Address& from, wire::Packet& packet) {
  const auto& sender = packet.header.sender;
  if (packet.swim) swim_.step(now, sender, from, packet.swim->message, packet.swim->updates);
  if (!swim_.find(sender)) return;
  if (!packet.swim) swim_.heard(now, sender, from);
  on_gossip(now, packet);
  for (const auto& part : packet.small_log) on_seat_message(now, sender, part.shard, part.message);
  for (const auto& part : packet.shard_log) on_shard_log(now, sender, part);
  if (packet.control) on_control(now, from, packet);
  const bool asked = std::find(news_sources_.begin(), news_sources_.end(), sender) != news_sources_.end();
  if (wants_news_ && !asked) {
    news_sources_.push_back(sender);
    wants_news_ = news_sources_.size() < news_sources_wanted;
    send_control(from, provider::repair_request(holding(), false));
  }
}

void Node::on_gossip(Instant now, const wire::Packet& packet) {
  if (!packet.global_gossip) return;
  for (const auto& batch : packet.global_gossip->batches) gossip_.apply(now, batch);
  gossip_.on_root(now, packet.header.sender, provider::metadata_root(packet.global_gossip->root, swim_));
}

void Node::on_control(Instant now, const Address& peer, const wire::Packet& packet) {
  if (const auto* request = std::get_if<wire::SnapshotRequest>(&*packet.control)) {
    if (!snapshot_budget_.take(now)) return;
    send_control(peer, provider::repair_answer(holding(), *request));
  } else if (const auto* answer = std::get_if<wire::SnapshotAnswer>(&*packet.control)) {
    on_repaired(peer, provider::apply_repair(now, holding(), *answer));
  } else if (const auto* part = std::get_if<wire::RepairPart>(&*packet.control)) {
    on_repaired(peer, provider::apply_repair(now, holding(), *part));
  }
}

void Node::on_repaired(const Address& peer, provider::Repaired&& repaired) {
  if (repaired.back) send_control(peer, *std::move(repaired.back));
  if (!repaired.brought_many) return;
  wants_news_ = true;
  news_sources_.clear();
}

void Node::on_timer(Instant now) {
  if (swim_.next_deadline() <= now) swim_.on_timer(now);
  if (gossip_.next_deadline() <= now) gossip_.on_timer(now);
  for (auto& [shard, seat] : seats_) {
    if (seat.next_deadline() <= now) seat.on_timer(now);
  }
  if (next_pulse_ <= now) pulse(now);
}

Instant Node::next_deadline() const {
  Instant deadline = std::min({swim_.next_deadline(), gossip_.next_deadline(), next_gossip_, next_pulse_});
  for (const auto& [shard, seat] : seats_) deadline = std::min(deadline, seat.next_deadline());
  return deadline;
}

void Node::knows(Instant now, const std::vector<swim::MemberUpdate>& members) {
  swim_.merge(now, members, true);
}

void Node::write_register(Instant now, const std::string& key, const std::string& value) {
  gossip_.write(now, {contract::Write{key, value, std::nullopt}});
}

// ---- out

wire::Packet Node::blank_packet(const Address& to) const {
  wire::Packet packet;
  packet.header.cluster = cluster_;
  packet.header.sender = swim_.self().id;
  packet.header.life = swim_.self().life;
  packet.header.advertised = swim_.self().address;
  packet.header.observed = to;
  return packet;
}

void Node::transmit(const Address& to, const wire::Packet& packet, bool stream) {
  Parcel parcel{number_, node_at(to), stream, wire::encode(packet)};
  parcel.stream = stream || parcel.bytes.size() > datagram_bytes_max;
  out_.parcels.push_back(std::move(parcel));
}

void Node::send_control(const Address& to, wire::Control control) {
  auto packet = blank_packet(to);
  packet.control = std::move(control);
  transmit(to, packet, true);
}

void Node::send_swim(const swim::Datagram& datagram) {
  transmit(
      datagram.address,
      provider::swim_packet(blank_packet(datagram.address), datagram, gossip_, swim_, datagram_bytes_max),
      false);
}

void Node::gossip_round(Instant now) {
  const bool news = gossip_.has_rumours();
  next_gossip_ = news ? now + gossip_interval : Instant::never();
  if (!news) return;
  for (const auto& node : swim_.sample(gossip_fanout, rng_)) {
    const auto view = swim_.find(node);
    if (view) send_swim({node, view->record.address, swim::Rumours{}, {}});
  }
}

void Node::drain_swim() {
  auto output = swim_.take_output();
  for (const auto& datagram : output.datagrams) send_swim(datagram);
  for (const auto& event : output.events) {
    if (const auto* changed = std::get_if<swim::MemberChanged>(&event)) out_.changed.push_back(changed->id);
  }
}

void Node::repair_with(const NodeId& node) {
  const auto view = swim_.find(node);
  if (view) send_control(view->record.address, provider::repair_request(holding(), true));
}

void Node::drain_gossip(Instant now) {
  auto output = gossip_.take_output();
  if (!output.changed.empty()) {
    out_.heard_register = true;
    next_gossip_ = std::min(next_gossip_, now);
  }
  for (const auto& node : output.repair_with) repair_with(node);
  if (gossip_.take_large_news()) {
    for (const auto& node : swim_.sample(gossip_fanout, rng_)) repair_with(node);
  }
  if (next_gossip_ <= now) gossip_round(now);
}

Node::Output Node::take_output(Instant now) {
  drain_seats(now);
  drain_swim();
  drain_gossip(now);
  return std::exchange(out_, {});
}

}  // namespace vswim::sim::membership
