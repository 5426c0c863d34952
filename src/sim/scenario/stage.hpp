// What a running scenario has in front of it: the cluster, the names, and what can be seen of both at one
// instant. Conditions and the trace look through it, so that they mean the same by the same words.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/cluster.hpp"
#include "sim/formation.hpp"
#include "sim/scenario/cast.hpp"

namespace vswim::sim::scenario {

struct Stage {
  Cluster& cluster;
  Formed& formed;
  Cast& cast;
  std::map<ShardId, std::uint64_t> first_epochs;    // when the cluster had formed
  std::map<NodeId, std::string> former_names;       // of identities that were lost with a disk
  std::map<std::string, std::string> acknowledged;  // key -> value of client writes that were served

  bool alive(NodeIndex node) const { return cluster.node(node).alive(); }
  std::optional<NodeIndex> primary(const ShardId& shard) const;
  bool leads(NodeIndex node) const;  // its own shard's log: its no-op is committed and its D runs
  std::optional<NodeIndex> leader(const ShardId& shard) const;
  // As the present leader knows it; nothing while there is none.
  std::optional<shard_log::Configuration> configuration(const ShardId& shard) const;
  std::uint64_t epoch(const ShardId& shard) const;  // seals since the cluster had formed
  // The newest value of a register that a live Core of the shard was shown.
  std::optional<contract::Register> shown(const ShardId& shard, const std::string& key) const;
  bool follows(NodeIndex node) const;
  std::optional<contract::Health> health(NodeIndex of, NodeIndex seen_by) const;
  std::string name(const NodeId& id) const;
  std::string voters_text(const shard_log::Configuration& configuration) const;
  // Ids in a text become names.
  std::string with_names(std::string text) const;
};

}  // namespace vswim::sim::scenario
