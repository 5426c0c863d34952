// The inside of a seat, shared by the rooms of src/shard_log only. One struct, because every rule reads what
// another one writes; one file per idea, because nobody should have to read them all:
//
//   shard_log.cpp    the face, the dispatch of messages, the timer
//   birth.cpp        bootstrap, recover, whole_state and compaction
//   voter.cpp        answers to leaders and candidates: promises, support, acceptance (L1, L7, L9)
//   election.cpp     pre-vote, prepare, adoption (the no-op, S1)
//   replication.cpp  the leader's entries, heartbeats, commit (L2)
//   settlement.cpp   the leader's book of leases: grants, settled, evidence of ended leases (L3, L4, L10),
//   transfer (L9) member.cpp       this node's Core: lease, notifications, proposals (L4b, L5, L8) seal.cpp
//   seal, copy, start (S1 to S5) change.cpp       which members the shard should have, and asking for the
//   seats
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/assert.hpp"
#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "shard_log/lease.hpp"
#include "shard_log/log.hpp"
#include "shard_log/outbox.hpp"
#include "shard_log/promise.hpp"
#include "shard_log/quorum.hpp"
#include "shard_log/reconfiguration.hpp"
#include "shard_log/register_state.hpp"
#include "shard_log/shard_log.hpp"

namespace vswim::shard_log {

struct Follower {};

struct Candidate {
  Ballot ballot;
  bool preparing = false;  // else asking for pre-votes
  Instant since;
  Instant retry_at;
  Ballot released;                       // stands on a ballot given up in our favour
  std::set<NodeId> granted;              // pre-votes, then promises; self by its durable promise
  std::map<NodeId, Revision> committed;  // of those who promised
  std::map<NodeId, Instant> install_at;  // pace of Installs to voters that are an epoch behind
  std::optional<Promised> best;          // the newest log of the quorum when it is not our own
  Instant released_until = Instant::long_ago();
};

struct Peer {  // a member as its leader sees it
  Voter voter;
  Epoch epoch;
  Instant supported = Instant::long_ago();  // L2: send time of the newest heartbeat of this ballot it acked
  Instant heard = Instant::long_ago();
  std::optional<Revision> committed;  // where entries can begin for it
  Revision matched = 0;               // durable there under this ballot
  Revision sent = 0;
  std::uint32_t in_flight = 0;
  Revision told_committed = 0;
  Revision told_settled = 0;
  Instant told_at = Instant::long_ago();  // the last Append left
  Instant retry_at = Instant::long_ago();
};

struct InstallRound {  // of a committed Seal
  Configuration next;
  Snapshot snapshot;
  Instant since;
  PersistSequence written;  // our own copy is durable from here on, when we are a member of `next`
  bool member = false;
  std::map<NodeId, Instant> own;  // voters that took our Install: its send time (S3, S4)
};

struct Transfer {
  NodeId to;
  Instant give_up;
  std::optional<Ticket> release;  // this node stops: answered by Released
};

struct Change {
  bool add = true;
  NodeId node;
  VoterUuid uuid;
  Instant since;
  struct Requester {
    NodeId node;
    StartNonce start;
    Ticket request;
  };
  std::vector<Requester> requesters;
};

struct Leader {
  Ballot ballot;
  Instant since;
  bool finishing = false;  // S1: the log was adopted with a Seal
  bool active = false;     // no-op committed: may acknowledge and grant (L4)
  Revision noop = 0;
  std::map<NodeId, Peer> peers;
  LeaseTable table;
  std::optional<Instant> frozen;  // S2
  std::optional<InstallRound> install;
  std::optional<Transfer> transfer;
  Instant heartbeat_at;
  std::map<NodeId, RegisterState::Newest> logged;         // newest proposal in the log, by proposer
  std::deque<std::pair<Revision, Instant>> commit_times;  // of what somebody with a lease may still not show
  std::optional<NodeId> predecessor;                      // led before us, and was not heard of since
  std::deque<Change> changes;
  Instant follow_at = Instant::long_ago();  // earliest next hand-over to the primary
  NodeId preferred;                         // a learner that should lead needs a voter's seat first
};

struct Pending {  // a proposal of this node's Core
  ProposalSequence sequence;
  Batch batch;
  std::size_t bytes = 0;
  Instant since;
  bool sent = false;
  std::optional<ProposalResult> result;  // matched and committed, waits to be settled
};

struct Leaving {  // this node's Core has stopped; told so once its vote is gone
  Ticket ticket;
  Instant limit;
};

struct Request {  // a voter change asked through this seat
  bool add = true;
  NodeId node;
  VoterUuid uuid;
  bool may_close = false;  // also if nobody is left then
  Instant since;
  Instant send_at;
};

struct SeatSearch {  // the leader's view of nodes that were asked for a seat
  struct Offer {
    VoterUuid uuid;
    Instant at;
  };
  std::map<NodeId, Offer> offers;
  std::map<NodeId, Instant> asked_since;
  std::map<NodeId, Instant> useless_until;
  Instant ask_at = Instant::long_ago();
};

struct ShardLog::State {
  State(const Settings& settings_in, const Seat& seat_in, Instant now, Rng rng_in);

