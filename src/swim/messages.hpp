// What SWIM members say to each other, as values. The wire layer turns them into packets.
#pragma once

#include <compare>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/counter.hpp"
#include "base/ids.hpp"

namespace vswim::swim {

enum class Status : std::uint8_t { alive, suspect, dead, left, forgotten };

// A member's life is named by (join number, generation); the incarnation counts refutations within that life.
struct Life {
  JoinNumber join;
  Generation generation;
  Incarnation incarnation;
  friend auto operator<=>(const Life&, const Life&) = default;
};

struct MemberUpdate {
  NodeId id;
  Life life;
  Status status = Status::alive;
  Address address;
  ShardId shard;
  Epoch shard_epoch;  // of the membership record: the newer one wins (travels in the member's own record)
  // Who suspects it by own observation, for status suspect: one bit per observer (a hash of its id), joined
  // by OR, so that a relayed suspicion is never counted as an independent one. Two observers on one bit count
  // as one.
  std::uint32_t observers = 0;
  friend bool operator==(const MemberUpdate&, const MemberUpdate&) = default;
};

struct Ping {
  std::uint32_t sequence = 0;
  NodeId target;
  Status target_status = Status::alive;  // as the sender believes, so that a suspect learns at once
  Life target_life;
  friend bool operator==(const Ping&, const Ping&) = default;
};
struct PingRequest {  // please probe `target` for me
  std::uint32_t sequence = 0;
  NodeId target;
  Address target_address;
  friend bool operator==(const PingRequest&, const PingRequest&) = default;
};
struct Ack {
  std::uint32_t sequence = 0;
  NodeId target;  // who is alive (differs from the sender for a relayed ack)
  friend bool operator==(const Ack&, const Ack&) = default;
};
struct Nack {  // the relay is alive, the target did not answer it
  std::uint32_t sequence = 0;
  NodeId target;
  friend bool operator==(const Nack&, const Nack&) = default;
};
struct Rumours {  // extra gossip: updates only
  friend bool operator==(const Rumours&, const Rumours&) = default;
};

using Message = std::variant<Ping, PingRequest, Ack, Nack, Rumours>;

}  // namespace vswim::swim
