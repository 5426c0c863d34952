// One node's seat in one shard's log: voter (data or witness), learner, and, where this node's Core belongs
// to the shard, lease holder. Sans-IO. Viewstamped/Multi-Paxos style log with a quorum commit, leases L1-L10
// and L4b, and voter changes by seal-copy-start S1-S5: design 2, section 3; docs/safety.md. The invariants
// I1-I18 are this machine's.
//
// Verbs: step (a peer's message), on_timer, on_persisted; next_deadline and take_output. Whatever needs
// durability is not in the output before on_persisted has covered it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/note.hpp"
#include "base/rng.hpp"
#include "shard_log/messages.hpp"  // Message: the variant of everything seats say to each other
#include "shard_log/records.hpp"   // Record: the variant of everything a seat writes to disk
#include "shard_log/types.hpp"

namespace vswim::shard_log {

struct Settings {
  Duration lease_ttl = seconds(1);  // T
  std::int64_t drift_ppm = 10'000;  // largest rate error of each clock: 1 %
  Duration slack = milliseconds(10);
  std::uint32_t heartbeats_per_lease = 8;   // heartbeat interval T/8
  Duration core_stall_limit = seconds(10);  // L8
  Duration witness_replace_after = seconds(30);
  Duration elsewhere_remove_after = seconds(60);  // a data member that lives in another shard; above any move
  std::size_t tail_entries_max = 1'024;           // compaction: entries kept behind a snapshot
  std::size_t entries_per_message_max = 64;
  std::size_t batch_bytes_max = 1024 * 1024;  // a proposal larger than this is refused
};

struct Seat {
  NodeId node;
  ShardId shard;
  VoterUuid uuid;
  StartNonce start;  // this life of this node
  bool has_core =
      false;  // this node's Core is a member of this shard: the seat requests leases and notifies Core
};

struct Send {
  NodeId to;
  Message message;
  bool large = false;  // must go by stream
};

// ---- events to the provider ----
struct Updated {  // committed registers, in revision order (only with has_core)
  Revision revision = 0;
  bool snapshot = false;
  std::vector<Register> registers;
};
struct SettledUpTo {
  Revision revision = 0;
};
struct LeaseUntil {
  Instant deadline;
};  // Core's heartbeat (only with has_core)
struct LeaseLost {
  std::string reason;
};  // Core is not OK from now on
struct ProposalDone {
  ProposalSequence sequence;
  contract::Outcome outcome = contract::Outcome::unknown;
  Revision revision = 0;
  std::string text;
};
struct MembershipDone {  // answer to request_member
  Ticket request;
  contract::Outcome outcome = contract::Outcome::unknown;
  std::string text;
  Epoch epoch;  // the configuration epoch that contains (or no longer contains) the node
};
struct PeerLease {  // L10: a data member's lease has provably ended (ended) or it is leased again
  NodeId node;
  bool ended = false;
};
struct LeaderChanged {
  std::optional<NodeId> leader;
  Ballot ballot;
};
struct ConfigurationChanged {
  Configuration configuration;
};  // this seat learned a started configuration
struct SeatEnded {
  std::string reason;
};  // not in the configuration any more: the seat may be dropped
struct Released {
  Ticket ticket;
};
using Event = std::variant<Updated, SettledUpTo, LeaseUntil, LeaseLost, ProposalDone, MembershipDone,
                           PeerLease, LeaderChanged, ConfigurationChanged, SeatEnded, Released>;

struct Output {
  std::vector<Record> records;   // append, in order, then one sync, then on_persisted(persist_upto)
  PersistSequence persist_upto;  // valid when records is not empty
  bool compacted = false;        // records holds the seat's whole state: older records of this seat may go
  std::vector<Send> sends;
  std::vector<Event> events;
  std::vector<Note> notes;
};

struct Status {  // for INFO and the simulator's checkers; a copy, never a decision
  ShardId shard;
  VoterUuid uuid;  // this seat's own
  Configuration configuration;
  std::optional<Configuration> sealed;
  Ballot promised;
  bool ended = false;  // after SeatEnded: a new seat in this shard needs a new uuid and machine
  bool leading = false;
  bool leader_active = false;  // leading, no-op committed, may grant
  std::optional<NodeId> leader;
  Revision committed = 0;
  Revision settled = 0;
  Revision last_accepted = 0;
  Revision shown = 0;
  Instant lease_until{};              // of this node's Core; long_ago when none
  Instant leader_deadline{};          // D of rule L2 when leading
  bool has_majority_contact = false;  // leading or hearing from a leader
};

class ShardLog {
 public:
  // A new shard of one data voter (bootstrap): the first configuration, epoch 1, is written as a record at
  // once.
  static ShardLog bootstrap(const Settings& settings, const Seat& seat, Instant now, Rng rng);
  // An empty seat that waits for an Install (new data member, witness): holds nothing, votes for nothing.
  static ShardLog vacant(const Settings& settings, const Seat& seat, Instant now, Rng rng);
  // From this seat's records in file order. Silent for the largest T it ever promised (rule L7).
  static std::optional<ShardLog> recover(const Settings& settings, const Seat& seat,
                                         std::span<const Record> records, Instant now, Rng rng);
  ~ShardLog();
  ShardLog(ShardLog&&) noexcept;
  ShardLog& operator=(ShardLog&&) noexcept;

