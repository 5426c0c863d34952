// What the seats of one shard say to each other, as values. The shard itself is named by the packet that
// carries them. `epoch` is always the sender's configuration epoch, `ballot` the ballot the message speaks
// for, `voter` the voter uuid of an answering seat: an answer counts only if the configuration names this
// uuid (invariant I14).
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

// ---- replication and support: leader to members ----

// Heartbeat and entries in one. `entries` follow `base`, whose chain must match, or the snapshot.
struct Append {
  Epoch epoch;
  Ballot ballot;
  Instant sent;        // leader's clock, echoed: rule L2 counts from it
  Duration ttl;        // T of the leader: what the voter promises by its answer
  bool whole = false;  // first write under this ballot: everything through the no-op (rule S1: the Seal)
  Revision base = 0;
  Hash128 base_chain;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;
  Revision committed = 0;
  Revision settled = 0;
  friend bool operator==(const Append&, const Append&) = default;
};
struct Appended {
  Epoch epoch;
  Ballot ballot;
  VoterUuid voter;
  Instant sent;           // echo
  bool supports = false;  // rule L1 holds from now; false while silent (rule L7)
  Revision matched = 0;  // durable and equal to the leader's log under this ballot up to here; 0: nothing yet
  Revision committed = 0;  // known here as committed: a base the leader can build on
  friend bool operator==(const Appended&, const Appended&) = default;
};

// ---- election ----

struct PreVote {
  Epoch epoch;
  Ballot ballot;  // the one the sender would stand with
  friend bool operator==(const PreVote&, const PreVote&) = default;
};
struct PreVoted {
  Epoch epoch;
  Ballot ballot;  // echo
  VoterUuid voter;
  bool granted = false;
  Duration wait;  // when not granted: ask again after this
  friend bool operator==(const PreVoted&, const PreVoted&) = default;
};
struct Prepare {
  Epoch epoch;
  Ballot ballot;
  Ballot accepted;  // rank of the candidate's own log, so that nobody sends it an older one
  Revision last = 0;
  Revision committed = 0;
  Ballot released;  // a ballot its leader gave up in the candidate's favour (rule L9); nil round: none
  friend bool operator==(const Prepare&, const Prepare&) = default;
};
struct Promised {
  Epoch epoch;
  Ballot ballot;
  VoterUuid voter;
  Ballot
      accepted;  // rank of this voter's log (rule S5: nil when it was installed and nothing accepted since)
  Revision last = 0;
  Revision committed = 0;
  std::optional<Snapshot> snapshot;  // only when this log outranks the candidate's: from here
  std::vector<Entry> entries;        // or from the candidate's committed revision on
  Duration released;                 // a released support of this voter would have run for so long (rule L9)
  friend bool operator==(const Promised&, const Promised&) = default;
};
struct Refused {  // answer to Prepare or Append
  Epoch epoch;
  Ballot ballot;  // echo
  VoterUuid voter;
  Ballot promised;  // higher than `ballot`, or the same when only `wait` stands against it
  Duration wait;    // rules L1 and L7 forbid an answer for so long
  friend bool operator==(const Refused&, const Refused&) = default;
};
struct ReleaseBallot {  // its leader leads no more: supports of it are over (rule L9)
  Epoch epoch;
  Ballot ballot;
  friend bool operator==(const ReleaseBallot&, const ReleaseBallot&) = default;
};
struct StandNow {  // leadership is handed to the receiver; `ballot` is released
  Epoch epoch;
  Ballot ballot;
  friend bool operator==(const StandNow&, const StandNow&) = default;
};

// ---- leases of Core ----

struct LeaseRequest {  // also the report of what Core shows (rule L5)
  Epoch epoch;
  StartNonce start;
  RequestNumber number;
  Revision shown = 0;
  bool renew = true;  // false: only a report
  std::uint32_t rank = 0;
  friend bool operator==(const LeaseRequest&, const LeaseRequest&) = default;
};
struct LeaseGrant {
  Epoch epoch;
  Ballot ballot;
  StartNonce start;
  RequestNumber number;
  Duration duration;
  Revision settled = 0;
  friend bool operator==(const LeaseGrant&, const LeaseGrant&) = default;
};
// Core has stopped; grants for requests up to `number` are void (rule L9). Told to the leader of `ballot`:
// the next one cannot know which number the last grant under a released ballot had, so an old release that
// comes late must not clear what it suspects.
struct LeaseRelease {
  StartNonce start;
  RequestNumber number;
  Ballot ballot;
  bool ends = false;  // the node shuts down: its vote is free
  friend bool operator==(const LeaseRelease&, const LeaseRelease&) = default;
};

// ---- proposals ----

struct Proposal {
  ProposalSequence sequence;
  Batch batch;
  friend bool operator==(const Proposal&, const Proposal&) = default;
};
// Sequences of one life are logged in order and never skipped: `after` is the newest one before these that
// still has no answer (0: none); a leader that has not logged it ignores the message and waits for the retry,
// which begins there.
struct Propose {
  StartNonce start;
  ProposalSequence after;
  std::vector<Proposal> proposals;
  friend bool operator==(const Propose&, const Propose&) = default;
};

// ---- voter changes ----

struct SeatRequest {  // be a voter of this shard; answered with the uuid of the seat there
  Role role = Role::witness;
  friend bool operator==(const SeatRequest&, const SeatRequest&) = default;
};
struct SeatOffer {
  VoterUuid uuid;
  friend bool operator==(const SeatOffer&, const SeatOffer&) = default;
};
struct Install {  // rules S3, S4, S5: state of the new epoch; the receiver promises and supports `ballot`
  Configuration configuration;
  Ballot ballot;
  Instant sent;
  Duration ttl;
  Snapshot snapshot;
  friend bool operator==(const Install&, const Install&) = default;
};
struct Installed {
  Epoch epoch;
  Ballot ballot;  // echo of the Install
  VoterUuid voter;
  Instant sent;  // echo
  Ballot by;     // whose Install this epoch's state came from: "already, with this" when not `ballot`
  bool supports =
      false;  // rule S3: an Install counts as support, unless this seat is silent or supports another
  friend bool operator==(const Installed&, const Installed&) = default;
};
struct Moved {  // the sender's epoch is newer than the one it was asked in
  Configuration configuration;
  friend bool operator==(const Moved&, const Moved&) = default;
};
struct ChangeRequest {  // add or remove a data member, to the leader
  StartNonce start;
  Ticket request;
  bool add = true;
  NodeId node;
  VoterUuid uuid;
  friend bool operator==(const ChangeRequest&, const ChangeRequest&) = default;
};
struct ChangeAnswer {
  StartNonce start;
  Ticket request;
  contract::Outcome outcome = contract::Outcome::unknown;
  std::string text;
  Epoch epoch;
  friend bool operator==(const ChangeAnswer&, const ChangeAnswer&) = default;
};

using Message = std::variant<Append, Appended, PreVote, PreVoted, Prepare, Promised, Refused, ReleaseBallot,
                             StandNow, LeaseRequest, LeaseGrant, LeaseRelease, Propose, SeatRequest,
                             SeatOffer, Install, Installed, Moved, ChangeRequest, ChangeAnswer>;

// A node without a seat in the shard creates a vacant one for such a message and steps it; all others are
// dropped.
inline bool opens_seat(const Message& message) { return std::holds_alternative<SeatRequest>(message); }

}  // namespace vswim::shard_log
