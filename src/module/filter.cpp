#include "module/filter.hpp"

#include <string>
#include <utility>

#include "module/command_keys.hpp"
#include "module/graceful_end.hpp"
#include "module/internal_reply.hpp"
#include "module/refusals.hpp"
#include "module/rewriting.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

using core::Decision;

struct Filter::Arguments {
  const Api& api;
  FilterCtx* filter;
  int count;

  std::size_t size() const { return static_cast<std::size_t>(count); }
  std::string_view operator[](int i) const { return api.text(api.CommandFilterArgGet(filter, i)); }
};

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
  argument_list_.clear();
  for (int i = 0; i < arguments.count; ++i)
    argument_list_.push_back(api_.CommandFilterArgGet(arguments.filter, i));
  KeySlots found;
  int count = 0;
  int* flags = nullptr;
  int* keys = api_.GetCommandKeysWithFlags(ctx_, argument_list_.data(), arguments.count, &count, &flags);
  for (int i = 0; keys && i < count; ++i) {
    const std::int32_t slot = core::key_slot(arguments[keys[i]]);
    if (found.slot == ClientState::no_slot) found.slot = slot;
    found.cross |= found.slot != slot;
  }
  if (keys) api_.Free(keys);
  if (flags) api_.Free(flags);
  return found;
}

