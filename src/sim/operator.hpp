// The cluster's administrator: somebody who replaces lost machines, takes nodes out and in, and repairs what
// is left half done, with nothing but the CLUSTER commands that users have. Every round compares what there
// is with what there should be (every node in the one cluster, in a shard that owns slots; no dead id in
// anybody's list) and sends the next command; commands that fail are sent again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "sim/formation.hpp"

namespace vswim::sim {

class Operator {
 public:
  Operator(Cluster& cluster, const Formed& formed, Rng rng);
  void start(Duration interval);  // between two rounds
  void stop() { *running_ = false; }

  // Something was done that has to be repaired in the rounds to come.
  void machine_lost(const NodeId& id) { lost_.insert(id); }
  void take_out(NodeIndex node);  // CLUSTER RESET; a later round brings it back
  void add_machine();             // a new node, MEET and REPLICATE in the rounds to come

  // Nothing is left to repair: every node lives in the cluster and in a formed shard, every voter of every
  // shard is a seat that exists. Only then one more machine may be lost for good.
  bool whole();
  std::string unfinished();  // what is left, for people
  bool formed_shard(const ShardId& shard) const;

 private:
  void next_round(Duration interval);
  void round();
  void forget_lost();
  void bring_in(NodeIndex node);
  void give_shard(NodeIndex node);
  void command(NodeIndex node, std::vector<std::string> arguments,
               std::function<void(const std::string&)> answered);
  bool busy(NodeIndex node) const;
  std::size_t known_members(NodeIndex node) const;
  std::optional<NodeIndex> member_of_cluster();  // any live node that sees most of the others
  std::string odd_seats();
  bool everybody_tells() const;
  bool is_listed(const NodeId& id) const;

  Cluster* cluster_;
  const Formed* formed_;
  Rng rng_;
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);
  std::set<NodeId> lost_;
  std::map<NodeIndex, WorldTime> busy_until_;
};

}  // namespace vswim::sim
