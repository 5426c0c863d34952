// The names of a scenario: A1 is the first primary of shard A, A2 its first replica, V1 an arbiter, and what
// the script adds later has the name it gives. Traces and errors use these names only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/formation.hpp"

namespace vswim::sim::scenario {

class Cast {
 public:
  void enter(std::string name) { names_.push_back(std::move(name)); }  // in the order of node indices
  void enter(const Shape& shape);
  void call(std::string name, NodeIndex node) { also_[std::move(name)] = node; }  // whoever it may be
  void shards(std::vector<ShardId> ids) { shards_ = std::move(ids); }

  std::optional<NodeIndex> node(std::string_view name) const;
  std::optional<ShardId> shard(std::string_view name) const;
  const std::string& name(NodeIndex node) const { return names_[node]; }
  std::string name(const ShardId& shard) const;  // "its own" for a shard that was not formed by the script
  std::size_t shard_count() const { return shards_.size(); }
  const std::vector<ShardId>& shards() const { return shards_; }
  std::size_t size() const { return names_.size(); }
  // "a3": the third key of those that hash into shard A; other words are keys as they are.
  std::string key(std::string_view word) const;

 private:
  std::vector<std::string> names_;
  std::map<std::string, NodeIndex, std::less<>> also_;
  std::vector<ShardId> shards_;
};

}  // namespace vswim::sim::scenario