  Settings settings;
  Seat seat;
  Rng rng;
  LeaseTerms terms;
  Outbox out;
  Instant clock;  // the latest instant handed in

  // durable
  Configuration configuration;  // epoch 0: vacant
  Ballot installed_by;
  Promise promise;
  Log log;
  bool ended = false;   // `configuration` is the epoch that went on without us
  PersistSequence vow;  // promise and T are durable from here on

  // the log's leadership as this seat sees it
  std::variant<Follower, Candidate, Leader> role;
  RegisterState registers;       // its revision is the newest one known as committed
  bool committed_known = false;  // a leader (or being the lone voter) told what is committed
  Revision settled = 0;
  std::optional<NodeId> leader;
  Ballot leader_ballot;
  Instant heard_at = Instant::long_ago();
  std::uint64_t seen_round = 0;
  Instant not_before = Instant::long_ago();  // courtesy after a lost election
  Duration stand_jitter;
  std::uint32_t rank = 0;
  bool rank_advised = false;
  Epoch told_epoch;  // of the last ConfigurationChanged
  Epoch waited_for;  // an Install of this epoch was waited for

  // this node's Core
  LeaseHolder holder;
  bool lease_told = false;  // LeaseUntil without LeaseLost since
  bool lease_released = false;
  bool node_ends = false;  // released because of that
  std::optional<Leaving> leaving;
  Instant pulse_at;
  Instant request_at = Instant::never();
  Instant poke_at;  // a seat that cannot stand asks whether the shard moved on
  Revision shown = 0;
  Revision notified = 0;
  Revision settled_told = 0;
  std::deque<Pending> pending;
  Instant pending_retry_at = Instant::never();

  // voter changes
  std::map<Ticket, Request> requests;
  std::vector<NodeId> witness_candidates;
  std::map<NodeId, Instant> dead_since, elsewhere_since;
  std::map<NodeId, StartNonce> stopped;  // their Cores have stopped: they said so
  Duration replace_jitter;
  SeatSearch search;
  bool told_no_witness = false;

