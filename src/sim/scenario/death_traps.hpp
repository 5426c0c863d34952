// A process that dies at a chosen write to its state file: when the record was handed to the disk and nothing
// of it has reached the platter, or when it is durable and nobody has heard of it yet.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shard_log/records.hpp"
#include "sim/cluster.hpp"

namespace vswim::sim::scenario {

// State, Promise, Ttl, Accept, Moved, and of Accept: Seal (with one), Plain (without). Empty: unknown.
using SeatRecordKind = std::function<bool(const shard_log::Record&)>;
SeatRecordKind seat_record_of(const std::string& name);

struct DeathTrap {
  NodeIndex node = 0;
  SeatRecordKind kind;
  std::string kind_name;
  bool durable = false;          // after, else before
  std::optional<ShardId> shard;  // absent: any seat of the node
};

class DeathTraps {
 public:
  using Told = std::function<void(const DeathTrap&)>;

  DeathTraps(Cluster& cluster, Told told) : cluster_(&cluster), told_(std::move(told)) {}
  void set(DeathTrap trap);

 private:
  void on_write(NodeIndex node, bool durable, const std::string& bytes);

  Cluster* cluster_;
  Told told_;
  std::vector<DeathTrap> traps_;
};

}  // namespace vswim::sim::scenario
