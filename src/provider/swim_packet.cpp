#include "provider/swim_packet.hpp"

#include <algorithm>

namespace vswim::provider {

namespace {

// SWIM counts updates of IPv4 members with small numbers; larger ones that do not fit are left to the next
// rumour of them.
std::size_t shorten(wire::Packet& packet, std::size_t bytes_max) {
  std::size_t bytes = wire::encode(packet).size();
  auto& updates = packet.swim->updates;
  while (bytes > bytes_max && !updates.empty()) {
    for (std::size_t over = bytes - bytes_max; over > 0 && !updates.empty(); updates.pop_back())
      over -= std::min(over, wire::encoded_bytes(updates.back()));
    bytes = wire::encode(packet).size();
  }
  return bytes;
}

}  // namespace

Hash128 global_root(const gossip::Gossip& global, const swim::Swim& members) {
  Hash128 root = global.root();
  root += Hash128{members.digest(), 0};
  return root;
}

Hash128 metadata_root(Hash128 root, const swim::Swim& members) {
  root -= Hash128{members.digest(), 0};
  return root;
}

wire::Packet swim_packet(wire::Packet blank, const swim::Datagram& datagram, gossip::Gossip& global,
                         const swim::Swim& members, std::size_t bytes_max) {
  wire::Packet packet = std::move(blank);
  packet.swim = wire::SwimPart{datagram.message, datagram.updates};
  packet.global_gossip = wire::GossipPart{global_root(global, members), {}};
  std::size_t bound = wire::encoded_bytes_base();
  for (const auto& update : datagram.updates) bound += wire::encoded_bytes(update);
  if (bound <= bytes_max && !global.has_rumours()) return packet;
  const std::size_t bytes = shorten(packet, bytes_max) + gossip_part_bytes;
  if (bytes < bytes_max) packet.global_gossip->batches = global.fill(bytes_max - bytes, members.size());
  return packet;
}

}  // namespace vswim::provider
