// A SWIM datagram as a packet: as many of its member updates as fit, and metadata in the bytes that are left.
// Apart from the provider so that the simulator of ten thousand nodes sends the same bytes.
#pragma once

#include <cstddef>

#include "gossip/gossip.hpp"
#include "swim/swim.hpp"
#include "wire/packet.hpp"

namespace vswim::provider {

// Root and vectors around a gossip part's batches.
constexpr std::size_t gossip_part_bytes = 64;

// The root that packets carry: of the metadata and of who is a member, so that who has missed either finds
// out.
Hash128 global_root(const gossip::Gossip& global, const swim::Swim& members);
// A peer's root, as gossip compares it with its own: without the members, as far as they are the same.
Hash128 metadata_root(Hash128 root, const swim::Swim& members);

// `blank`: a packet with nothing but its header.
wire::Packet swim_packet(wire::Packet blank, const swim::Datagram& datagram, gossip::Gossip& global,
                         const swim::Swim& members, std::size_t bytes_max);

}  // namespace vswim::provider
