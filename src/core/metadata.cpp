#include "core/metadata.hpp"

#include <algorithm>

#include "base/next_minor.hpp"
#include "base/overloaded.hpp"
#include "core/slot_table.hpp"

namespace vswim::core {

namespace {

constexpr std::size_t name_bytes_max = 255;  // a host name's limit
constexpr std::size_t info_bytes_max = 2'048;
constexpr std::uint64_t epoch_max = 1'000'000'000'000'000'000;
constexpr std::size_t history_bytes_max = 64;
constexpr std::string_view node_prefix = "node:", shard_prefix = "shard:";

std::optional<std::uint16_t> parse_port(std::string_view text) {
  const auto number = parse_number(text, 65'535);
  return number ? std::optional(static_cast<std::uint16_t>(*number)) : std::nullopt;
}

// One field of a node's info; a field this version does not know is skipped, a known one with a bad value
// refuses all.
bool take_field(NodeInfo& info, std::string_view name, std::string_view value) {
  const auto port = [&](std::uint16_t& to) {
    const auto number = parse_port(value);
    if (number) to = *number;
    return number.has_value();
  };
  const auto text = [&](std::string& to) {
    if (!value.empty() && !plain_name(value, name_bytes_max)) return false;
    to = value;
    return true;
  };
  if (name == "port") return port(info.port);
  if (name == "tls") return port(info.tls_port);
  if (name == "bus") return port(info.bus_port);
  if (name == "ip") return text(info.ip);
  if (name == "host") return text(info.hostname);
  if (name == "name") return text(info.human_name);
  if (name == "zone") return text(info.zone);
  if (name == "client4") return text(info.client_ipv4);
  if (name == "client6") return text(info.client_ipv6);
  if (name == "cport") return port(info.client_port);
  if (name == "ctls") return port(info.client_tls_port);
  if (name == "flags") {
    info.no_failover = value == "nofailover";
    return true;
  }
  if (name == "health") {
    info.health = value == "loading" ? "loading" : "online";
    return true;
  }
  return true;
}

// Splits "<prefix><40 hex>:<rest>".
std::optional<std::pair<std::string_view, std::string_view>> id_and_rest(std::string_view text,
                                                                         std::string_view prefix) {
  constexpr std::size_t hex_chars = 40;
  if (text.substr(0, prefix.size()) != prefix) return std::nullopt;
  text.remove_prefix(prefix.size());
  if (text.size() < hex_chars + 2 || text[hex_chars] != ':') return std::nullopt;
  return std::pair(text.substr(0, hex_chars), text.substr(hex_chars + 1));
}

std::optional<Key> parse_shard_key(const ShardId& shard, std::string_view rest) {
  if (rest == "primary") return ShardPrimaryKey{shard};
  if (rest == "epoch") return ShardEpochKey{shard};
  constexpr std::string_view slots = "slots:";
  if (rest.substr(0, slots.size()) != slots) return std::nullopt;
  const auto bucket = parse_number(rest.substr(slots.size()), bucket_count - 1);
  if (!bucket) return std::nullopt;
  return ShardSlotsKey{shard, static_cast<std::uint16_t>(*bucket)};
}

}  // namespace

bool plain_name(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view refused = " ,\"'[]{}<>=\\";
  return text.size() <= bytes_max && std::all_of(text.begin(), text.end(), [&](char c) {
           return c > ' ' && c < '\x7f' && refused.find(c) == std::string_view::npos;
         });
}

std::string key_text(const Key& key) {
  return std::visit(Overloaded{[](const NodeInfoKey& k) { return "node:" + k.node.hex() + ":info"; },
                               [](const ShardPrimaryKey& k) { return "shard:" + k.shard.hex() + ":primary"; },
                               [](const ShardEpochKey& k) { return "shard:" + k.shard.hex() + ":epoch"; },
                               [](const ShardSlotsKey& k) {
                                 return "shard:" + k.shard.hex() + ":slots:" + std::to_string(k.bucket);
                               },
                               [](const NodeOffsetKey& k) { return "node:" + k.node.hex() + ":offset"; }},
                    key);
}

std::optional<Key> parse_key(std::string_view text) {
  if (const auto shard = id_and_rest(text, shard_prefix)) {
    const auto id = ShardId::parse(shard->first);
    return id ? parse_shard_key(*id, shard->second) : std::nullopt;
  }
  if (const auto node = id_and_rest(text, node_prefix)) {
    const auto id = NodeId::parse(node->first);
    if (!id) return std::nullopt;
    if (node->second == "info") return NodeInfoKey{*id};
    if (node->second == "offset") return NodeOffsetKey{*id};
  }
  return std::nullopt;
}

bool is_core_key(std::string_view text) {
  return text.substr(0, node_prefix.size()) == node_prefix ||
         text.substr(0, shard_prefix.size()) == shard_prefix;
}

std::string node_info_text(const NodeInfo& info) {
  const auto checked = [](const std::string& text) {
    return plain_name(text, name_bytes_max) ? text : std::string();
  };
  std::string text = "port=" + std::to_string(info.port) + " tls=" + std::to_string(info.tls_port) +
                     " bus=" + std::to_string(info.bus_port);
  const auto add = [&](const char* name, const std::string& value) {
    if (const auto plain = checked(value); !plain.empty()) text += std::string(" ") + name + "=" + plain;
  };
  add("ip", info.ip);
  add("host", info.hostname);
  add("name", info.human_name);
  add("zone", info.zone);
  add("client4", info.client_ipv4);
  add("client6", info.client_ipv6);
  if (info.client_port != 0) text += " cport=" + std::to_string(info.client_port);
  if (info.client_tls_port != 0) text += " ctls=" + std::to_string(info.client_tls_port);
  if (info.no_failover) text += " flags=nofailover";
  add("health", info.health);
  if (next_minor) add("unheard-of", "field");
  return text;
}

std::optional<NodeInfo> parse_node_info(std::string_view text) {
  if (text.size() > info_bytes_max) return std::nullopt;
  NodeInfo info;
  for (const auto field : split(text, ' ')) {
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    if (!take_field(info, field.substr(0, equals), field.substr(equals + 1))) return std::nullopt;
  }
  return info;
}

std::string claimed_text(const std::vector<ClaimedRange>& ranges) {
  std::string text;
  for (const auto& claimed : ranges) {
    if (!text.empty()) text += ",";
    text += std::to_string(claimed.claim) + ":" + range_text(claimed.range);
  }
  return text;
}

std::optional<std::vector<ClaimedRange>> parse_claimed(std::uint16_t bucket, std::string_view text) {
  std::vector<ClaimedRange> ranges;
  std::uint32_t next = bucket_first(bucket);
  const std::uint32_t end = next + bucket_slots;
  for (const auto part : split(text, ',')) {
    const auto colon = part.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const auto claim = parse_number(part.substr(0, colon), claim_max);
    const auto range = parse_range(part.substr(colon + 1));
    if (!claim || !range || range->first < next || range->last >= end) return std::nullopt;
    ranges.push_back({*range, *claim});
    next = range->last + 1U;
  }
  return ranges;
}

std::string offset_text(const OffsetRegister& offset) {
  return std::to_string(offset.offset) + ":" + (offset.may_stand ? "1" : "0") + ":" + offset.history;
}

std::optional<OffsetRegister> parse_offset(std::string_view text) {
  const auto first = text.find(':');
  if (first == std::string_view::npos || text.size() < first + 3 || text[first + 2] != ':')
    return std::nullopt;
  const auto offset = parse_number(text.substr(0, first), epoch_max);
  const char stand = text[first + 1];
  const auto history = text.substr(first + 3);
  if (!offset || (stand != '0' && stand != '1') || !plain_name(history, history_bytes_max))
    return std::nullopt;
  return OffsetRegister{*offset, stand == '1', std::string(history)};
}

}  // namespace vswim::core
