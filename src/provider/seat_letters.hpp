// What a seat says at once, in as few datagrams as it fits: an answer and the request of a lease that goes to
// the same leader share one. Streams stay apart.
#pragma once

#include <cstddef>
#include <vector>

#include "shard_log/shard_log.hpp"
#include "wire/packet.hpp"

namespace vswim::provider {

struct SeatLetter {
  NodeId to;
  bool large = false;  // by stream
  std::vector<wire::SmallLogPart> small;
  std::vector<wire::ShardLogPart> whole;
  std::size_t bytes = 0;  // upper bound of the packet without gossip

  // A grant follows a heartbeat at once: the root of the shard's gossip has just been told.
  bool grants_only() const;
};

// What goes to one node keeps its order, but for the small forms, which come first.
std::vector<SeatLetter> seat_letters(const NodeId& self, const ShardId& shard,
                                     const std::vector<shard_log::Send>& sends, std::size_t bytes_max);

}  // namespace vswim::provider
