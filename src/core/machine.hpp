// Core's one state, shared by its procedures (the files named below). Each procedure owns its own part of it
// and changes the others' only through the functions declared here. Nothing outside this folder includes this
// file.
#pragma once

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
#include "core/routing.hpp"

namespace vswim::core {

// ---- what a provider's Completed is the answer to ----
enum class AdminKind : std::uint8_t { meet, forget, replicate, replicate_no_one, reset };
struct AdminOp {
  AdminKind kind = AdminKind::meet;
  std::optional<CommandTicket> client;  // absent: answered at once (the client could not block) or gone
  ShardId old_shard;
  bool was_last_member = false;
  bool was_replica = false;
  bool hard = false;
  NodeId node;               // FORGET: the victim
  bool owned_slots = false;  // FORGET: its shard did
};
struct PublishOp {};
struct OffsetOp {};
struct PrimaryshipOp {
  bool bootstrap = false;
};
struct SlotsOp {};
struct HandOverOp {};
struct ReleaseOp {};
struct CleanOp {};
using Purpose =
    std::variant<AdminOp, PublishOp, OffsetOp, PrimaryshipOp, SlotsOp, HandOverOp, ReleaseOp, CleanOp>;
struct Pending {
  Purpose purpose;
  Instant limit = Instant::never();  // an admin command's client is answered by then
  std::uint64_t log_namespace = 0;   // in which a shard-log write was made
};

// ---- parts ----
struct SlotJob {  // one change of this shard's slots in its log; done one after the other (slot_jobs.cpp)
  SlotSet add, remove;
  bool drop_keys = false;  // claims lost for good: their keys go once the log is cleared (rule I21)
  std::optional<CommandTicket> client;
  Instant limit;
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
  bool ran_on = false;  // in this life primary, or in sync with the primary that it follows
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
  std::uint64_t own_epoch = 0;
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
  std::deque<SlotJob> slot_jobs;
  std::optional<Ticket> slot_job_in_flight;
  std::optional<Ticket> primaryship_in_flight;
  Instant primaryship_retry_at{};
  std::map<Ticket, Pending> pending;
  Ticket last_ticket;
  Instant next_second{}, next_pulse{};
  std::map<std::string, std::string> provider_status;
  bool full_coverage_was_ok = false;

  Machine(const Settings& s, const SlotKeyCounts& c, Instant start, Rng r)
      : settings(s), counts(c), rng(r), now(start), next_second(start), next_pulse(start) {}

  // ---- helpers ----
  bool leased() const { return now < lease_until; }
  bool alone() const { return view.members().size() <= 1; }
  bool is_replica_role() const;  // the own log names another primary
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
  std::vector<NodeId> reachable_peers() const;  // other members of this shard that are not FAIL
  bool propose_primaryship(const NodeId& node, Purpose purpose);
  std::string name_of(const NodeId& id) const;  // for notes: "ip:port (id...)"
};

// ---- publish.cpp: gossip registers as a projection of the log and the settings ----
void publish_registers(Machine& m);
void on_published(Machine& m, const contract::Completed& done);
void publish_offset(Machine& m);
void resolve_epoch_ties(Machine& m);
std::uint64_t current_epoch(const Machine& m);
void delete_shard_registers(Machine& m, const ShardId& shard);
void delete_node_register(Machine& m, const NodeId& node);

// ---- slot_jobs.cpp ----
void run_slot_jobs(Machine& m);
void on_slots_done(Machine& m, const contract::Completed& done);
void end_slot_jobs(Machine& m, const std::string& reason);

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
void advise_rank(Machine& m);
void on_offset_question(Machine& m, const NodeId& from, const OffsetQuestion& question);
void on_offset_answer(Machine& m, const NodeId& from, const OffsetAnswer& answer);
void on_primaryship_done(Machine& m, const PrimaryshipOp& op, const contract::Completed& done);

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

// ---- graceful_end.cpp ----
void start_graceful_end(Machine& m);
void cancel_graceful_end_of(Machine& m);
void step_graceful_end(Machine& m);
void on_hand_over_done(Machine& m, const contract::Completed& done);
void on_released(Machine& m);

// ---- proc_admin.cpp ----
void on_admin_done(Machine& m, const AdminOp& op, const contract::Completed& done);

Instant machine_deadline(const Machine& m);

}  // namespace vswim::core
