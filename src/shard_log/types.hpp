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
  std::uint64_t seat =
      0;  // from the voter uuid: a node without memory never speaks with its former self's ballot (I2)
  friend auto operator<=>(const Ballot&, const Ballot&) = default;
};

// data: full voter that may lead and lease. witness: votes and stores, never leads, never leases.
// learner: stores and leases, does not vote. (A mover's old seat is a data voter whose node has no Core
// here.)
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
  Ballot ballot;    // whose leader wrote it first; stable, part of the chain (a log's own rank is its
                    // accepted ballot, rules L1 and S5)
  NodeId proposer;  // nil for no-op and seal
  StartNonce proposer_start;
  ProposalSequence sequence;
  Batch batch;                        // empty for no-op and seal
  std::optional<Configuration> seal;  // the sealed next configuration
  Hash128 chain;                      // hash over the previous chain value and this entry's content
  friend bool operator==(const Entry&, const Entry&) = default;
};

// What became of one proposal: part of the replicated state, so that a retry under another leader is answered
// alike.
struct ProposalResult {
  ProposalSequence sequence;
  bool matched = false;  // false: an expected revision did not match, nothing was written
  Revision revision = 0;
  friend bool operator==(const ProposalResult&, const ProposalResult&) = default;
};
struct ProposerResults {
  NodeId node;
  StartNonce start;
  std::vector<ProposalResult> results;  // newest last, at most proposals_in_flight_max
  friend bool operator==(const ProposerResults&, const ProposerResults&) = default;
};

// Everything the entries up to `revision` amount to.
struct Snapshot {
  Revision revision = 0;
  Hash128 chain;
  std::vector<Register> registers;         // sorted by key, each with the revision of its last write
  std::vector<ProposerResults> proposers;  // sorted by node
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

// A proposer sends everything it has no answer for; more than this waits at home. Also the results kept per
// proposer.
constexpr std::size_t proposals_in_flight_max = 64;
constexpr std::size_t voters_max = 64;  // members of one configuration: a shard is small

}  // namespace vswim::shard_log
