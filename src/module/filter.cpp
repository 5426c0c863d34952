#include "module/filter.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "module/filter_arguments.hpp"
#include "module/graceful_end.hpp"
#include "module/internal_reply.hpp"
#include "module/refusals.hpp"
#include "module/rewriting.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

using core::Decision;

namespace {
// Where a command cannot wait.
constexpr const char* held_text = "TRYAGAIN The slot or its primary is being handed over";
}  // namespace

Filter::KeySlots Filter::key_slots(const Command& command, const Arguments& arguments) {
  KeySlots found;
  const bool understood = visit_keys(command, arguments, [&](int i) {
    const std::int32_t slot = core::key_slot(arguments[i]);
    if (found.slot == ClientState::no_slot) found.slot = slot;
    found.cross |= found.slot != slot;
  });
  return understood ? found : key_slots_by_server(arguments);
}

Filter::KeySlots Filter::key_slots_by_server(const Arguments& arguments) {
  KeySlots found;
  visit_keys_by_server(arguments, [&](int i) {
    const std::int32_t slot = core::key_slot(arguments[i]);
    if (found.slot == ClientState::no_slot) found.slot = slot;
    found.cross |= found.slot != slot;
  });
  return found;
}

void Filter::on_command(FilterCtx* filter) {
  const Arguments arguments{api_, filter, api_.CommandFilterArgsCount(filter)};
  if (arguments.count < 1) return;
  const std::uint64_t id = api_.CommandFilterGetClientId(filter);
  ClientState* client = clients_.find(id);
  const Command* command = commands_.find(arguments[0]);
  if (!client) {
    if (command && command->special == Special::functions) scripts_.functions_changed();
    const bool inner =
        id != aof_client_id && !situation_.loading && (!situation_.native_replica || user_script_runs());
    if (inner && command) on_inner(filter, *command, arguments);
    return;
  }
  if (situation_.counting_usage && calls_ == 0) before_(id);
  current_client_ = id;
  const bool asking = std::exchange(client->asking, false);
  current_asking_ = asking;
  current_readonly_ = client->readonly;
  client->blocking = client->acting = false;
  if (client->in_own_transaction() && on_own_transaction(filter, command, arguments, *client)) return;
  if (!command) return;
  if (command->special != Special::none && handle_special({filter, arguments, *command, *client, asking}))
    return;
  if (command->container) {
    if (arguments.count > 1) command = commands_.find(arguments[0], arguments[1]);
    if (!command) return;  // the server will say that there is no such subcommand
  }
  const Call call{filter, arguments, *command, *client, asking};
  command->has_keys() ? on_keys(call) : on_keyless(call);
}

void Filter::call_came_by() {
  call_expected_ = false;
  if (!let_go_) return;
  for (String* word : *let_go_) api_.FreeString(nullptr, word);
  std::exchange(let_go_, nullptr)->clear();
}

void Filter::on_command_during_call(FilterCtx* filter) {
  if (call_expected_) return call_came_by();
  if (calls_ > 0) on_command(filter);
}

bool Filter::really_in_transaction(const ClientState& client) const {
  if (!client.in_transaction) return false;
  ClientInfo info;
  return api_.GetClientInfoById(&info, client.id) != api_ok || (info.flags & client_flag_multi) != 0;
}

void Filter::stop(const Call& call, const Verdict& verdict) {
  if (verdict.decision != Decision::hold) return refuse(call, verdict.text);
  ++counters_.held;
  call.client.end_transaction();
  call.client.asking = call.asking;  // for whom it is held
  api_.CommandFilterArgInsert(call.filter, 0, api_.make(hold_command_of_(call.client.id)));
}

void Filter::refuse(const Call& call, std::string_view text) {
  ArgumentRewriter rewriter(api_, call.filter);
  if (really_in_transaction(call.client)) {
    rewriter.error_in_transaction(text);
  } else {
    call.client.end_transaction();
    rewriter.error(text);
  }
}

core::RouteQuery Filter::query_of(const Call& call, core::Slot slot, bool write) {
  core::RouteQuery query;
  query.slot = slot;
  // What only may write is served to READONLY clients of a replica: the server refuses its writes there
  // itself.
  const bool reads_of_replica = call.client.readonly && situation_.native_replica;
  query.write = write || (call.command.may_write && !reads_of_replica);
  if (call.command.script && reads_of_replica) {
    const ScriptTraits traits = traits_of(call.command, call.arguments);
    query.write |= traits.declares && !traits.no_writes;
  }
  query.readonly_client = call.client.readonly;
  query.asking = call.asking;
  query.allow_reads_when_down = situation_.allow_reads_when_down;
  return query;
}

Filter::Connection Filter::connection_of(std::uint64_t client) const {
  ClientInfo info;
  if (api_.GetClientInfoById(&info, client) != api_ok) return {};
  return {(info.flags & client_flag_tls) != 0, info.ipv6()};
}

