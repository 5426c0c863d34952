// What must hold at every instant of true time (design 2, section 4). Fed by the world with everything seats
// write, say and tell; keeps its own model of the log, written apart from the code under test.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "shard_log/shard_log.hpp"

namespace vswim::shard_log::test {

class Oracle {
 public:
  const std::string& broken() const { return broken_; }
  void fail(const std::string& what) {
    if (broken_.empty()) broken_ = what;
  }

  void wrote(const NodeId& node, const Record& record);         // handed to the disk: I1, I3
  void reached_disk(const NodeId& node, const Record& record);  // I1
  void forgot(const NodeId& node) { disk_promised_.erase(node); }
  void restarted(const NodeId& node, const std::vector<Record>& disk);
  void status(const NodeId& node, std::uint64_t life, const Status& status,
              bool lease_runs);  // I2, I4-I7, I11-I13
  void lease_runs(const NodeId& node, bool runs) { lease_runs_[node] = runs; }
  void said(const NodeId& node, const Message& message, bool silent);  // I15
  void updated(const NodeId& node, std::uint64_t life, const Updated& update);
  void core_restarted(const NodeId& node) { notified_.erase(node); }
  void proposed(const NodeId& node, std::uint64_t life, ProposalSequence sequence, const Batch& batch);
  void answered(const NodeId& node, std::uint64_t life, const ProposalDone& done);  // I8
  Revision committed() const { return committed_.empty() ? 0 : committed_.rbegin()->first; }
  std::optional<std::string> value(const std::string& key) const;

 private:
  struct Committed {
    Entry entry;
    Ballot by;  // of the leader that committed it, as first seen
    bool matched = false;
  };
  using Proposer = std::tuple<NodeId, std::uint64_t, std::uint64_t>;
  void learn(const NodeId& node, Revision from, Revision upto, const Status& status);
  std::uint64_t epoch_of(Revision revision) const;
  void commit(const Entry& entry, const Status& status);

  std::string broken_;
  std::map<NodeId, std::map<Revision, Entry>> logs_;  // as handed to the disk
  std::map<NodeId, Revision> seen_committed_;
  std::map<NodeId, Revision> notified_;
  std::map<NodeId, Ballot> disk_promised_;
  std::map<std::pair<Revision, Ballot>, Hash128> chains_;
  std::map<Ballot, std::pair<NodeId, std::uint64_t>> leaders_;
  std::map<NodeId, bool> leads_;
  std::map<NodeId, bool> lease_runs_;
  std::map<Revision, Committed> committed_;
  std::map<std::uint64_t, Revision> seals_;  // epoch sealed -> revision of its Seal
  std::map<std::string, std::pair<std::string, Revision>> model_;
  std::map<Revision, std::vector<Register>> writes_;
  std::map<Proposer, Revision> logged_as_;
  std::map<Proposer, contract::Outcome> outcomes_;
};

}  // namespace vswim::shard_log::test