  // ---- shard_log.cpp
  void step(Instant now, const NodeId& from, const Message& message);
  void tick(Instant now);
  void after_input(Instant now);
  Instant next_deadline() const;
  Duration interval() const { return settings.lease_ttl / settings.heartbeats_per_lease; }
  // Who answers is asked every second time only, so that a leader finds out within T/8 that an answer is
  // missing, and an idle shard costs half of that.
  Duration idle_pace() const { return interval() * 2; }
  Duration fraction(std::int64_t part) const { return settings.lease_ttl / part; }
  Leader* leading() { return std::get_if<Leader>(&role); }
  const Leader* leading() const { return std::get_if<Leader>(&role); }
  Candidate* standing() { return std::get_if<Candidate>(&role); }
  const Candidate* standing() const { return std::get_if<Candidate>(&role); }
  bool vacant() const { return configuration.epoch.value == 0; }
  const Voter* self_voter() const {
    return ended ? nullptr : find_voter(configuration, seat.node, seat.uuid);
  }
  bool is_voter() const {
    const auto* self = self_voter();
    return self != nullptr && counts(*self);
  }
  bool may_lead() const {
    const auto* self = self_voter();
    return self != nullptr && self->role == Role::data;
  }
  bool may_lead(const NodeId& node) const;
  bool lone_voter() const { return is_voter() && voter_count(configuration) == 1; }
  bool is_member() const {
    const auto* self = self_voter();
    return self != nullptr && self->role != Role::witness;
  }
  template <class Record_>
  void vow_record(Record_ record) {
    vow = out.record(std::move(record));
    promise.mark(vow);
  }
  template <class Record_>
  void log_record(Record_ record) {
    vow = out.record(std::move(record));
    promise.mark(vow);
    log.mark(vow);
  }

  // ---- birth.cpp
  void found(Instant now);
  bool replay(std::span<const Record> records);
  StateRecord state_record() const;
  void compact_if_long();

  // ---- voter.cpp
  void on(Instant now, const NodeId& from, const Append& message);
  void on(Instant now, const NodeId& from, const PreVote& message);
  void on(Instant now, const NodeId& from, const Prepare& message);
  void on(Instant now, const NodeId& from, const ReleaseBallot& message);
  void on(Instant now, const NodeId& from, const StandNow& message);
  void accept(const Append& message);
  bool agrees_with_committed(Revision base, const std::vector<Entry>& entries) const;
  void answer_append(const NodeId& from, const Append& message, bool supports, bool wrote);
  void answer_moved(const NodeId& to) { out.send(to, Moved{configuration}); }
  void follow(Instant now, const NodeId& node, const Ballot& ballot);
  void step_down(Instant now);
  void note_lead(Instant now);  // L1: the leader's own deadline and grants bind its vote
  Promised promised_for(Instant now, const Prepare& message) const;

  // ---- election.cpp
  Instant stand_at() const;
  void stand(Instant now);
  void prepare(Instant now, const Ballot& released);
  Ballot next_ballot() const;
  void ask_again(Instant now);
  void send_prepare(const NodeId& to);
  void abandon(Instant now, Duration pause);
  void on(Instant now, const NodeId& from, const PreVoted& message);
  void on(Instant now, const NodeId& from, const Promised& message);
  void on(Instant now, const NodeId& from, const Refused& message);
  bool sound(const Promised& message) const;
  void try_win(Instant now);
  void adopt(const Promised& best, AcceptRecord& record);
  void lead(Instant now);
  void take_office(Instant now, Leader& leader_in);

  // ---- replication.cpp
  void on(Instant now, const NodeId& from, const Appended& message);
  void append_entry(Leader& office, Entry entry);
  void advance(Instant now);
  void advance_commit(Instant now, Revision upto);
  void activate(Instant now);
  void step_aside(Instant now);
  void heartbeat(Instant now);
  void flush(Instant now);
  void flush_peer(Instant now, Leader& office, Peer& peer);
  void send_entries(Instant now, Leader& office, Peer& peer);
  void send_whole(Instant now, Leader& office, Peer& peer);
  Append blank_append(Instant now, const Leader& office) const;
  void note_told(Instant now, Peer& peer) const;
  Instant deadline(Instant now) const;  // D of rule L2
  void take_proposals(Instant now, const NodeId& proposer, StartNonce start, ProposalSequence after,
                      const std::vector<Proposal>& proposals);
  void on(Instant now, const NodeId& from, const Propose& message);

