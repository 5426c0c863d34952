// Membership joined with metadata: what this node believes the cluster to be. Routing and every CLUSTER view
// are read from here; nothing asks the provider. Gossip decides routing; for its own shard a node's log
// outranks gossip.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "contract/types.hpp"
#include "core/metadata.hpp"
#include "core/slot_table.hpp"

namespace vswim::core {

struct ShardMeta {  // a shard's gossip registers, parsed
  std::optional<NodeId> primary;
  std::uint64_t epoch = 0;
  std::map<std::uint16_t, std::vector<ClaimedRange>> slots;
};

// The registers of one gossip namespace with their revisions, which every write must name.
class Registers {
 public:
  void apply(const contract::Register& reg);
  void clear() { live_.clear(); }
  std::optional<contract::Revision> revision(const std::string& key) const;
  const std::string* value(const std::string& key) const;
  const std::map<std::string, contract::Register>& live() const { return live_; }

 private:
  std::map<std::string, contract::Register> live_;
};

class ClusterView {
 public:
  // ---- facts in ----
  // False: nothing but when members were last heard, and suspected, is new; routing does not ask for that.
  bool set_membership(const contract::MembershipChanged& membership);
  bool apply(contract::Scope scope,
             const contract::Register& reg);  // false: text refused, register counts as absent
  void reset(contract::Namespace which);
  void set_identity(const NodeId& self, const ShardId& own_shard);
  // What the own shard's log says, shown; absent when it names nobody.
  void set_own_primary(const std::optional<NodeId>& primary) { own_primary_ = primary; }

  // ---- questions ----
  const NodeId& self() const { return self_; }
  const ShardId& own_shard() const { return own_shard_; }
  const std::map<NodeId, contract::Member>& members() const { return members_; }
  const contract::Member* member(const NodeId& id) const;
  const std::vector<NodeId>& members_of(const ShardId& shard) const;  // ascending ids
  const std::map<ShardId, std::vector<NodeId>>& shards() const { return by_shard_; }
  const NodeInfo* info(const NodeId& id) const;
  const ShardMeta* shard(const ShardId& id) const;
  const std::map<ShardId, ShardMeta>& shard_metas() const { return metas_; }
  std::optional<OffsetRegister> offset(const NodeId& id) const;
  // The shard's primary as known here: the own log, else gossip; a lone member counts as its shard's primary.
  std::optional<NodeId> primary_of(const ShardId& shard) const;
  bool is_primary(const NodeId& id) const;
  std::uint64_t epoch_of(const ShardId& shard) const;
  std::uint64_t max_epoch() const;
  ClaimNumber claim_seen(Slot slot) const;  // highest that anybody ever published in this life
  bool was_forgotten(const NodeId& id) const { return forgotten_.count(id) != 0; }

  const Registers& global() const { return global_; }
  const Registers& own_gossip() const { return shard_; }

 private:
  bool apply_value(const Key& key, const std::optional<std::string>& value);
  bool apply_shard_value(const ShardSlotsKey& key, const std::optional<std::string>& value);

  NodeId self_;
  ShardId own_shard_;
  std::optional<NodeId> own_primary_;
  std::map<NodeId, contract::Member> members_;
  std::map<ShardId, std::vector<NodeId>> by_shard_;
  std::map<NodeId, NodeInfo> infos_;
  std::map<ShardId, ShardMeta> metas_;
  std::map<NodeId, OffsetRegister> offsets_;
  Registers global_, shard_;
  std::set<NodeId> forgotten_;
  std::vector<ClaimNumber> claims_seen_ = std::vector<ClaimNumber>(slot_count);
};

}  // namespace vswim::core
