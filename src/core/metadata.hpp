// Names and values of the gossip registers that Core keeps (design 1, section 4), and the strict codec of
// their text: what a peer wrote is checked before it is believed or printed.
//
//   global   node:<id>:info      port=7000 tls=0 bus=17000 ip=.. host=.. name=.. zone=.. client4=..
//   client6=.. cport=.. ctls=.. flags=nofailover //   health=online
//            shard:<id>:primary  <node>
//            shard:<id>:epoch    <number>
//            shard:<id>:slots:<b> <claim>:<a>-<b>,...
//   shard    node:<id>:offset    <offset>:<1 may stand, 0 may not>:<history>
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "core/claims.hpp"
#include "core/slot_ranges.hpp"

namespace vswim::core {

struct NodeInfo {
  std::uint16_t port = 0, tls_port = 0, bus_port = 0;
  std::string ip;  // announced; empty: as the provider reaches the node
  std::string hostname, human_name, zone;
  std::string client_ipv4, client_ipv6;  // what clients are told instead of ip; ports likewise
  std::uint16_t client_port = 0, client_tls_port = 0;
  bool no_failover = false;
  std::string health = "online";  // online | loading
  friend bool operator==(const NodeInfo&, const NodeInfo&) = default;
};

struct ClaimedRange {
  SlotRange range;
  ClaimNumber claim = 0;
  friend bool operator==(const ClaimedRange&, const ClaimedRange&) = default;
};

struct OffsetRegister {
  std::uint64_t offset = 0;
  bool may_stand = false;
  std::string history;
  friend bool operator==(const OffsetRegister&, const OffsetRegister&) = default;
};

struct NodeInfoKey {
  NodeId node;
};
struct ShardPrimaryKey {
  ShardId shard;
};
struct ShardEpochKey {
  ShardId shard;
};
struct ShardSlotsKey {
  ShardId shard;
  std::uint16_t bucket = 0;
};
struct NodeOffsetKey {
  NodeId node;
};
using Key = std::variant<NodeInfoKey, ShardPrimaryKey, ShardEpochKey, ShardSlotsKey, NodeOffsetKey>;

std::string key_text(const Key& key);
std::optional<Key> parse_key(std::string_view text);
// The part of the namespace that is Core's, understood by this version or not.
bool is_core_key(std::string_view text);

std::string node_info_text(const NodeInfo& info);
std::optional<NodeInfo> parse_node_info(std::string_view text);
std::string claimed_text(const std::vector<ClaimedRange>& ranges);
std::optional<std::vector<ClaimedRange>> parse_claimed(std::uint16_t bucket, std::string_view text);
std::string offset_text(const OffsetRegister& offset);
std::optional<OffsetRegister> parse_offset(std::string_view text);

// What may stand in a line of CLUSTER NODES: printable, no space, comma, quote or bracket.
bool plain_name(std::string_view text, std::size_t bytes_max);

}  // namespace vswim::core
