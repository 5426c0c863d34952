// The part of the filter that hands commands to this module's own MULTI and its own blocking commands.
#include "module/command_keys.hpp"
#include "module/filter_arguments.hpp"
#include "module/internal_reply.hpp"
#include "module/refusals.hpp"

namespace vswim::module {

// WATCH is the server's, so is invalidating what a tracking client read: their transactions stay there.
bool Filter::may_own_transaction(const Call& call) const {
  if (call.arguments.count != 1 || call.client.watching) return false;
  ClientInfo info;
  constexpr std::uint64_t stays = client_flag_pubsub | client_flag_tracking | client_flag_multi;
  return api_.GetClientInfoById(&info, call.client.id) == api_ok && (info.flags & stays) == 0;
}

void Filter::on_multi(const Call& call) {
  ClientState& client = call.client;
  if (really_in_transaction(client)) return;  // the server refuses to nest
  client.end_transaction();
  if (!may_own_transaction(call)) {
    client.in_transaction = call.arguments.count == 1;
    return;
  }
  client.own_asking = call.asking;
  ArgumentRewriter(api_, call.filter).rename(has_authenticated(client) ? "swim.multi-as" : "swim.multi");
}

// Whoever is another user than "default" has authenticated; whoever is that one must be asked by the server
// once.
bool Filter::has_authenticated(const ClientState& client) const {
  if (client.vouched) return true;
  String* user = api_.GetClientUserNameById(ctx_, client.id);
  const bool named = user && api_.text(user) != "default";
  if (user) api_.FreeString(ctx_, user);
  return named;
}

// A client that tracks what it reads keeps the server's own wait, which remembers that for it.
bool Filter::on_blocking(const Call& call) {
  if (!asks_to_wait(call.command, call.arguments)) return false;
  ClientInfo info;
  if (!call.command.write &&
      (api_.GetClientInfoById(&info, call.client.id) != api_ok || (info.flags & client_flag_tracking) != 0)) {
    return false;
  }
  call.client.blocking = true;
  call.client.blocking_asked = call.asking;
  const bool known = has_authenticated(call.client);
  // On a replica that is about to be primary the server would refuse a writing one before it waits.
  const bool write = call.command.write && !situation_.native_replica;
  ArgumentRewriter(api_, call.filter)
      .precede(write ? (known ? "swim.wait-write-as" : "swim.wait-write")
                     : (known ? "swim.wait-as" : "swim.wait"));
  return true;
}

// As act_as(), for commands of which `name` has to know which one it is.
void Filter::act_behind(const Call& call, std::string_view name) {
  ArgumentRewriter rewriter(api_, call.filter);
  if (call.client.in_own_transaction() || really_in_transaction(call.client) ||
      !has_authenticated(call.client)) {
    return rewriter.precede(name);
  }
  call.client.acting = true;
  rewriter.precede("swim.as");
}

bool Filter::on_keyspace(const Call& call) {
  if (table_.copies.none()) return false;
  act_behind(call, "swim.keyspace");
  return true;
}

// DEBUG SLOTMIGRATION holds the server's own migrations, which do not run; by whom the server allows it.
bool Filter::on_debug(const Call& call) {
  if (call.arguments.count != 4 || !equal_ignoring_case(call.arguments[1], "slotmigration")) return false;
  if (!situation_.debug_allowed) return false;
  if (situation_.debug_local_only) {
    ClientInfo info;
    if (api_.GetClientInfoById(&info, call.client.id) != api_ok) return false;
    const std::string_view address = info.address;
    if (!address.empty() && address.front() != '/' && address != "::1" && !address.starts_with("127."))
      return false;
  }
  act_behind(call, "swim.debug");
  return true;
}

bool Filter::on_own_transaction(FilterCtx* filter, const Command* command, const Arguments& arguments,
                                ClientState& client) {
  if (!client.own_transaction) {  // an EXEC that the server did not let through: its transaction is over
    client.end_own_transaction();
    return false;
  }
  client.aborted |= client.queueing;  // nor that command: as the server does, EXEC runs nothing then
  ArgumentRewriter rewriter(api_, filter);
  const Special special = command ? command->special : Special::none;
  if (arguments.count != 1 && special == Special::exec) {
    client.end_own_transaction();
    rewriter.error(
        "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command");
    return true;
  }
  if (special == Special::exec) {
    const bool writes = client.own_writes && !client.aborted;
    client.own_transaction = client.queueing = false;
    client.executing = true;
    rewriter.rename(writes ? "swim.exec-write" : "swim.exec");
    return true;
  }
  if (arguments.count == 1 && special == Special::discard) {
    client.end_own_transaction();
    rewriter.rename("swim.discard");
    return true;
  }
  if (special == Special::quit) return true;
  if (arguments.count == 1 && special == Special::reset) {
    client.end_own_transaction();
    return false;
  }
  if (special == Special::cluster) rewriter.rename(cluster_command_name(arguments));
  if (special == Special::info) rewriter.rename("swim.info");
  if (special == Special::cluster_scan) rewriter.rename(own_scan_name);
  if (special == Special::keyspace && table_.copies.any()) rewriter.precede("swim.keyspace");
  if (special == Special::config) on_config({filter, arguments, *command, client, false});
  client.queueing = true;
  rewriter.precede("swim.queue");
  return true;
}

}  // namespace vswim::module
