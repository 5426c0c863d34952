// Core's one state, shared by its procedures (the files named below). Each procedure owns its own part of it
// and changes the others' only through the functions declared here. Nothing outside this folder includes this
// file.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "base/rng.hpp"
#include "core/cluster_view.hpp"
#include "core/core.hpp"
#include "core/core_messages.hpp"
#include "core/log_view.hpp"
#include "core/migrations.hpp"
#include "core/routing.hpp"

namespace vswim::core {

// ---- what a provider's Completed is the answer to ----
enum class AdminKind : std::uint8_t { meet, forget, replicate, replicate_no_one, reset, takeover };
struct AdminOp {
  AdminKind kind = AdminKind::meet;
  std::optional<CommandTicket> client;  // absent: answered at once (the client could not block) or gone
  ShardId old_shard;
  bool was_last_member = false;
  bool was_replica = false;
  bool hard = false;
  std::uint64_t epoch = 0;           // RESET: the current one
  NodeId node;                       // FORGET: the victim
  bool owned_slots = false;          // FORGET: its shard did
  std::optional<ShardId> by_itself;  // REPLICATE: nobody told this node to go there
};
struct PublishOp {};
struct OffsetOp {};
struct PrimaryshipOp {
  bool bootstrap = false;
};
struct SlotsOp {};
struct HandOverOp {};  // of a graceful end
struct FenceOp {};     // of a manual failover, by the primary: FENCED and back
struct TakeOverOp {};  // and by the replica: names itself
struct ReleaseOp {};
struct CleanOp {};
struct MigrationOp {  // a write of a migration's register, with the slots that go with it
  JobId job;          // absent (nil) when a command announces several
  bool import = false;
  std::vector<JobId> announced;
  std::optional<CommandTicket> client;
};
using Purpose = std::variant<AdminOp, PublishOp, OffsetOp, PrimaryshipOp, SlotsOp, HandOverOp, FenceOp,
                             TakeOverOp, ReleaseOp, CleanOp, MigrationOp>;
struct Pending {
  Purpose purpose;
  Instant limit = Instant::never();  // an admin command's client is answered by then
  std::uint64_t log_namespace = 0;   // in which a shard-log write was made
};

// ---- parts ----
struct SlotChange {  // of one slot's state, refused when the slot is in none of the states it may leave
  Slot slot = 0;
  SlotEntry to;  // `claim`: what a claim that is taken has to outrank; a claim that is held stays
  std::vector<SlotState> from;
};
struct HandOver {  // what an answer depends on once a slot is handed over in the log
  SlotEntry before;
  KeysLeft keys = KeysLeft::refuse;
  std::optional<NodeId> asker;  // who may take the slot then, and its question's number
  std::uint64_t question = 0;
};
struct SlotJob {  // one change of this shard's slots in its log; done one after the other (slot_jobs.cpp)
  SlotSet add, remove;
  std::optional<SlotChange> change;
  std::optional<HandOver> hand_over;
  bool compared = false;           // claims lost to a higher one: compared anew before it is tried again
  std::optional<ShardId> lost_to;  // and their keys go once the log is cleared (rule I21)
  std::optional<CommandTicket> client;
  Instant limit;
};
struct Take {  // a slot that this shard wants from its owner (proc_take_slot.cpp)
  Slot slot = 0;
  KeysLeft keys = KeysLeft::refuse;
  std::optional<CommandTicket> client;
  Instant limit;
};
// What waits for a replica to have all that this node has: a primary that dies right after a slot changed
// hands must neither take the keys that came with it along nor leave an heir with those that went.
struct ReplicaWait {
  std::uint64_t offset = 0;
  Instant limit, next_ask;
  Take take;  // on the side that takes: `client`, `claim` to outrank
  ClaimNumber claim = 0;
  std::optional<NodeId> asker;  // on the side that gives: who asked, and its question's number
  std::uint64_t question = 0;
};
struct OwnerWait {  // a client that was told of an owner while none is known: until that one's claim is here
  Slot slot = 0;
  ShardId owner;
  CommandTicket client = 0;
  Instant limit;
};
struct CountWait {  // COUNTKEYSINSLOT of a slot whose keys are being removed (key_counts.cpp)
  CommandTicket client = 0;
  Slot slot = 0;
  Instant limit;
};
struct WaitingReplicate {  // CLUSTER REPLICATE, until the own log says whether there are slots
  CommandTicket ticket = 0;
  std::vector<std::string> arguments;
  Caller caller;
  Instant limit;
};
struct TakeState {
  std::map<std::uint64_t, Take> open;  // by number of its question
  std::uint64_t last_question = 0;
  Instant next_ask = Instant::never();
  SlotSet disowned;         // another shard's, named by DELSLOTS here: ADDSLOTS may take them for a while
  SlotSet given_with_keys;  // by BUMPEPOCH: their keys go once the taker has them
  Instant disowned_until = Instant::long_ago();
  std::vector<OwnerWait> waits;
  std::vector<ReplicaWait> replicas;
  std::vector<Slot> handed_over;  // this shard's, promised to others
  Instant next_offer = Instant::never();
};
struct PublishState {  // publish.cpp
  std::optional<Ticket> in_flight, offset_in_flight;
  Instant retry_at = Instant::never();
  bool due = true;                                         // something that is projected may have changed
  std::vector<std::pair<CommandTicket, Instant>> replies;  // OK once everything is published
};
struct FailoverState {  // proc_failover.cpp
  enum class Phase : std::uint8_t { idle, exchanging, waiting_turn, proposing, backoff };
  Phase phase = Phase::idle;
  Instant deadline = Instant::never();
  std::map<NodeId, OffsetAnswer> answers;
  std::uint32_t turns = 0;          // waited for somebody who ranks before this node
  std::optional<NodeId> deposed;    // the primary that is being replaced, for the notes
  std::optional<NodeId> restarted;  // the logged primary announced a restart and this replica stands
  Instant restarted_until{};
  contract::Revision named;  // of the primaryship last looked at, and
  Instant old_news_until{};  // how long a FAIL that is older than it says nothing about whom it names
  std::string barred_note;   // said once per reason
  std::optional<std::uint32_t> advised_rank;
};
struct RestartState {              // proc_restart.cpp
  bool open = false;               // the right may be taken up
  bool saw_other_primary = false;  // in this life and namespace: then it was not a restart
  bool proposed = false;           // this life's own proposal may have written the register
  bool asking = false;
  Instant started{}, next_ask = Instant::never();
  std::map<NodeId, RestartAnswer> answers;
  bool down_noted = false;
};
struct ClaimState {  // proc_claims.cpp
  Instant next_ask = Instant::never();
  Instant yield_until = Instant::never();  // a join that nothing came of gives them back
  SlotSet yielding;  // empty claims that give way to the cluster just joined: not served
  SlotSet disputed_noted;
};
struct EngineState {  // proc_engine.cpp
  EngineReport report;
  bool known = false;
  // What was loaded at the start is of the shard that this node was in then, and of no other.
  bool loaded_elsewhere = false;
  bool leaving = false;   // a Detach waits for a client's answer: REPLICAOF would cut it off
  bool ran_on = false;    // in this life primary, or in sync with the primary that it follows
  bool of_shard = false;  // the data set is of this shard, if not its newest: no sync has begun to replace it
  std::variant<std::monostate, Follow, Promote, Detach> last_role;
  Instant last_role_at{};
};
struct EndState {  // graceful_end.cpp
  enum class Phase : std::uint8_t { idle, waiting, writing, releasing, done };
  Phase phase = Phase::idle;
  Instant limit = Instant::never();
  Instant next_ask = Instant::never();
  std::map<NodeId, OffsetAnswer> answers;
};

struct FenceState {  // proc_fence.cpp: the primary's side of a manual failover
  enum class Phase : std::uint8_t { open, fencing, fenced, reverting };
  Phase phase = Phase::open;
  NodeId heir;
  std::uint64_t attempt = 0;
  std::uint64_t revision = 0;        // of FENCED in the log
  Instant heard{};                   // from the heir
  Instant end = Instant::never();    // of the whole attempt
  Instant limit = Instant::never();  // the nearest of that and the heir's silence
  Instant retry_at = Instant::never();
  bool holding = false;       // FENCED was shown: writes are held since
  bool offset_known = false;  // and the engine has reported since
};
struct ManualState {  // proc_manual_failover.cpp: the replica's side
  enum class Phase : std::uint8_t { idle, asking, catching_up, taking, forcing };
  Phase phase = Phase::idle;
  NodeId primary;
  bool takeover = false;  // of a forced one: without the log, if it gives no answer
  std::uint64_t attempt = 0;
  std::optional<HandOverOffer> offer;
  Instant limit = Instant::never();
  Instant next = Instant::never(), ask_at = Instant::never();  // to look again, to ask again
  Instant arriving_until = Instant::long_ago();                // clients wait here for the promotion
};

struct MoveConsents {  // proc_replica_migration.cpp: who was told last that it may come, or go
  NodeId node;
  Instant until = Instant::long_ago();
};
struct ReplicaMigrationState {
  std::map<ShardId, Instant> without_slots, orphaned;  // since when
  std::set<ShardId> gained_slots;  // their first, while other shards had replicas: are owed one, too
  std::uint64_t question = 0;      // 0: none is open
  ShardId to;
  Instant asked{};
  bool wanted = false;           // by the orphan; its own primary was asked since
  MoveConsents leaving, coming;  // as a primary
};
struct OwnMoveState {  // proc_own_move.cpp
  Instant next_try = Instant::long_ago();
  std::optional<ShardId> home;  // a move that came to nothing left this node alone: where it came from
};
struct EmptiedState {                   // proc_emptied_shard.cpp
  Instant since = Instant::long_ago();  // this node could go where the last slots went; long ago: it cannot
  bool left_behind = false;             // it tried to follow its primary, which nothing came of
};

struct Machine {
  Settings settings;
  const SlotKeyCounts& counts;
  Rng rng;
  Instant now;
  Output out;