void Filter::on_command(FilterCtx* filter) {
  const Arguments arguments{api_, filter, api_.CommandFilterArgsCount(filter)};
  if (arguments.count < 1) return;
  const std::uint64_t id = api_.CommandFilterGetClientId(filter);
  ClientState* client = clients_.find(id);
  const Command* command = commands_.find(arguments[0]);
  if (!client) {
    const bool inner = id != aof_client_id && !situation_.native_replica && !situation_.loading;
    if (inner && command) on_inner(filter, *command, arguments);
    return;
  }
  current_client_ = id;
  const bool asking = std::exchange(client->asking, false);
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

bool Filter::really_in_transaction(const ClientState& client) const {
  if (!client.in_transaction) return false;
  ClientInfo info;
  return api_.GetClientInfoById(&info, client.id) != api_ok || (info.flags & client_flag_multi) != 0;
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

core::RouteQuery Filter::query_of(const Call& call, core::Slot slot, bool write) const {
  core::RouteQuery query;
  query.slot = slot;
  // What only may write is served to READONLY clients of a replica: the server refuses its writes there
  // itself.
  query.write = write || (call.command.may_write && !(call.client.readonly && situation_.native_replica));
  query.readonly_client = call.client.readonly;
  query.asking = call.asking;
  query.allow_reads_when_down = situation_.allow_reads_when_down;
  return query;
}

std::string Filter::decision_text(const core::RouteQuery& query, Decision decision, Instant now,
                                  std::uint64_t client) {
  switch (decision) {
    case Decision::moved: {
      ++counters_.moved;
      ClientInfo info;
      const bool known = api_.GetClientInfoById(&info, client) == api_ok;
      return core::moved_text(table_, query.slot, known && (info.flags & client_flag_tls) != 0);
    }
    case Decision::crossslot:
      ++counters_.crossslot;
      return "CROSSSLOT Keys in request don't hash to the same slot";
    case Decision::tryagain: return "TRYAGAIN Multiple keys request during rehashing of slot";
    case Decision::serve:
    case Decision::ask:
    case Decision::clusterdown: break;
  }
  ++counters_.clusterdown;
  fence_.late_command(table_, now, client);
  return core::clusterdown_text(table_, query, now);
}

void Filter::on_keys(const Call& call) {
  const KeySlots keys = key_slots(call.command, call.arguments);
  if (keys.slot == ClientState::no_slot) return on_keyless(call);
  ClientState& client = call.client;
  const auto slot = static_cast<core::Slot>(keys.slot);
  core::RouteQuery query = query_of(call, slot, call.command.write);
  if (call.command.special == Special::import_keys && table_.mode[slot] == core::SlotMode::importing)
    query.asking = true;
  if (call.command.pubsub) query.readonly_client = true;  // shard channels are served by replicas too

  const Instant now = runtime::boottime_now();
  const bool other_slot = client.in_transaction && client.transaction_slot != ClientState::no_slot &&
                          client.transaction_slot != keys.slot && really_in_transaction(client);
  // The server's order: nobody serves the first key's slot, then several slots, then whose the slot is. A
  // transaction over two slots is refused early, once both are found to be ours.
  Decision decision = Decision::crossslot;
  if (!keys.cross || table_.owner[slot] == core::RoutingTable::unowned)
    decision = core::decide(table_, query, now);
  if (decision == Decision::serve && other_slot) decision = Decision::crossslot;
  if (decision != Decision::serve) return refuse(call, decision_text(query, decision, now, client.id));
  if (refuse_for_arguments(call)) return;
  if (client.in_transaction) {
    client.transaction_slot = keys.slot;
    client.transaction_writes |= query.write;
    return;  // nothing runs before EXEC
  }
  checked_at_ = now;
  fence_.served(table_);
}

// Without keys only writes need the lease: FLUSHALL, FUNCTION LOAD, scripts that name no key, PUBLISH.
void Filter::on_keyless(const Call& call) {
  checked_at_ = Instant{};
  if (!call.command.write && !call.command.may_write) return;
  if (situation_.native_replica) return;  // the server refuses its writes
  if (call.client.in_transaction) {
    call.client.transaction_writes = true;
    return;
  }
  const Instant now = runtime::boottime_now();
  if (table_.primary_here && now < table_.lease_until) {
    checked_at_ = now;
    fence_.served(table_);
    return;
  }
  ++counters_.clusterdown;
  fence_.late_command(table_, now, call.client.id);
  refuse(call, "CLUSTERDOWN The cluster is down");
}

void Filter::on_exec(const Call& call) {
  ClientState& client = call.client;
  if (!client.in_transaction || call.arguments.count != 1) return;
  const Instant now = runtime::boottime_now();
  bool passes = true;
  if (client.transaction_slot != ClientState::no_slot) {
    auto query = query_of(call, static_cast<core::Slot>(client.transaction_slot), client.transaction_writes);
    passes = core::decide(table_, query, now) == Decision::serve;
  } else if (client.transaction_writes && !situation_.native_replica) {
    passes = table_.primary_here && now < table_.lease_until;
  }
  const bool needed_ownership = client.transaction_slot != ClientState::no_slot || client.transaction_writes;
  client.end_transaction();
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
  if (ours) ArgumentRewriter(api_, call.filter).rename("swim.config");
}

void Filter::on_shutdown(const Call& call) {
  std::vector<std::string> words;
  for (int i = 1; i < call.arguments.count; ++i) words.emplace_back(call.arguments[i]);
  const bool ours = !call.client.in_transaction && shutdown_hands_over(words);
  if (ours) ArgumentRewriter(api_, call.filter).rename("swim.shutdown");
}

bool Filter::refuse_for_arguments(const Call& call) {
  const auto text = refusal(call.command.special, call.arguments);
  if (text.empty()) return false;
  ++counters_.refused;
  refuse(call, text);
  return true;
}

bool Filter::handle_special(const Call& call) {
  ClientState& client = call.client;
  if (!call.command.has_keys() && refuse_for_arguments(call)) return true;
  switch (call.command.special) {
    case Special::multi:
      if (!really_in_transaction(client)) {
        client.end_transaction();
        client.in_transaction = call.arguments.count == 1;
      }
      return true;
    case Special::exec: on_exec(call); return true;
    case Special::reset: client.readonly = false; [[fallthrough]];
    case Special::discard: client.end_transaction(); return true;
    case Special::readonly:
    case Special::readwrite:  // the server knows both, also outside of cluster mode
      client.readonly = call.command.special == Special::readonly;
      return true;
    case Special::asking:
      if (call.arguments.count != 1) return true;  // the server names the wrong arity
      client.asking = true;
      ArgumentRewriter(api_, call.filter).rename("swim.asking");
      return true;
    case Special::cluster:
      ArgumentRewriter(api_, call.filter).rename(cluster_command_name(call.arguments));
      return true;
    case Special::info: ArgumentRewriter(api_, call.filter).rename("swim.info"); return true;
    case Special::config: on_config(call); return true;
    case Special::psync:
      if (!may_feed_replicas_())
        refuse(call, "NOMASTERLINK this node is not the primary of its shard, or not yet");
      return true;
    case Special::shutdown: on_shutdown(call); return true;
    default: return false;
  }
}

// A script's own commands. The lease is judged as of the script's start: refusing its second half would leave
// it half done, and what runs late is fenced before it leaves this process.
void Filter::on_inner(FilterCtx* filter, const Command& command, const Arguments& arguments) {
  ArgumentRewriter rewriter(api_, filter);
  if (const auto text = refusal(command.special, arguments); !text.empty()) return rewriter.error(text);
  const Command* actual = &command;
  if (command.container) actual = arguments.count > 1 ? commands_.find(arguments[0], arguments[1]) : nullptr;
  if (!actual || !actual->has_keys()) return;
  const KeySlots keys = key_slots(*actual, arguments);
  if (keys.slot == ClientState::no_slot) return;
  if (keys.cross) {
    return rewriter.error("ERR Command '" + actual->name +
                          "' in script attempted to access keys that don't hash to the same slot");
  }
  core::RouteQuery query;
  query.slot = static_cast<core::Slot>(keys.slot);
  query.write = actual->write;
  query.allow_reads_when_down = situation_.allow_reads_when_down;
  const Instant at = checked_at_ == Instant{} ? runtime::boottime_now() : checked_at_;
  if (core::decide(table_, query, at) == Decision::serve) return;
  if (table_.owner[query.slot] == core::RoutingTable::unowned) {
    return rewriter.error("ERR Script attempted to access a slot not served");
  }
  if (!table_.cluster_ok)
    return rewriter.error("ERR Script attempted to execute a command while the cluster is down");
  rewriter.error("ERR Script attempted to access a non local key in a cluster node");
}

}  // namespace vswim::module