  void step(Instant now, const NodeId& from, const Message& message);
  void on_timer(Instant now);
  void on_persisted(Instant now, PersistSequence upto);
  Instant next_deadline() const;
  Output take_output();

  // ---- this node's Core, through the provider ----
  void propose(Instant now, ProposalSequence sequence, const Batch& batch);  // answered by ProposalDone
  void shown(Instant now, Revision revision);
  void pulse(Instant now);
  void advise_rank(Instant now, std::uint32_t rank);
  // L9; answered by Released. When the node ends its vote goes first: T/2 at most.
  void release(Instant now, Ticket ticket, bool node_ends);
  void on_clock_gap(Instant now);  // L8: drop the lease; a new one is asked for at once
  void resume(Instant now);        // after release: asks for leases, and may lead, again
  void set_has_core(Instant now,
                    bool has_core);  // a mover's old seat stops being a member; its new one starts

  // ---- voter changes ----
  // Add or remove a data member; any seat accepts it and forwards to the leader, requests queue. `uuid` is
  // the member's voter uuid when adding. The last data member removes itself only with `may_close`: the shard
  // ends with it, and all that its log says.
  void request_member(Instant now, Ticket request, bool add, const NodeId& node, const VoterUuid& uuid,
                      bool may_close = false);
  // Witness candidates, best first (rendezvous order, other shards, not dead); and nodes dead by both
  // detectors.
  void set_witness_candidates(Instant now, std::vector<NodeId> candidates);
  void set_dead(Instant now, std::vector<NodeId> dead);
  // Data members whose nodes are alive and members of another shard, or of the cluster no more, as SWIM has
  // it.
  void set_elsewhere(Instant now, std::vector<NodeId> nodes);
  // A node that looks dead and believes itself in this shard: if it is no member, and no lease can be left to
  // it (rule L10), PeerLease says so.
  void judge_absent(Instant now, const NodeId& node);
  // Leadership follows the primary: move it to this data voter once everything committed is settled.
  void transfer_leadership(Instant now, const NodeId& to);

  Status status() const;
  // Single fields of it, for whoever asks after every input.
  const Configuration& configuration() const;
  const std::optional<NodeId>& leader() const;
  bool leads() const;
  Instant leader_deadline() const;
  bool has_majority_contact() const;
  const Seat& seat() const;
  std::vector<Register> registers() const;  // committed state
  std::vector<Record> whole_state() const;  // what a compaction of the node's file must keep of this seat

 private:
  struct State;
  explicit ShardLog(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vswim::shard_log