  ClusterView view;
  LogView log;
  std::optional<Ticket>
      aside;  // rule L9: this node asked to leave its shard and serves nothing until that is decided
  Instant lease_until = Instant::long_ago();
  std::uint64_t lapses = 0;
  bool was_elsewhere = false;  // the log named another primary since this node last was it
  bool copy_left = false;  // taken out of its shard as a replica: its keys are another's (RESET drops them)
  std::uint64_t own_epoch = 0;
  std::uint64_t bumped_epoch = 0;  // by BUMPEPOCH: with it SETSLOT NODE takes slots with keys, as natively
  const SlotUsageTable* slot_usage = nullptr;  // of the engine
  std::vector<WaitingReplicate> waiting_replicates;
  std::vector<CountWait> count_waits;
  Instant next_count = Instant::never();
  std::uint64_t epoch_before_reset = 0;  // RESET SOFT keeps the current one
  bool primary_here = false;
  RoutingTable table;
  bool dirty = true;                                       // something the routing table is made of changed
  std::uint64_t refused_values = 0, refused_messages = 0;  // bad input from peers

  EngineState engine;
  PublishState publish;
  FailoverState failover;
  RestartState restart;
  ClaimState claims;
  EndState end;
  Migrations migrations;
  FenceState fence;
  ManualState manual;
  SlotSet taken_slots;  // by TAKEOVER, on the way into a shard of this node's own
  TakeState takes;
  ReplicaMigrationState migration;
  OwnMoveState own_move;
  EmptiedState emptied;
  std::deque<SlotJob> slot_jobs;
  std::optional<Ticket> slot_job_in_flight;
  Instant slot_jobs_wait = Instant::long_ago();  // the first one waits for keys to go
  bool in_transaction = false;  // of a client: its next command may still take slot changes back
  std::optional<Ticket> primaryship_in_flight;
  Instant primaryship_retry_at{};
  std::map<Ticket, Pending> pending;
  Ticket last_ticket;
  std::map<NodeId, Instant> linked_since;  // peers, since when they are known and not FAIL (CLUSTER LINKS)
  Traffic traffic;
  NodeId introduced_node;  // until there is a view
  ShardId introduced_shard;
  Instant next_second{}, next_pulse{};
  std::map<std::string, std::string> provider_status;
  bool full_coverage_was_ok = false;