  // ---- settlement.cpp
  void on(Instant now, const NodeId& from, const LeaseRequest& message);
  void on(Instant now, const NodeId& from, const LeaseRelease& message);
  std::optional<Duration> grant(Instant now, const NodeId& node, const LeaseRequest& request);
  bool kept_waiting(Instant now, const Leader& office, Revision shown) const;
  void settle(Instant now);
  void serve_own_core(Instant now);
  void report_peers(Instant now);
  void judge_absent(Instant now, const NodeId& node);
  void report(const NodeId& node, bool ended_lease);
  void follow_primary(Instant now);
  void leave_to_a_living_core(Instant now);
  void tick_transfer(Instant now);
  void give_up_ballot(Instant now, const std::optional<NodeId>& to);

  // ---- member.cpp
  void on(Instant now, const NodeId& from, const LeaseGrant& message);
  void notify(Instant now);
  void notify_entry(const Entry& entry, const RegisterState::Applied& applied);
  void notify_settled(bool again);
  void lease_extended(Instant deadline);
  void lose_lease(const std::string& reason);
  void request_lease(Instant now);
  Instant lost_at() const;
  void poke(Instant now);
  void tick_member(Instant now);
  bool vote_can_go(Instant now) const;
  void end_leaving();
  bool core_alive(Instant now) const {
    return !VSWIM_RULE(l8) || now - pulse_at <= settings.core_stall_limit;
  }
  void propose(Instant now, ProposalSequence sequence, const Batch& batch);
  void send_proposals(Instant now, std::size_t first);
  void resolve(const ProposalResult& result);
  void resolve_from_state();
  void answer_settled();
  void expire_pending(Instant now);
  void fail_pending(const std::string& why);
  void done(const Pending& proposal, contract::Outcome outcome, Revision revision, std::string text);

  // ---- seal.cpp
  void seal(Instant now, Configuration next);
  void begin_install(Instant now);
  void send_installs(Instant now);
  void install_peer(Instant now, const NodeId& node, const Ballot& ballot);
  void take_state(Instant now, const Configuration& next, const Snapshot& snapshot, const Ballot& by);
  void try_start(Instant now);
  void end_seat(Instant now, const Configuration& next, const std::string& reason);
  void on(Instant now, const NodeId& from, const Install& message);
  void on(Instant now, const NodeId& from, const Installed& message);
  void on(Instant now, const NodeId& from, const Moved& message);
  void told_configuration();

  // ---- change.cpp
  void on(Instant now, const NodeId& from, const SeatRequest& message);
  void on(Instant now, const NodeId& from, const SeatOffer& message);
  void on(Instant now, const NodeId& from, const ChangeRequest& message);
  void on(Instant now, const NodeId& from, const ChangeAnswer& message);
  void request_member(Instant now, Ticket request, bool add, const NodeId& node, const VoterUuid& uuid,
                      bool may_close);
  bool may_close(const Change& change) const;
  void refuse_closing(const Change& change);
  void tick_requests(Instant now);
  void tick_changes(Instant now);
  void answer_changes(Instant now);
  void answer_change(const Change& change, contract::Outcome outcome, const std::string& text);
  void request_done(Ticket request, contract::Outcome outcome, const std::string& text, Epoch epoch);
  bool satisfied(const Change& change) const;
  bool lives_elsewhere(Instant now, const Voter& voter) const;
  std::vector<Voter> wanted_data(Instant now);
  bool add_wanted(Instant now, const Change& change, std::vector<Voter>& data);
  struct WitnessChoice {
    std::optional<Voter> voter;
    bool waiting = false;  // somebody was asked and may still answer
  };
  void forget_candidates(const std::optional<NodeId>& but);
  std::vector<NodeId> absent(Instant now, const std::vector<Voter>& data) const;
  WitnessChoice wanted_witness(Instant now, const std::vector<Voter>& data, std::size_t there);
  bool witness_is_bad(Instant now, const Voter& witness);
  const SeatSearch::Offer* offered(Instant now, const NodeId& node, Role seat_role);
  std::optional<NodeId> successor(Instant now) const;
  bool enough_alive(Instant now, const std::vector<Voter>& voters) const;
  void close_shard(Instant now);
};

}  // namespace vswim::shard_log
