#include "module/publish.hpp"

#include <charconv>

namespace vswim::module {
namespace {
constexpr std::string_view prefix = "vp1 ";
}  // namespace

// vp1 <shard><replicate> <bytes of the channel> <channel><message>
std::string encode_published(const Published& published) {
  std::string text(prefix);
  text += published.shard ? '1' : '0';
  text += published.replicate ? '1' : '0';
  return text + ' ' + std::to_string(published.channel.size()) + ' ' + published.channel + published.message;
}

bool is_published(std::string_view bytes) { return bytes.starts_with(prefix); }

std::optional<Published> decode_published(std::string_view bytes) {
  if (!is_published(bytes)) return std::nullopt;
  bytes.remove_prefix(prefix.size());
  const auto flag = [](char c) { return c == '0' || c == '1'; };
  if (bytes.size() < 3 || !flag(bytes[0]) || !flag(bytes[1]) || bytes[2] != ' ') return std::nullopt;
  Published published;
  published.shard = bytes[0] == '1';
  published.replicate = bytes[1] == '1';
  bytes.remove_prefix(3);
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), length);
  const auto digits = static_cast<std::size_t>(end - bytes.data());
  if (error != std::errc{} || digits == bytes.size() || *end != ' ') return std::nullopt;
  bytes.remove_prefix(digits + 1);
  if (length > bytes.size()) return std::nullopt;
  published.channel = bytes.substr(0, length);
  published.message = bytes.substr(length);
  return published;
}

void Audience::set(const contract::MembershipChanged& membership) {
  membership_ = membership;
  lives_.clear();
  for (const auto& member : membership_.members)
    lives_.emplace(member.id, member.health != contract::Health::fail);
}

bool Audience::lives(const NodeId& node) const {
  const auto known = lives_.find(node);
  return known != lives_.end() && known->second;
}

std::vector<Audience::Copy> Audience::copies(const core::RoutingTable& table, bool shard_channel,
                                             bool streams) const {
  std::map<ShardId, NodeId> carriers;  // of other shards
  for (const auto& route : table.routes) {
    if (!shard_channel && route.known && lives(route.primary)) carriers.emplace(route.shard, route.primary);
  }
  std::vector<Copy> copies;
  for (const contract::Member& member : membership_.members) {
    if (member.id == membership_.self || member.health == contract::Health::fail) continue;
    if (member.shard == membership_.own_shard) {
      if (!streams) copies.push_back({member.id, false});
      continue;
    }
    if (shard_channel) continue;
    const auto carrier = carriers.find(member.shard);
    const bool carried = carrier != carriers.end();
    if (!carried || carrier->second == member.id) copies.push_back({member.id, carried});
  }
  return copies;
}

}  // namespace vswim::module
