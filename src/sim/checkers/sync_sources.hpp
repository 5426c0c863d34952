// I22, its first half: nobody syncs from a node that is not the leased primary of its log. Judged when an
// engine hands out a sync: its Core serves at this instant, and the newest primaryship that is settled in the
// shard, or that this Core was shown, names it. The other half is restarted_primaries.hpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "contract/types.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"

namespace vswim::sim {

// Who was named primary at which revision of each shard's log, as far as anybody was shown it.
class Primaryships {
 public:
  void on_register(const ShardId& shard, const contract::Register& entry) {
    if (entry.key == "primaryship") shards_[shard].named[entry.revision.minor] = entry.value.value_or("");
  }
  void on_settled(const ShardId& shard, std::uint64_t revision) {
    auto& settled = shards_[shard].settled;
    settled = std::max(settled, revision);
  }
  struct Named {
    std::uint64_t revision = 0;
    std::string value;
  };
  // At or below what is settled or `shown`.
  std::optional<Named> binding(const ShardId& shard, std::uint64_t shown) const {
    const auto found = shards_.find(shard);
    if (found == shards_.end()) return std::nullopt;
    const auto& named = found->second.named;
    auto after = named.upper_bound(std::max(found->second.settled, shown));
    if (after == named.begin()) return std::nullopt;
    --after;
    return Named{after->first, after->second};
  }
  std::uint64_t newest(const ShardId& shard) const {
    const auto found = shards_.find(shard);
    return found == shards_.end() || found->second.named.empty() ? 0 : found->second.named.rbegin()->first;
  }

 private:
  struct Shard {
    std::map<std::uint64_t, std::string> named;
    std::uint64_t settled = 0;
  };
  std::map<ShardId, Shard> shards_;
};

class SyncSources {
 public:
  SyncSources(Violations& violations, const Primaryships& primaryships)
      : violations_(&violations), primaryships_(&primaryships) {}

  // `source` as it is at this very moment.
  void on_sync_given(WorldTime now, const CoreSeen& source, NodeIndex to) {
    if (!source.serves(now)) {
      violations_->add("I22", node_name(source.node), now,
                       "gives " + node_name(to) + " a sync without being its shard's leased primary");
      return;
    }
    const auto named = primaryships_->binding(source.shard, source.shown);
    if (named && named->value.substr(0, named->value.find(':')) == source.id.hex()) return;  // or FENCED
    violations_->add("I22", node_name(source.node), now,
                     "gives " + node_name(to) + " a sync, while the log of its shard names " +
                         (named ? named->value : "nobody") + " primary");
  }

 private:
  Violations* violations_;
  const Primaryships* primaryships_;
};

}  // namespace vswim::sim
