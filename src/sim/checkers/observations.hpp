// What the oracle sees of a node at one instant; the checkers know nothing else of the code under test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "shard_log/shard_log.hpp"
#include "sim/network.hpp"
#include "sim/world_time.hpp"

namespace vswim::sim {

struct SeatSeen {  // one seat of one node, after a step of its node thread
  NodeIndex node = 0;
  NodeId id;
  ShardId shard;
  shard_log::Status status;
  Instant clock;       // of the node
  WorldTime deadline;  // status.leader_deadline in oracle time
};

struct CoreSeen {  // what one node's Core would answer a client, after a step of its main thread
  NodeIndex node = 0;
  NodeId id;
  ShardId shard;
  bool alive = false;
  bool primary_here = false;
  WorldTime lease_until;    // routing's deadline in oracle time: it serves before this instant
  WorldTime leased_since;   // when it began to hold its lease without a gap (told by the oracle)
  std::uint64_t shown = 0;  // newest shard-log revision handed to Core in the present namespace

  bool leased(WorldTime now) const { return alive && now < lease_until; }
  bool serves(WorldTime now) const { return primary_here && leased(now); }
};

using CoresSeen = std::vector<CoreSeen>;  // by node index

inline std::string short_id(const ShardId& shard) { return shard.hex().substr(0, 8); }
inline std::string node_name(NodeIndex node) { return "n" + std::to_string(node); }

}  // namespace vswim::sim
