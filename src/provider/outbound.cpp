// Machines' messages to packets: SWIM datagrams get gossip in their spare bytes, shard-log messages carry the
// shard's own gossip, whatever is too large for a datagram goes by stream.
#include "provider/seat_letters.hpp"
#include "provider/state.hpp"
#include "provider/swim_packet.hpp"

namespace vswim::provider {

namespace {
constexpr Duration gossip_interval = milliseconds(200);  // design 2: 3 members per 200 ms while there is news
constexpr std::size_t gossip_fanout = 3;
}  // namespace

wire::Packet Provider::State::blank_packet(const Address& to) const {
  wire::Packet packet;
  packet.header.cluster = record.cluster;
  packet.header.sender = record.node;
  packet.header.life = swim->self().life;
  packet.header.advertised = self_address;
  packet.header.observed = to;
  return packet;
}

void Provider::State::transmit(const Address& to, wire::Packet&& packet, bool large) {
  if (durable_write == 0) return;  // our generation is not durable yet: be silent (start.cpp)
  Transmit item;
  item.to = to;
  item.bytes = wire::encode(packet);
  if (large || item.bytes.size() > settings.datagram_bytes_max) item.transport = Transport::stream;
  ++counters.packets_out;
  counters.bytes_out += item.bytes.size();
  out.transmits.push_back(std::move(item));
}

void Provider::State::send_control(const Address& to, wire::Control control, bool may_be_datagram) {
  auto packet = blank_packet(to);
  packet.control = std::move(control);
  transmit(to, std::move(packet), !may_be_datagram);
}

void Provider::State::send_swim(const swim::Datagram& datagram) {
  transmit(datagram.address, swim_packet(blank_packet(datagram.address), datagram, *global, *swim,
                                         settings.datagram_bytes_max));
}

void Provider::State::send_seat(const ShardId& shard, const std::vector<shard_log::Send>& sends) {
  const auto limit = settings.datagram_bytes_max;
  for (auto& letter : seat_letters(record.node, shard, sends, limit)) {
    const auto peer = swim->find(letter.to);
    if (letter.to == record.node || !peer || !peer->record.address.has_ip()) continue;
    auto packet = blank_packet(peer->record.address);
    const bool gossips = shard_gossip->has_rumours() || !letter.grants_only();
    packet.small_log = std::move(letter.small);
    packet.shard_log = std::move(letter.whole);
    if (gossips && shard == record.membership.shard && peer->record.shard == shard) {
      const auto bytes = letter.bytes + gossip_part_bytes;
      packet.gossip_shard = shard;
      packet.shard_gossip = wire::GossipPart{
          shard_gossip->root(), bytes < limit && shard_gossip->has_rumours()
                                    ? shard_gossip->fill(limit - bytes, shard_members(shard).size())
                                    : std::vector<gossip::BatchUpdate>{}};
    }
    transmit(peer->record.address, std::move(packet), letter.large);
  }
}

// Metadata has rumours of its own rhythm: they must not wait for the next probe.
void Provider::State::send_gossip_round(Instant now) {
  const bool news = global->has_rumours() || shard_gossip->has_rumours();
  next_gossip = news ? now + gossip_interval : Instant::never();
  if (!news) return;
  if (global->has_rumours()) {
    for (const auto& node : swim->sample(gossip_fanout, rng)) {
      const auto address = address_of(node);
      if (address) send_swim({node, *address, swim::Rumours{}, {}});
    }
  }
  if (shard_gossip->has_rumours()) {
    const auto peers = shard_members(record.membership.shard);
    for (const auto& node : peers) {
      if (node == record.node) continue;
      send_gossip(node, contract::Scope::shard,
                  shard_gossip->fill(settings.datagram_bytes_max / 2, peers.size()), false);
    }
  }
}

// A batch too large to be a rumour (thousands of slots) is streamed to a few, who do the same; where that
// does not do, a repair is begun with them.
void Provider::State::push_large_news() {
  if (const auto batches = global->take_large_batches(); !batches.empty()) {
    for (const auto& node : swim->sample(gossip_fanout, rng))
      send_gossip(node, contract::Scope::global, batches, true);
  }
  if (global->take_large_news()) {
    for (const auto& node : swim->sample(gossip_fanout, rng)) repair_with(node, contract::Scope::global);
  }
  if (const auto batches = shard_gossip->take_large_batches(); !batches.empty()) {
    for (const auto& node : shard_members(record.membership.shard))
      send_gossip(node, contract::Scope::shard, batches, true);
  }
  if (shard_gossip->take_large_news()) {
    for (const auto& node : shard_members(record.membership.shard)) repair_with(node, contract::Scope::shard);
  }
}

void Provider::State::send_gossip(const NodeId& node, contract::Scope scope,
                                  std::vector<gossip::BatchUpdate> batches, bool large) {
  const auto address = address_of(node);
  if (node == record.node || !address) return;
  auto packet = blank_packet(*address);
  if (scope == contract::Scope::global) {
    packet.global_gossip = wire::GossipPart{global_root(*global, *swim), std::move(batches)};
  } else {
    packet.gossip_shard = record.membership.shard;
    packet.shard_gossip = wire::GossipPart{shard_gossip->root(), std::move(batches)};
  }
  transmit(*address, std::move(packet), large);
}

void Provider::State::repair_with(const NodeId& node, contract::Scope scope) {
  const auto address = address_of(node);
  if (node == record.node || !address) return;
  send_control(*address, repair_request(holding(scope), true));
}

void Provider::State::send_to_core(const contract::SendToCore& operation) {
  if (operation.to == record.node) {
    emit(contract::ReceivedFromCore{record.node, operation.bytes});
    return;
  }
  if (const auto address = address_of(operation.to))
    send_control(*address, wire::CoreBytes{operation.bytes}, true);
}

std::optional<Address> Provider::State::address_of(const NodeId& node) const {
  const auto view = swim->find(node);
  if (!view || !view->record.address.has_ip()) return std::nullopt;
  return view->record.address;
}

}  // namespace vswim::provider
