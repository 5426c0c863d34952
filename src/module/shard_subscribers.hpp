// Who subscribed to which shard channels on this node. The server tells nobody when a slot leaves (outside of
// its own cluster mode it knows no slots), and a module cannot write its sunsubscribe message to a client:
// such subscribers are disconnected, and a client that subscribes anew is redirected. Fed by the filter with
// what was let through, so it may name a subscription that the server refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/routing_table.hpp"

namespace vswim::module {

class ShardSubscribers {
 public:
  void subscribed(std::uint64_t client, std::string_view channel);
  void unsubscribed(std::uint64_t client, std::string_view channel);
  void forget(std::uint64_t client) { clients_.erase(client); }
  bool empty() const { return clients_.empty(); }
  // Clients with a channel whose slot is another shard's, or nobody's, by now; they are forgotten.
  std::vector<std::uint64_t> take_lost(const core::RoutingTable& table);

 private:
  std::map<std::uint64_t, std::map<std::string, core::Slot, std::less<>>> clients_;
};

}  // namespace vswim::module
