#include "module/shard_subscribers.hpp"

#include <algorithm>

namespace vswim::module {

void ShardSubscribers::subscribed(std::uint64_t client, std::string_view channel) {
  clients_[client].emplace(channel, core::key_slot(channel));
}

void ShardSubscribers::unsubscribed(std::uint64_t client, std::string_view channel) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  if (const auto at = found->second.find(channel); at != found->second.end()) found->second.erase(at);
  if (found->second.empty()) clients_.erase(found);
}

std::vector<std::uint64_t> ShardSubscribers::take_lost(const core::RoutingTable& table) {
  std::vector<std::uint64_t> lost;
  for (const auto& [client, channels] : clients_) {
    const bool gone = std::any_of(channels.begin(), channels.end(), [&](const auto& channel) {
      const auto owner = table.owner[channel.second];
      if (table.mode[channel.second] == core::SlotMode::importing) return false;  // came with ASKING
      return owner != table.own_route || owner == core::RoutingTable::unowned;
    });
    if (gone) lost.push_back(client);
  }
  for (const std::uint64_t client : lost) clients_.erase(client);
  return lost;
}

}  // namespace vswim::module