std::string Filter::decision_text(const core::RouteQuery& query, Decision decision, Instant now,
                                  std::uint64_t client) {
  switch (decision) {
    case Decision::moved: {
      ++counters_.moved;
      const auto [tls, ipv6] = connection_of(client);
      return core::moved_text(table_, query.slot, tls, ipv6);
    }
    case Decision::crossslot:
      ++counters_.crossslot;
      return "CROSSSLOT Keys in request don't hash to the same slot";
    case Decision::tryagain: return "TRYAGAIN Multiple keys request during rehashing of slot";
    case Decision::ask: {
      const auto [tls, ipv6] = connection_of(client);
      return core::ask_text(table_, query.slot, tls, ipv6);
    }
    case Decision::serve:
    case Decision::hold:
    case Decision::clusterdown: break;
  }
  ++counters_.clusterdown;
  fence_.late_command(table_, now, client);
  return core::clusterdown_text(table_, query, now);
}

// The server's order: nobody serves the first key's slot, then several slots, then whose the slot is. A
// transaction over two slots is refused early, once both are found to be ours.
Verdict Filter::judge_keys(const Call& call, KeySlots keys, Instant now) {
  const ClientState& client = call.client;
  const auto slot = static_cast<core::Slot>(keys.slot);
  const core::RouteQuery query = query_on(call, slot);
  const bool other_slot = client.in_transaction && client.transaction_slot != ClientState::no_slot &&
                          client.transaction_slot != keys.slot && really_in_transaction(client);
  Decision decision = Decision::crossslot;
  if (!keys.cross || table_.owner[slot] == core::RoutingTable::unowned)
    decision = decide(query, call.command, call.arguments, now);
  if (decision == Decision::serve && other_slot) decision = Decision::crossslot;
  if (decision == Decision::hold && client.in_transaction) return {};  // nothing runs before EXEC
  if (decision == Decision::serve && situation_.exporting) note_stream(call.command, call.arguments, slot);
  if (decision == Decision::serve) return {};
  if (decision == Decision::hold) return {decision, held_text};
  return {decision, decision_text(query, decision, now, client.id)};
}

core::RouteQuery Filter::query_on(const Call& call, core::Slot slot) {
  core::RouteQuery query = query_of(call, slot, call.command.write);
  if (call.command.special == Special::import_keys && table_.mode[slot] == core::SlotMode::importing)
    query.asking = true;
  if (!call.command.pubsub) return query;
  query.readonly_client = true;  // shard channels are served by replicas too, and a replica's SPUBLISH
  if (situation_.native_replica) query.write = false;  // is not in any replication stream
  // What has to be held is held all the same; the lease is needed all the same where this shard is primary.
  if (!table_.cluster_ok && situation_.allow_pubsubshard_when_down && !table_.writes_held) {
    query.write = false;
    query.allow_reads_when_down = true;
  }
  return query;
}

void Filter::note_subscription(const Command& command, const Arguments& arguments, std::uint64_t client) {
  if (command.name == "ssubscribe") {
    for (int i = 1; i < arguments.count; ++i) subscribers_.subscribed(client, arguments[i]);
  } else if (command.name == "sunsubscribe") {
    if (arguments.count == 1) subscribers_.forget(client);
    for (int i = 1; i < arguments.count; ++i) subscribers_.unsubscribed(client, arguments[i]);
  }
}

// Runs as a call of this module, so that it is known to have happened before the other shards are told. A
// server's transaction queues it so.
void Filter::on_publish(const Call& call) {
  call.client.asking = call.asking;  // for publish_command(), which judges it again
  call.client.acting = true;
  ArgumentRewriter(api_, call.filter)
      .precede(has_authenticated(call.client) ? "swim.publish-as" : "swim.publish");
}

bool Filter::holds(const Command& command, String** list, int count, ClientState& client, bool asking) {
  const Arguments arguments{api_, nullptr, count, list};
  const Call call{nullptr, arguments, command, client, asking};
  const Instant now = runtime::boottime_now();
  const KeySlots keys = command.has_keys() ? key_slots(command, arguments) : KeySlots{};
  if (keys.cross) return false;
  if (keys.slot == ClientState::no_slot)
    return core::decide_keyless_write(table_, now, command.may_flush()) == Decision::hold;
  return core::decide(table_, query_on(call, static_cast<core::Slot>(keys.slot)), now) == Decision::hold;
}