  Machine(const Settings& s, const SlotKeyCounts& c, Instant start, Rng r)
      : settings(s), counts(c), rng(r), now(start), next_second(start), next_pulse(start) {}

  // ---- helpers ----
  bool leased() const { return now < lease_until; }
  bool alone() const { return view.members().size() <= 1; }
  // No claim of a later day may be lower than one of before: who loses a comparison drops its keys.
  ClaimNumber claim_seen(Slot slot) const { return std::max(view.claim_seen(slot), log.claim_seen(slot)); }
  bool is_peer(const NodeId& node) const;  // a member of this node's shard
  bool only_member() const;                // of its shard, this node
  bool is_replica_role() const;            // the own log names another primary
  Ticket next_ticket(Purpose purpose, Instant limit = Instant::never());
  // Out of line and by reference: g++ 12 warns falsely about inlined moves of these variants.
  void operate(contract::Operation&& operation);
  void act(EngineAction&& action);
  void note(NoteLevel level, std::string text) { out.notes.push_back({level, std::move(text)}); }
  void reply(CommandTicket ticket, Reply reply) { out.replies.push_back({ticket, std::move(reply)}); }
  void reply(const std::optional<CommandTicket>& ticket, Reply r) {
    if (ticket) reply(*ticket, std::move(r));
  }
  void send(const NodeId& to, const CoreMessage& message) {
    operate(contract::SendToCore{to, encode(message)});
  }
  void send(const NodeId& to, const MigrationMessage& message) {
    operate(contract::SendToCore{to, encode_migration(message)});
  }
  bool speaks_for_another(const NodeId& from, const ShardId& shard) const;  // a member of it, and not of ours
  // As after a restart of the shard: what was loaded counts as its data, if it is of this shard.
  EngineReport loaded_report() const;
  std::vector<NodeId> reachable_peers() const;  // other members of this shard that are not FAIL
  bool propose_primaryship(const NodeId& node, Purpose purpose, bool fenced = false);
  std::string name_of(const NodeId& id) const;  // for notes: "ip:port (id...)"
};

// ---- publish.cpp: gossip registers as a projection of the log and the settings ----
void publish_registers(Machine& m);
void on_published(Machine& m, const contract::Completed& done);
void publish_offset(Machine& m);
void linger(Machine& m, const SlotSet& slots);  // that another shard has: nobody sees them without an owner
void resolve_epoch_ties(Machine& m);
void step_waiting_replicates(Machine& m);  // proc_admin.cpp
void step_key_counts(Machine& m);          // key_counts.cpp
std::uint64_t current_epoch(const Machine& m);
void delete_shard_registers(Machine& m, const ShardId& shard);
void delete_node_register(Machine& m, const NodeId& node);

// ---- slot_jobs.cpp ----
void run_slot_jobs(Machine& m);
void drop_lost_keys(Machine& m);  // from time to time: a primary may die before it has dropped them
void on_slots_done(Machine& m, const contract::Completed& done);
void end_slot_jobs(Machine& m, const std::string& reason);
// The slot's entry once everything that is queued is done.
SlotEntry planned_entry(const Machine& m, Slot slot);
// An atomic migration has this slot in hand, on either side; nothing else may change it.
bool moves_as_a_whole(const Machine& m, Slot slot);
// Behind its fence, or on the side that takes: its end has begun, and even its owner's removal comes too
// late.
bool migration_decides(const Machine& m, Slot slot);
constexpr std::string_view being_migrated = " is being migrated by CLUSTER MIGRATESLOTS";  // behind "slot 5"

// ---- proc_take_slot.cpp ----
void take_slot(Machine& m, Take take);
void wait_for_owner(Machine& m, OwnerWait wait);
void step_takes(Machine& m);
void end_takes(Machine& m, const std::string& reason);
void on_take_question(Machine& m, const NodeId& from, const TakeQuestion& question);
void on_take_offer(Machine& m, const NodeId& from, const TakeOffer& offer);
void on_replica_offset(Machine& m, const OffsetAnswer& answer);
void on_take_answer(Machine& m, const NodeId& from, const TakeAnswer& answer);
// A slot was handed over in the log: grants it, or takes it back when keys slipped in before.
void on_handed_over(Machine& m, const SlotJob& job);

// ---- proc_claims.cpp ----
void check_claims(Machine& m);
void on_claim_question(Machine& m, const NodeId& from, const ClaimQuestion& question);
void on_claim_answer(Machine& m, const NodeId& from, const ClaimAnswer& answer);
void review_join(Machine& m, const contract::JoinReview& review);
void yield_after_join(Machine& m);
void end_yielding(Machine& m);  // the join came to nothing

// ---- proc_failover.cpp ----
void bootstrap(Machine& m);
void check_failover(Machine& m);
EngineReport standing_report(const Machine& m);  // what decides whether this node may stand
void advise_rank(Machine& m);
void on_offset_question(Machine& m, const NodeId& from, const OffsetQuestion& question);
void on_offset_answer(Machine& m, const NodeId& from, const OffsetAnswer& answer);
void on_primaryship_done(Machine& m, const PrimaryshipOp& op, const contract::Completed& done);

// ---- proc_fence.cpp ----
bool writes_held(const Machine& m);
void on_hand_over_request(Machine& m, const NodeId& from, const HandOverRequest& request);
void on_fence_done(Machine& m, const contract::Completed& done);
void on_report_while_fenced(Machine& m);
void step_fence(Machine& m);

// ---- proc_manual_failover.cpp ----
Reply start_manual_failover(Machine& m, bool force, bool takeover);
void on_hand_over_offer(Machine& m, const NodeId& from, const HandOverOffer& offer);
void on_take_over_done(Machine& m, const contract::Completed& done);
void step_manual_failover(Machine& m);
void expect_promotion(Machine& m);
bool arriving(const Machine& m);

// ---- proc_takeover.cpp ----
void leave_with_slots(Machine& m);
void on_left_with_slots(Machine& m, const contract::Completed& done);

// ---- proc_replica_migration.cpp ----
void check_replica_migration(Machine& m);
void on_move_question(Machine& m, const NodeId& from, const MoveQuestion& question);
void on_move_consent(Machine& m, const NodeId& from, const MoveConsent& consent);

// ---- proc_emptied_shard.cpp ----
void check_emptied_shard(Machine& m);
// The shard's primary has left it empty for another shard, and this replica goes there as well.
bool follows_elsewhere(const Machine& m);

// ---- proc_own_move.cpp: to another shard without having been told ----
bool may_move(const Machine& m);
void move_by_itself(Machine& m, const ShardId& shard);
void on_moved_by_itself(Machine& m, const AdminOp& op, const contract::Completed& done);
void check_way_home(Machine& m);

// ---- proc_restart.cpp ----
void check_restart(Machine& m);
void on_restart_notice(Machine& m, const NodeId& from, const RestartNotice& notice);
void on_restart_answer(Machine& m, const NodeId& from, const RestartAnswer& answer);

// ---- proc_engine.cpp: rights and the engine's role ----
void on_lease(Machine& m, Instant deadline);
void stand_aside(Machine& m, Ticket until);
void on_lease_lost(Machine& m, const std::string& reason);
void update_rights(Machine& m);
void enforce_role(Machine& m);
void leave_primary(Machine& m, const std::string& reason);
void finish_leaving(Machine& m);

// ---- graceful_end.cpp ----
void start_graceful_end(Machine& m);
void cancel_graceful_end_of(Machine& m);
void step_graceful_end(Machine& m);
void on_hand_over_done(Machine& m, const contract::Completed& done);
void on_released(Machine& m);

// ---- proc_admin.cpp ----
void on_admin_done(Machine& m, const AdminOp& op, const contract::Completed& done);

// ---- cluster_links.cpp ----
void note_links(Machine& m);

Instant machine_deadline(const Machine& m);

}  // namespace vswim::core
