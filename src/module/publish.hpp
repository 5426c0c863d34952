// PUBLISH and SPUBLISH across the cluster: who gets a copy of what was published here, and what a copy looks
// like on Core's port. One copy goes to the primary of every other shard, whose server's replication stream
// carries it to its replicas; a shard without a live primary gets one copy per node. A replica's own shard
// gets a copy per node too: that way nobody hears it twice. Best effort, as natively: a copy may be lost,
// messages of one publisher arrive in order. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/types.hpp"
#include "core/routing_table.hpp"

namespace vswim::module {

struct Published {
  bool shard = false;      // SPUBLISH
  bool replicate = false;  // the receiver's replication stream is to carry it on
  std::string channel, message;
  friend bool operator==(const Published&, const Published&) = default;
};

// What fits Core's port; longer messages stay in the shard they were published in.
constexpr std::size_t published_bytes_max = 255 * 1024;

std::string encode_published(const Published& published);
// Null: not such a copy, or a damaged one (`is_published` tells).
std::optional<Published> decode_published(std::string_view bytes);
bool is_published(std::string_view bytes);

class Audience {
 public:
  void set(const contract::MembershipChanged& membership);
  bool knows(const NodeId& node) const { return lives_.contains(node); }

  struct Copy {
    NodeId to;
    bool replicate = false;
  };
  // `streams`: this node's replication stream has carried the message to the rest of its shard.
  std::vector<Copy> copies(const core::RoutingTable& table, bool shard_channel, bool streams) const;

 private:
  bool lives(const NodeId& node) const;

  contract::MembershipChanged membership_;
  std::map<NodeId, bool> lives_;  // of its members: a message asks after one, a publication after all
};

}  // namespace vswim::module
