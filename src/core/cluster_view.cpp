#include "core/cluster_view.hpp"

#include <algorithm>

#include "base/overloaded.hpp"

namespace vswim::core {

namespace {
constexpr std::size_t forgotten_max =
    1'024;  // repeated FORGETs of the same ids; older ones read "Unknown node"

bool same_but_for_times(const contract::Member& a, const contract::Member& b) {
  return a.id == b.id && a.shard == b.shard && a.address == b.address && a.health == b.health;
}
}  // namespace

void Registers::apply(const contract::Register& reg) {
  if (reg.value) {
    live_[reg.key] = reg;
  } else {
    live_.erase(reg.key);
  }
}

std::optional<contract::Revision> Registers::revision(const std::string& key) const {
  const auto found = live_.find(key);
  return found == live_.end() ? std::nullopt : std::optional(found->second.revision);
}

const std::string* Registers::value(const std::string& key) const {
  const auto found = live_.find(key);
  return found == live_.end() ? nullptr : &*found->second.value;
}

bool ClusterView::set_membership(const contract::MembershipChanged& membership) {
  const bool same_self = membership.self == self_ && membership.own_shard == own_shard_;
  set_identity(membership.self, membership.own_shard);
  std::map<NodeId, contract::Member> next;
  for (const auto& member : membership.members) next.emplace(member.id, member);
  for (const auto& [id, member] : members_) {
    if (next.count(id) == 0 && id != self_ && forgotten_.size() < forgotten_max) forgotten_.insert(id);
  }
  for (const auto& [id, member] : next) forgotten_.erase(id);
  const bool same = same_self && std::equal(members_.begin(), members_.end(), next.begin(), next.end(),
                                            [](const auto& a, const auto& b) {
                                              return same_but_for_times(a.second, b.second);
                                            });
  members_ = std::move(next);
  by_shard_.clear();
  for (const auto& [id, member] : members_) by_shard_[member.shard].push_back(id);
  return !same;
}

void ClusterView::set_identity(const NodeId& self, const ShardId& own_shard) {
  self_ = self;
  own_shard_ = own_shard;
}

void ClusterView::reset(contract::Namespace which) {
  if (which == contract::Namespace::global) {
    global_.clear();
    infos_.clear();
    metas_.clear();
    forgotten_.clear();
  } else {
    shard_.clear();
    offsets_.clear();
    own_primary_.reset();
  }
}

bool ClusterView::apply(contract::Scope scope, const contract::Register& reg) {
  (scope == contract::Scope::global ? global_ : shard_).apply(reg);
  const auto key = parse_key(reg.key);
  if (!key) return true;  // some other use of the namespace
  if (std::holds_alternative<NodeOffsetKey>(*key) != (scope == contract::Scope::shard)) return false;
  return apply_value(*key, reg.value);
}

bool ClusterView::apply_value(const Key& key, const std::optional<std::string>& value) {
  return std::visit(Overloaded{[&](const NodeInfoKey& k) {
                                 const auto info = value ? parse_node_info(*value) : std::nullopt;
                                 if (info)
                                   infos_[k.node] = *info;
                                 else
                                   infos_.erase(k.node);
                                 return info.has_value() || !value;
                               },
                               [&](const ShardPrimaryKey& k) {
                                 metas_[k.shard].primary = value ? NodeId::parse(*value) : std::nullopt;
                                 return metas_[k.shard].primary.has_value() || !value;
                               },
                               [&](const ShardEpochKey& k) {
                                 const auto epoch = value ? parse_number(*value, claim_max) : std::nullopt;
                                 metas_[k.shard].epoch = epoch.value_or(0);
                                 return epoch.has_value() || !value;
                               },
                               [&](const ShardSlotsKey& k) { return apply_shard_value(k, value); },
                               [&](const NodeOffsetKey& k) {
                                 const auto offset = value ? parse_offset(*value) : std::nullopt;
                                 if (offset)
                                   offsets_[k.node] = *offset;
                                 else
                                   offsets_.erase(k.node);
                                 return offset.has_value() || !value;
                               }},
                    key);
}

bool ClusterView::apply_shard_value(const ShardSlotsKey& key, const std::optional<std::string>& value) {
  auto& slots = metas_[key.shard].slots;
  auto ranges = value ? parse_claimed(key.bucket, *value) : std::nullopt;
  if (ranges && !ranges->empty()) {
    for (const auto& claimed : *ranges) {
      for (std::uint32_t slot = claimed.range.first; slot <= claimed.range.last; ++slot)
        claims_seen_[slot] = std::max(claims_seen_[slot], claimed.claim);
    }
    slots[key.bucket] = std::move(*ranges);
    return true;
  }
  slots.erase(key.bucket);
  return ranges.has_value() || !value;
}

const contract::Member* ClusterView::member(const NodeId& id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

const std::vector<NodeId>& ClusterView::members_of(const ShardId& shard) const {
  static const std::vector<NodeId> nobody;
  const auto found = by_shard_.find(shard);
  return found == by_shard_.end() ? nobody : found->second;
}

const NodeInfo* ClusterView::info(const NodeId& id) const {
  const auto found = infos_.find(id);
  return found == infos_.end() ? nullptr : &found->second;
}

const ShardMeta* ClusterView::shard(const ShardId& id) const {
  const auto found = metas_.find(id);
  return found == metas_.end() ? nullptr : &found->second;
}

std::optional<OffsetRegister> ClusterView::offset(const NodeId& id) const {
  const auto found = offsets_.find(id);
  return found == offsets_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<NodeId> ClusterView::primary_of(const ShardId& id) const {
  const auto in_shard = [&](const NodeId& node) {
    const auto* found = member(node);
    return found != nullptr && found->shard == id;
  };
  if (id == own_shard_ && own_primary_) {
    return in_shard(*own_primary_) ? own_primary_ : std::nullopt;
  }
  const auto* meta = shard(id);
  if (meta != nullptr && meta->primary && in_shard(*meta->primary)) return meta->primary;
  const auto& ids = members_of(id);
  return ids.size() == 1 ? std::optional(ids.front()) : std::nullopt;
}

bool ClusterView::is_primary(const NodeId& id) const {
  const auto* found = member(id);
  return found != nullptr && primary_of(found->shard) == id;
}

std::uint64_t ClusterView::epoch_of(const ShardId& id) const {
  const auto* meta = shard(id);
  return meta == nullptr ? 0 : meta->epoch;
}

std::uint64_t ClusterView::max_epoch() const {
  std::uint64_t highest = 0;
  for (const auto& [id, meta] : metas_) highest = std::max(highest, meta.epoch);
  return highest;
}

ClaimNumber ClusterView::claim_seen(Slot slot) const { return claims_seen_[slot]; }

}  // namespace vswim::core
