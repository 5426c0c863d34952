// What users and Cores do all the time: keys are written where routing admits it, proposers race by
// compare-and-set in every shard log, metadata is gossiped, and an administrator moves slots and primaries
// about.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "core/slots.hpp"
#include "sim/formation.hpp"

namespace vswim::sim {

struct WorkloadRates {  // mean intervals over the whole cluster
  Duration client = milliseconds(20);
  Duration cas = milliseconds(60);
  Duration gossip = milliseconds(300);
  Duration admin = seconds(8);
  bool moves = true;
};

class Workload {
 public:
  Workload(Cluster& cluster, const Formed& formed, const WorkloadRates& rates, Rng rng);
  void start();
  void stop() { *running_ = false; }

  void propose_somewhere(NodeIndex node);
  std::uint64_t commits_of(const ShardId& shard) const;
  // Commands that their node should have answered and has not; empty when all is well.
  std::string unanswered() const;

 private:
  void every(Duration mean, void (Workload::*work)());
  void client_write();
  void write_at(NodeIndex node);
  void fail_over(NodeIndex node);
  void lose_some(NodeIndex from, NodeIndex to);
  void cas();
  void gossip();
  void admin();
  void migrate_slots();
  void move_replica();
  void contest_slot();
  void open_slot();
  void move_slot();
  std::vector<std::string> setslot(core::Slot slot, const char* what, NodeIndex other) const;
  void contest_apart(const std::string& slot, const ShardId& deaf, const ShardId& busy);
  void claim_slot(const ShardId& shard, const std::string& slot, const std::shared_ptr<int>& holders);
  void command(NodeIndex node, std::vector<std::string> arguments,
               std::function<void(const std::string&)> answered = {});
  NodeIndex any_node() { return static_cast<NodeIndex>(rng_.below(cluster_->size())); }

  struct Asked {
    NodeIndex node = 0;
    std::uint64_t life = 0;
    std::string text;
  };
  Cluster* cluster_;
  const Formed* formed_;
  WorkloadRates rates_;
  Rng rng_;
  std::shared_ptr<bool> running_ = std::make_shared<bool>(false);
  std::uint64_t unique_ = 0;
  std::uint64_t asked_ = 0;
  std::map<std::uint64_t, Asked> commands_;
  std::map<ShardId, std::uint64_t> commits_;
};

}  // namespace vswim::sim