// Without keys only writes need the lease: FLUSHALL, FUNCTION LOAD, scripts that name no key, PUBLISH.
Verdict Filter::judge_keyless(const Call& call, Instant now) {
  if (!call.command.write && !call.command.may_write) return {};
  const Decision decision = core::decide_keyless_write(table_, now, call.command.may_flush());
  if (decision == Decision::hold && call.client.in_transaction) return {};
  if (decision == Decision::hold) return {decision, held_text};
  if (decision == Decision::serve || situation_.native_replica) return {};  // the server refuses its writes
  ++counters_.clusterdown;
  fence_.late_command(table_, now, call.client.id);
  return {Decision::clusterdown, "CLUSTERDOWN The cluster is down"};
}

void Filter::on_keys(const Call& call) {
  const KeySlots keys = key_slots(call.command, call.arguments);
  if (keys.slot == ClientState::no_slot) return on_keyless(call);
  const Instant now = runtime::boottime_now();
  const Verdict verdict = judge_keys(call, keys, now);
  if (verdict.decision == Decision::hold && call.command.blocking && on_blocking(call)) return;
  if (verdict.decision == Decision::hold && call.command.special == Special::cluster_scan)
    ArgumentRewriter(api_, call.filter).rename(own_scan_name);
  if (verdict.decision != Decision::serve) return stop(call, verdict);
  if (refuse_for_arguments(call)) return;
  if (is_publish(call.command)) on_publish(call);
  if (call.command.special == Special::cluster_scan) act_as(call, own_scan_name);
  if (call.client.in_transaction) {
    call.client.transaction_slot = keys.slot;
    call.client.transaction_writes |=
        query_of(call, static_cast<core::Slot>(keys.slot), call.command.write).write;
    return;  // nothing runs before EXEC
  }
  if (call.command.pubsub) note_subscription(call.command, call.arguments, call.client.id);
  checked_at_ = now;
  fence_.served(table_);
  if (call.command.script) script_begins(call.command, call.arguments, keys.slot);
  if (call.command.blocking) on_blocking(call);
}

// Consumer groups change without a notification: XACK and its relatives. Every argument that may be the key
// counts; names of nothing do no harm.
void Filter::note_stream(const Command& command, const Arguments& arguments, core::Slot slot) {
  if (!command.write || command.name.front() != 'x') return;
  for (int i = 1; i < arguments.count; ++i) {
    if (core::key_slot(arguments[i]) == slot) stream_touched_(arguments[i]);
  }
}

void Filter::on_keyless(const Call& call) {
  checked_at_ = Instant{};
  if (call.command.script) {
    if (refuse_for_arguments(call)) return;
    if (!call.client.in_transaction) script_begins(call.command, call.arguments, ClientState::no_slot);
  }
  if (call.command.pubsub) note_subscription(call.command, call.arguments, call.client.id);
  if (!call.command.write && !call.command.may_write) return;
  const bool publishes = is_publish(call.command);
  if (situation_.native_replica && !table_.arriving) return publishes ? on_publish(call) : void();
  if (call.client.in_transaction) {
    if (publishes) on_publish(call);
    call.client.transaction_writes = true;
    call.client.transaction_flushes |= call.command.may_flush();
    return;
  }
  const Instant now = runtime::boottime_now();
  const Verdict verdict = judge_keyless(call, now);
  if (verdict.decision != Decision::serve) return stop(call, verdict);
  if (publishes) on_publish(call);
  checked_at_ = now;
  fence_.served(table_);
}

Verdict Filter::judge(const Command& command, String** list, int count, ClientState& client, bool asking) {
  const Arguments arguments{api_, nullptr, count, list};
  const Call call{nullptr, arguments, command, client, asking};
  current_asking_ = asking;  // of what a script among them does
  current_readonly_ = client.readonly;
  const Instant now = runtime::boottime_now();
  const KeySlots keys = command.has_keys() ? key_slots(command, arguments) : KeySlots{};
  return keys.slot == ClientState::no_slot ? judge_keyless(call, now) : judge_keys(call, keys, now);
}

std::string_view Filter::refusal_of(const Command& command, String** list, int count) {
  const Arguments arguments{api_, nullptr, count, list};
  const auto text = command.script ? script_refusal(command, arguments) : refusal(command.special, arguments);
  if (!text.empty()) ++counters_.refused;
  return text;
}

void Filter::runs_now(std::uint64_t client, bool needs_ownership, bool asking) {
  current_client_ = client;
  const ClientState* state = clients_.find(client);
  current_readonly_ = state && state->readonly;
  current_asking_ = asking;
  checked_at_ = needs_ownership ? runtime::boottime_now() : Instant{};
  if (needs_ownership) fence_.served(table_);
}

Filter::KeySlots Filter::slots_of(const Command& command, String** list, int count) {
  return command.has_keys() ? key_slots(command, Arguments{api_, nullptr, count, list}) : KeySlots{};
}

