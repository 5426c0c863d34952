// What the committed entries amount to: a map of registers and the last results of every proposer. Applying
// an entry is deterministic, so that every seat decides alike whether its batch matched (invariants I7, I8).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

constexpr std::size_t former_proposers_max = 16;  // a message is late by seconds, not by so many changes

class RegisterState {
 public:
  RegisterState() = default;
  explicit RegisterState(const Snapshot& snapshot);

  struct Applied {
    bool matched = true;              // false: an expected revision did not match, nothing was written
    std::vector<Register> registers;  // what changed, deletions without a value
  };
  // `entry.revision` is revision() + 1.
  Applied apply(const Entry& entry);

  Revision revision() const { return revision_; }
  const Hash128& chain() const { return chain_; }
  std::vector<Register> registers() const;
  Snapshot snapshot() const;
  std::optional<ProposalResult> result(const NodeId& proposer, StartNonce start,
                                       ProposalSequence sequence) const;
  // The newest sequence of this proposer's newest life that has a result.
  struct Newest {
    StartNonce start;
    ProposalSequence sequence;
  };
  std::map<NodeId, Newest> newest() const;

 private:
  struct Value {
    std::string value;
    Revision revision = 0;
  };
  bool matches(const Batch& batch) const;
  void remember(const Entry& entry, bool matched);
  void forget_former_members(const Configuration& configuration);

  Revision revision_ = 0;
  Hash128 chain_;
  std::map<std::string, Value> registers_;
  std::map<NodeId, ProposerResults> proposers_;
};

}  // namespace vswim::shard_log
