// A whole packet as a value: what one datagram or one stream frame carries. `decode` verifies everything
// (checksum, structure, lengths, enumerations, counts) before it returns anything; an undecodable packet
// changes nothing. Layout: schemas/packet.fbs in a frame {magic, version, flags, xxh3-64 checksum over
// everything else, cluster}. A kind of message that this version does not know is an absent part; a
// lengthened text for people is cut.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "gossip/gossip.hpp"
#include "shard_log/messages.hpp"
#include "swim/messages.hpp"
#include "wire/control.hpp"

namespace vswim::wire {

struct Header {
  ClusterId cluster;
  NodeId sender;
  swim::Life life;
  Address
      advertised;  // where the sender wants to be reached; ip unset: take the source address. port = bus port
  Address
      observed;  // the address this packet was sent to: tells the receiver what it looks like from outside
  bool operator==(const Header&) const = default;
};

struct SwimPart {
  swim::Message message;
  std::vector<swim::MemberUpdate> updates;
  bool operator==(const SwimPart&) const = default;
};

struct GossipPart {
  Hash128 root;
  std::vector<gossip::BatchUpdate> batches;
  bool operator==(const GossipPart&) const = default;
};

struct ShardLogPart {
  ShardId shard;
  std::string payload;  // wire/shard_log_codec.hpp
  bool operator==(const ShardLogPart&) const = default;
};

// A shard-log message that has a small form: a heartbeat (Append without entries) or a LeaseGrant, of a
// ballot of the sender, an Appended, a LeaseRequest.
struct SmallLogPart {
  ShardId shard;
  shard_log::Message message;
  bool operator==(const SmallLogPart&) const = default;
};
bool has_small_form(const shard_log::Message& message, const NodeId& sender);

struct Packet {
  Header header;
  std::optional<SwimPart> swim;
  std::optional<GossipPart> global_gossip;
  ShardId gossip_shard;  // namespace of shard_gossip
  std::optional<GossipPart> shard_gossip;
  std::vector<SmallLogPart> small_log;  // arrives as: heartbeats, answers, lease requests, lease grants
  std::vector<ShardLogPart> shard_log;
  std::optional<Control> control;
  bool operator==(const Packet&) const = default;
};

enum class DecodeError : std::uint8_t { none, checksum, version, format };

struct Decoded {
  DecodeError error = DecodeError::none;
  Packet packet;           // valid when error is none
  std::uint8_t minor = 0;  // the version of who encoded it
};

std::string encode(const Packet& packet);
Decoded decode(std::string_view bytes);

// Upper bounds of what a part adds to an encoded packet, for filling a datagram without trying.
std::size_t encoded_bytes_base();  // frame, header, message, roots and list heads, all in their widest form
// 52 bytes with an IPv4 address, 26 with neither address nor shard, 92 otherwise (IPv6, large numbers).
std::size_t encoded_bytes(const swim::MemberUpdate& update);
std::size_t encoded_bytes(const gossip::BatchUpdate& batch);
std::size_t encoded_bytes(const ShardLogPart& part);
std::size_t encoded_bytes(const SmallLogPart& part);

// The cluster a packet belongs to, without decoding the rest (drop foreign packets early); nullopt when
// malformed.
std::optional<ClusterId> peek_cluster(std::string_view bytes);

}  // namespace vswim::wire