void Filter::on_exec(const Call& call) {
  ClientState& client = call.client;
  if (!client.in_transaction || call.arguments.count != 1) return;
  const Instant now = runtime::boottime_now();
  bool passes = true;
  if (client.transaction_slot != ClientState::no_slot) {
    auto query = query_of(call, static_cast<core::Slot>(client.transaction_slot), client.transaction_writes);
    // Whether its keys are still here was asked when they were queued: of a slot that is being moved nobody
    // knows.
    passes = !core::keys_matter(table_, query.slot) && core::decide(table_, query, now) == Decision::serve;
  } else if (client.transaction_writes && !situation_.native_replica) {
    passes = core::decide_keyless_write(table_, now, client.transaction_flushes) == Decision::serve;
  }
  passes &= !client.transaction_flushes || !table_.flushes_wait;
  const bool needed_ownership = client.transaction_slot != ClientState::no_slot || client.transaction_writes;
  client.end_transaction();
  client.watching = false;
  if (passes) {
    checked_at_ = now;
    if (needed_ownership) fence_.served(table_);
    return;
  }
  ++counters_.aborted;
  fence_.late_command(table_, now, client.id);
  ArgumentRewriter(api_, call.filter).append("x");  // wrong arity: the server aborts the transaction
}

void Filter::on_config(const Call& call) {
  const auto& arguments = call.arguments;
  if (arguments.count < 2) return;
  bool ours = equal_ignoring_case(arguments[1], "rewrite");
  if (equal_ignoring_case(arguments[1], "get")) {
    for (int i = 2; i < arguments.count; ++i) ours |= concerns_rewritten_config(arguments[i]);
  }
  if (ours) act_as(call, "swim.config");
}

// A command that this module answers. Whoever has authenticated is asked for his rights to the command he
// sent; of others the server asks for those to `name`. What the server queues runs without coming by again.
void Filter::act_as(const Call& call, std::string_view name) {
  ArgumentRewriter rewriter(api_, call.filter);
  const bool queued = call.client.in_own_transaction() || really_in_transaction(call.client);
  if (queued || !has_authenticated(call.client)) return rewriter.rename(name);
  call.client.acting = true;
  rewriter.precede("swim.as");
}

void Filter::on_shutdown(const Call& call) {
  std::vector<std::string> words;
  bool safe = false, force = false;
  constexpr int version_with_safe = 0x00090100;  // 9.1
  const bool knows_safe = api_.GetServerVersion && api_.GetServerVersion() >= version_with_safe;
  for (int i = 1; i < call.arguments.count; ++i) {
    force |= equal_ignoring_case(call.arguments[i], "force");
    if (knows_safe && equal_ignoring_case(call.arguments[i], "safe")) {
      safe = true;
    } else {
      words.emplace_back(call.arguments[i]);
    }
  }
  if (safe && !force && table_.primary_here && std::ranges::find(table_.served, true) != table_.served.end())
    return refuse(call, "ERR Errors trying to SHUTDOWN. Check logs.");
  const bool ours = !call.client.in_transaction && shutdown_hands_over(words);
  if (ours) ArgumentRewriter(api_, call.filter).rename("swim.shutdown");
}

bool Filter::refuse_for_arguments(const Call& call) {
  const auto text = call.command.script ? script_refusal(call.command, call.arguments)
                                        : refusal(call.command.special, call.arguments);
  if (text.empty()) return false;
  ++counters_.refused;
  refuse(call, text);
  return true;
}

bool Filter::handle_special(const Call& call) {
  ClientState& client = call.client;
  if (!call.command.has_keys() && refuse_for_arguments(call)) return true;
  switch (call.command.special) {
    case Special::multi: on_multi(call); return true;
    case Special::watch: client.watching = true; return false;
    case Special::unwatch: client.watching = false; return false;
    case Special::exec: on_exec(call); return true;
    case Special::reset: client.readonly = client.vouched = false; [[fallthrough]];
    case Special::discard:
      client.end_transaction();
      client.watching = false;
      return true;
    case Special::readonly:
    case Special::readwrite:  // the server knows both, also outside of cluster mode
      client.readonly = call.command.special == Special::readonly;
      return true;
    case Special::asking:
      if (call.arguments.count != 1) return true;  // the server names the wrong arity
      client.asking = true;
      ArgumentRewriter(api_, call.filter).rename("swim.asking");
      return true;
    case Special::cluster: act_as(call, cluster_command_name(call.arguments)); return true;
    case Special::info: act_as(call, "swim.info"); return true;
    case Special::config: on_config(call); return true;
    case Special::keyspace: return on_keyspace(call);
    case Special::debug: return on_debug(call);
    case Special::psync:
      if (!may_feed_replicas_())
        refuse(call, "NOMASTERLINK this node is not the primary of its shard, or not yet");
      return true;
    case Special::shutdown: on_shutdown(call); return true;
    case Special::functions: scripts_.functions_changed(); return false;
    default: return false;
  }
}

}  // namespace vswim::module
