// The vocabulary of a shard log: ballots, revisions, configurations, entries, records. Values only.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/counter.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"

namespace vswim::shard_log {

using contract::Batch;
using contract::Register;
using Revision = std::uint64_t;  // dense counter of the log; 0 = nothing yet

struct Ballot {
  std::uint64_t round = 0;
  NodeId node;
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};

// data: full voter that may lead and lease. witness: votes and stores, never leads, never leases.
// learner: stores and leases, does not vote. seat: votes and stores only (a mover's old seat), like a witness.
enum class Role : std::uint8_t { data, witness, learner };

struct Voter {
  NodeId node;
  VoterUuid uuid;
  Role role = Role::data;
  friend auto operator<=>(const Voter&, const Voter&) = default;
};

struct Configuration {
  Epoch epoch;
  std::vector<Voter> voters;  // sorted by node; learners included, they do not count in quorums
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

struct Entry {
  Revision revision = 0;
  Ballot ballot;               // under which it was (re-)accepted
  NodeId proposer;             // nil for no-op and seal
  StartNonce proposer_start;
  ProposalSequence sequence;
  Batch batch;                             // empty for no-op and seal
  std::optional<Configuration> seal;       // the sealed next configuration
  Hash128 chain;                           // hash over the previous chain value and this entry's content
  friend bool operator==(const Entry&, const Entry&) = default;
};

}  // namespace vswim::shard_log
