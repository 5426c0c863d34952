// The command filter: what cluster mode does before a command runs, done from outside. Reads the routing
// table and the clock for every command of a user, lets it pass or replaces its arguments. The hot path
// allocates nothing. Not for us: the replication stream, an AOF being loaded and this module's own calls;
// inner commands of scripts are held to the slots this node serves.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/routing_table.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/command_table.hpp"
#include "module/fence.hpp"
#include "module/keys_here.hpp"
#include "module/script_flags.hpp"
#include "module/shard_subscribers.hpp"

namespace vswim::module {

struct Situation {              // kept up to date by the host
  bool native_replica = false;  // the server replicates from somebody
  bool loading = false;
  bool allow_reads_when_down = false;
  bool allow_pubsubshard_when_down = true;
  bool counting_usage = false;  // of slots: somebody looks at a client before each of its commands
  bool exporting = false;       // slots are being copied to another shard
  bool debug_allowed = false, debug_local_only = false;  // enable-debug-command
};

// What cluster mode says about a command of a client at one instant.
struct Verdict {
  core::Decision decision = core::Decision::serve;
  std::string text;  // the error's code and sentence, when the decision is an error
};

class Filter {
 public:
  struct Counters {
    std::uint64_t moved = 0, clusterdown = 0, crossslot = 0, refused = 0, aborted = 0, held = 0;
  };

  Filter(const Api& api, Ctx* ctx, const CommandTable& commands, ClientTable& clients,
         const core::RoutingTable& table, const Situation& situation, Fence& fence,
         std::function<bool()> may_feed_replicas, std::function<const char*(std::uint64_t)> hold_command_of,
         std::function<void(std::string_view)> stream_touched, std::function<void(std::uint64_t)> before)
      : api_(api),
        ctx_(ctx),
        commands_(commands),
        clients_(clients),
        table_(table),
        situation_(situation),
        fence_(fence),
        may_feed_replicas_(std::move(may_feed_replicas)),
        hold_command_of_(std::move(hold_command_of)),
        stream_touched_(std::move(stream_touched)),
        before_(std::move(before)),
        scripts_(api, ctx) {}

  void on_command(FilterCtx* filter);
  // The same judgement for a command that this module runs on a client's behalf, whole arguments at hand.
  Verdict judge(const Command& command, String** arguments, int count, ClientState& client, bool asking);
  // Whether such a command has to wait, as of now (Decision::hold).
  bool holds(const Command& command, String** arguments, int count, ClientState& client, bool asking);
  struct WholeCommand {
    const Command* command;
    String** words;
    int count;
  };
  // Of a transaction whose keys are in this slot: where they are matters while the slot is being moved.
  Verdict judge_together(core::Slot slot, const std::vector<WholeCommand>& commands,
                         const ClientState& client, bool asking);
  // What no member of a cluster may run (SELECT 1, REPLICAOF): the error, or empty.
  std::string_view refusal_of(const Command& command, String** arguments, int count);
  struct KeySlots {
    std::int32_t slot = ClientState::no_slot;
    bool cross = false;
  };
  KeySlots slots_of(const Command& command, String** arguments, int count);
  // A command of `client` is about to run that did not come this way; the fence has to know when it needs
  // ownership.
  void runs_now(std::uint64_t client, bool needs_ownership, bool asking);
  // That command is a script: its inner commands are held to what it says of itself.
  void script_begins(const Command& command, String** arguments, int count);
  void functions_changed() { scripts_.functions_changed(); }
  // While this module's Call runs, its commands come from here: the call itself passes, a script's inner
  // commands and other clients' (the server serves some while a script is slow) are judged as ever.
  void on_command_during_call(FilterCtx* filter);
  // `let_go`: words that the call has taken over by the time it comes by here; they are released and cleared.
  // The server packs values only while it is the only one that holds them.
  void call_begins(std::vector<String*>* let_go = nullptr) {
    call_expected_ = true;
    let_go_ = let_go;
    ++calls_;
  }
  void call_ended() {
    call_expected_ = false;
    let_go_ = nullptr;
    --calls_;
  }
  // Of the last script that ran: the one slot of its commands, if it had to keep to one.
  std::int32_t script_slot() const { return script_single_slot_ ? script_slot_ : ClientState::no_slot; }
  bool current_asking() const { return current_asking_; }
  std::uint64_t current_client() const { return current_client_; }
  const Counters& counters() const { return counters_; }
  ShardSubscribers& shard_subscribers() { return subscribers_; }

 private:
  struct Arguments;  // the server's arguments, read in place
  struct Call {      // one command of one client on its way through the filter
    FilterCtx* filter;
    const Arguments& arguments;
    const Command& command;
    ClientState& client;
    bool asking;
  };

  Verdict judge_keys(const Call& call, KeySlots keys, Instant now);
  Verdict judge_keyless(const Call& call, Instant now);
  KeySlots key_slots(const Command& command, const Arguments& arguments);
  KeySlots key_slots_by_server(const Arguments& arguments);
  template <class Visit>
  void visit_keys_by_server(const Arguments& arguments, Visit visit);
  bool handle_special(const Call& call);        // true: nothing more to do
  bool refuse_for_arguments(const Call& call);  // true: nothing more to do
  void call_came_by();
  void on_multi(const Call& call);
  bool may_own_transaction(const Call& call) const;
  // Every command of a client whose transaction is this module's; false: nothing of it concerns us.
  bool on_own_transaction(FilterCtx* filter, const Command* command, const Arguments& arguments,
                          ClientState& client);
  void on_exec(const Call& call);
  bool on_blocking(const Call& call);  // true: it waits in this module's hands, also while it is held
  bool has_authenticated(const ClientState& client) const;
  void on_config(const Call& call);
  void act_as(const Call& call, std::string_view name);
  void act_behind(const Call& call, std::string_view name);
  void on_publish(const Call& call);  // of a user, let through: it is executed in this module
  void note_subscription(const Command& command, const Arguments& arguments, std::uint64_t client);
  void on_shutdown(const Call& call);
  bool on_keyspace(const Call& call);  // true: it runs in this module
  bool on_debug(const Call& call);     // true: it is about this module's migrations
  void on_keyless(const Call& call);
  ScriptTraits traits_of(const Command& command, const Arguments& arguments);
  // "" or why this script does not run in a cluster.
  std::string_view script_refusal(const Command& command, const Arguments& arguments);
  void script_begins(const Command& command, const Arguments& arguments, std::int32_t slot);
  bool user_script_runs();  // on a replica, where most of nobody's commands are the primary's
  std::string inner_error(const Command& command, core::Slot slot) const;
  void on_keys(const Call& call);
  void note_stream(const Command& command, const Arguments& arguments, core::Slot slot);
  void on_inner(FilterCtx* filter, const Command& command, const Arguments& arguments);
  core::RouteQuery query_of(const Call& call, core::Slot slot, bool write);
  core::Decision decide(const core::RouteQuery& query, const Command& command, const Arguments& arguments,
                        Instant now);
  void count_keys(KeysHereCounter& counter, const Command& command, const Arguments& arguments);
  // The error for a decision other than serve.
  std::string decision_text(const core::RouteQuery& query, core::Decision decision, Instant now,
                            std::uint64_t client);
  core::RouteQuery query_on(const Call& call, core::Slot slot);
  // Nothing of it runs here and now: it waits, or it is an error.
  void stop(const Call& call, const Verdict& verdict);
  struct Connection {
    bool tls = false, ipv6 = false;
  };
  Connection connection_of(std::uint64_t client) const;
  void refuse(const Call& call, std::string_view text);
  bool really_in_transaction(const ClientState& client) const;

  const Api& api_;
  Ctx* ctx_;
  const CommandTable& commands_;
  ClientTable& clients_;
  const core::RoutingTable& table_;
  const Situation& situation_;
  Fence& fence_;
  std::function<bool()> may_feed_replicas_;
  std::function<const char*(std::uint64_t)> hold_command_of_;  // in whose hands a client's command waits
  std::function<void(std::string_view)> stream_touched_;
  std::function<void(std::uint64_t)> before_;  // a command of this client
  ScriptFlags scripts_;
  ShardSubscribers subscribers_;
  bool script_passed_ = false, script_single_slot_ = false;  // of the last script that was let through
  std::int32_t script_slot_ = ClientState::no_slot;          // the one its keys have to be in
  std::uint64_t current_client_ = 0;
  int calls_ = 0;  // this module's Calls under way that the filter has to look into
  std::vector<String*>* let_go_ = nullptr;
  bool call_expected_ = false;                              // the next command of nobody's is the call itself
  bool current_asking_ = false, current_readonly_ = false;  // of the outermost command's client
  Instant checked_at_{};                                    // when the outermost command was let through
  std::vector<String*> argument_list_;  // reused, for commands whose keys only the server knows
  Counters counters_;
};

}  // namespace vswim::module
