// What the server sees of the module: OnLoad, and the plain functions it calls back. The file-local pointer
// below is the only global state of the project; it exists because most of the server's callbacks carry no
// context.
#include <memory>
#include <string>
#include <vector>

#include "module/configs.hpp"
#include "module/host.hpp"
#include "module/internal_reply.hpp"

namespace vswim::module {
namespace {

struct Loaded {
  Api api;
  OwnSettings own;
  std::unique_ptr<Host> host;
};
Loaded* loaded = nullptr;  // set once by OnLoad, lives until the process ends

Host& host() { return *loaded->host; }

constexpr const char* module_name = "swim";
constexpr int module_version = 1;

// ---- commands ----
int command_reply(Ctx* ctx, String** arguments, int count) {
  return reply_with_text(loaded->api, ctx, arguments, count);
}
int command_asking(Ctx* ctx, String**, int) { return loaded->api.ReplyWithSimpleString(ctx, "OK"); }
int command_cluster(Ctx* ctx, String** arguments, int count) {
  return host().cluster_command(ctx, arguments, count);
}
int command_as(Ctx* ctx, String** arguments, int count) { return host().as_command(ctx, arguments, count); }
int command_publish(Ctx* ctx, String** arguments, int count) {
  return host().publish_command(ctx, arguments, count);
}
int command_info(Ctx* ctx, String** arguments, int count) {
  return host().info_command(ctx, arguments, count);
}
int command_config(Ctx* ctx, String** arguments, int count) {
  return host().config_command(ctx, arguments, count);
}
// swim.keyspace and swim.debug stand before the command that is meant.
int command_keyspace(Ctx* ctx, String** arguments, int count) {
  return host().keyspace_command(ctx, arguments + 1, count - 1);
}
int command_debug(Ctx* ctx, String** arguments, int count) {
  return host().debug_command(ctx, arguments + 1, count - 1);
}
int command_scan(Ctx* ctx, String** arguments, int count) {
  return host().scan_command(ctx, arguments, count);
}
int scan_reply(Ctx* ctx, String** arguments, int count) {
  return host().scan().answer(ctx, arguments, count);
}
void scan_gone(Ctx*, BlockedClient* client) { host().scan().gone(client); }
int command_shutdown(Ctx* ctx, String** arguments, int count) {
  return host().shutdown_command(ctx, arguments, count);
}
int command_multi(Ctx* ctx, String**, int) { return host().transactions().multi(ctx, false); }
int command_multi_as(Ctx* ctx, String**, int) { return host().transactions().multi(ctx, true); }
int command_queue(Ctx* ctx, String** arguments, int count) {
  return host().transactions().queue(ctx, arguments, count);
}
int command_exec(Ctx* ctx, String** arguments, int) { return host().exec_command(ctx, arguments); }
int command_discard(Ctx* ctx, String**, int) { return host().transactions().discard(ctx); }
int command_wait(Ctx* ctx, String** arguments, int count) {
  return host().blocking().run(ctx, arguments, count);
}

int wait_reply(Ctx* ctx, String**, int) { return host().blocking().answer(ctx); }
int wait_timeout(Ctx* ctx, String**, int) { return host().blocking().time_out(ctx); }
void free_answer(Ctx*, void* data) {
  std::unique_ptr<BlockingCommands::Answer>(static_cast<BlockingCommands::Answer*>(data));
}
void wait_gone(Ctx*, BlockedClient* client) { host().blocking().gone(client); }
void wait_unblocked(Ctx* ctx, CallReply* reply, void* waiting) {
  host().blocking().unblocked(ctx, reply, waiting);
}
void run_gone(Ctx*, BlockedClient* client) { host().detached().gone(client); }
void run_due(Ctx* timer, void* client) { host().detached().due(timer, client); }
int run_reply(Ctx* ctx, String**, int) {
  const auto* answer = static_cast<DetachedRuns::Answer*>(loaded->api.GetBlockedClientPrivateData(ctx));
  if (answer) (*answer)(ctx);
  return api_ok;
}
void free_run_answer(Ctx*, void* data) {
  std::unique_ptr<DetachedRuns::Answer>(static_cast<DetachedRuns::Answer*>(data));
}

int command_hold(Ctx* ctx, String** arguments, int count) {
  return host().hold_command(ctx, arguments, count);
}
int hold_reply(Ctx* ctx, String** arguments, int count) {
  return host().held().release(ctx, arguments, count);
}
void hold_gone(Ctx*, BlockedClient* client) { host().held().disconnected(client); }

int cluster_reply(Ctx* ctx, String**, int) {
  const auto* reply = static_cast<const core::Reply*>(loaded->api.GetBlockedClientPrivateData(ctx));
  if (reply) send_reply(loaded->api, ctx, *reply);
  return api_ok;
}
void free_reply(Ctx*, void* data) { std::unique_ptr<core::Reply>(static_cast<core::Reply*>(data)); }
int shutdown_reply(Ctx* ctx, String**, int) {
  const auto* text = static_cast<const std::string*>(loaded->api.GetBlockedClientPrivateData(ctx));
  return loaded->api.ReplyWithError(ctx, text ? text->c_str() : "ERR shutdown failed");
}
void free_text(Ctx*, void* data) { std::unique_ptr<std::string>(static_cast<std::string*>(data)); }
void cluster_gone(Ctx*, BlockedClient* client) { host().cluster().disconnected(client); }

struct CommandEntry {
  const char* name;
  CommandFunction function;
  const char* flags;
  const char* acl_categories;
};
// Those of transactions but swim.multi carry no-auth too: they act only for a client whose MULTI was let
// through, and ask the user's rules for every command themselves; may-replicate makes CLIENT PAUSE hold them.
// swim.reply answers in place of a user's command, so no ACL rule may stand before it (no-auth); the ones
// that act for CLUSTER, INFO, CONFIG and SHUTDOWN carry the categories of the commands they stand for.
constexpr CommandEntry commands[] = {
    {reply_command_name, command_reply, "no-auth allow-loading allow-stale fast allow-busy",
     "fast connection"},
    {"swim.asking", command_asking, "allow-stale fast", "fast connection"},
    // No write flag: a replica that is about to be primary holds as well. Both refuse where nobody can wait.
    {hold_command_name, command_hold, "no-auth deny-script allow-loading allow-stale", "slow"},
    {hold_checked_command_name, command_hold, "deny-script allow-loading allow-stale", "read write slow"},
    {"swim.cluster", command_cluster, "allow-loading allow-stale", "slow"},
    {"swim.cluster-admin", command_cluster, "admin deny-script allow-loading allow-stale",
     "admin slow dangerous"},
    {"swim.publish", command_publish, "may-replicate allow-loading allow-stale fast", "fast pubsub"},
    {"swim.publish-as", command_publish, "no-auth may-replicate allow-loading allow-stale fast",
     "fast pubsub"},
    {"swim.as", command_as, "no-auth deny-script allow-loading allow-stale", "slow"},
    {own_scan_name.data(), command_scan, "readonly", "keyspace read slow"},
    {"swim.keyspace", command_keyspace, "readonly", "keyspace read slow dangerous"},
    {"swim.debug", command_debug, "admin deny-script allow-loading allow-stale", "admin slow dangerous"},
    {"swim.info", command_info, "allow-loading allow-stale", "slow dangerous"},
    {"swim.config", command_config, "admin deny-script allow-loading allow-stale", "admin slow dangerous"},
    {"swim.shutdown", command_shutdown, "admin deny-script allow-loading allow-stale allow-busy",
     "admin slow dangerous"},
    {"swim.multi", command_multi, "deny-script allow-loading allow-stale allow-busy fast",
     "fast transaction"},
    {"swim.multi-as", command_multi_as, "no-auth deny-script allow-loading allow-stale allow-busy fast",
     "fast transaction"},
    {"swim.queue", command_queue, "no-auth deny-script no-monitor no-slowlog fast", "fast transaction"},
    {"swim.exec", command_exec, "no-auth deny-script allow-stale", "slow transaction"},
    {"swim.exec-write", command_exec, "no-auth deny-script allow-stale may-replicate", "slow transaction"},
    {"swim.wait", command_wait, "readonly blocking deny-script", "slow blocking read stream"},
    {"swim.wait-as", command_wait, "no-auth readonly blocking deny-script", "slow blocking read stream"},
    {"swim.wait-write", command_wait, "write blocking deny-script",
     "slow blocking write list sortedset stream"},
    {"swim.wait-write-as", command_wait, "no-auth write blocking deny-script",
     "slow blocking write list sortedset stream"},
    {"swim.discard", command_discard, "no-auth deny-script allow-loading allow-stale allow-busy fast",
     "fast transaction"},
};

bool create_commands(Ctx* ctx) {
  const Api& api = loaded->api;
  // Releases before 9.1 do not have it; those that do refuse the name.
  api.CreateCommand(ctx, scan_name.data(), command_scan, "readonly", 0, 0, 0);
  for (const auto& entry : commands) {
    if (api.CreateCommand(ctx, entry.name, entry.function, entry.flags, 0, 0, 0) != api_ok) return false;
    if (api.GetCommand && api.SetCommandACLCategories) {
      api.SetCommandACLCategories(api.GetCommand(ctx, entry.name), entry.acl_categories);
    }
  }
  return true;
}

// ---- events ----
void on_filter(FilterCtx* filter) { host().filter().on_command(filter); }
void on_filter_during_call(FilterCtx* filter) { host().filter().on_command_during_call(filter); }
void on_turn(int, void*, int) { host().turn(); }
void on_info(InfoCtx* info, int crash_report) { host().add_info(info, crash_report != 0); }
void on_signal(int signal) {
  if (host().graceful_end().note_signal(signal)) return host().graceful_end().call_server_handler(signal);
  host().loop().wake();
}
void on_loop(Ctx*, ServerEvent, std::uint64_t what, void*) {
  if (what == event::before_sleep) host().before_sleep();
}
void on_client(Ctx*, ServerEvent, std::uint64_t what, void* data) {
  const auto id = static_cast<const ClientInfo*>(data)->id;
  if (what == event::client_connected) {
    host().clients().connect(id);
  } else if (what == event::client_disconnected) {
    host().transactions().forget(id);
    host().filter().shard_subscribers().forget(id);
    host().usage().forget(id);
    host().clients().disconnect(id);
  }
}
void on_command_result(Ctx*, ServerEvent, std::uint64_t, void* data) {
  if (loaded->host) host().command_ran(*static_cast<const CommandResult*>(data));  // not while it is made
}
void on_key(Ctx*, ServerEvent, std::uint64_t what, void* data) {
  if (what == event::key_overwritten) return;
  const String* name = loaded->api.GetKeyNameFromModuleKey(static_cast<const KeyInfo*>(data)->key);
  host().key_removed(loaded->api.text(name));
}
int on_notification(Ctx* ctx, int type, const char*, String* key) {
  if ((type & (notify::new_key | notify::loaded)) != 0) {
    host().key_added(loaded->api.text(key), loaded->api.GetSelectedDb(ctx));
  } else {
    host().key_written(loaded->api.text(key));
  }
  return api_ok;
}
void on_flush(Ctx*, ServerEvent, std::uint64_t what, void* data) {
  const auto* info = static_cast<const FlushInfo*>(data);
  if (what == event::flush_start && info->database <= 0) host().emptied();
}
void on_loading(Ctx*, ServerEvent, std::uint64_t what, void*) { host().loading_changed(what); }
void on_role(Ctx*, ServerEvent, std::uint64_t, void*) { host().role_changed(); }
void on_config(Ctx*, ServerEvent, std::uint64_t, void*) { host().settings_changed(); }
void on_shutdown(Ctx*, ServerEvent, std::uint64_t, void*) { host().shutting_down(); }

bool subscribe(Ctx* ctx) {
  const Api& api = loaded->api;
  const std::pair<ServerEvent, EventFunction> events[] = {
      {event::event_loop, on_loop},     {event::client_change, on_client},     {event::key, on_key},
      {event::flush_db, on_flush},      {event::loading, on_loading},          {event::role_changed, on_role},
      {event::replica_change, on_role}, {event::primary_link_change, on_role}, {event::config, on_config},
      {event::shutdown, on_shutdown},
  };
  for (const auto& [which, function] : events) {
    if (api.SubscribeToServerEvent(ctx, which, function) != api_ok) return false;
  }
  return api.SubscribeToKeyspaceEvents(ctx, notify::writes | notify::new_key | notify::loaded,
                                       on_notification) == api_ok &&
         api.RegisterInfoFunc(ctx, on_info) == api_ok &&
         api.RegisterCommandFilter(ctx, on_filter, filter_no_self) &&
         api.RegisterCommandFilter(ctx, on_filter_during_call, 0);
}

// ---- other modules ----
// "swim.lease-until-ns": up to when this node may serve as primary, CLOCK_BOOTTIME, 0 when it is none. Main
// thread only. The tests' trace module compares it with the moment of each execution; nothing is paid for it
// otherwise.
std::int64_t lease_until_ns() { return host().lease_until().ns; }

// ---- loading ----
bool may_load(Ctx* ctx, std::string& error) {
  const int flags = loaded->api.GetContextFlags(ctx);
  if ((flags & context_flag::cluster) != 0) {
    error = "cluster-enabled is yes: this module brings the cluster itself, set cluster-enabled no";
    return false;
  }
  if ((flags & context_flag::server_startup) == 0) {
    error =
        "load the module when the server starts (loadmodule in the configuration or --loadmodule), not by "
        "MODULE "
        "LOAD: clients that are connected already would pass unchecked";
    return false;
  }
  return true;
}

bool load(Ctx* ctx, const std::vector<std::string_view>& arguments, std::string& error) {
  const Api& api = loaded->api;
  if (!may_load(ctx, error) || !parse_arguments(arguments, loaded->own, error)) return false;
  if (!register_configs(api, ctx, loaded->own, error)) return false;
  const Host::Callbacks callbacks{on_turn,
                                  cluster_reply,
                                  shutdown_reply,
                                  free_reply,
                                  free_text,
                                  hold_reply,
                                  cluster_gone,
                                  hold_gone,
                                  on_signal,
                                  {wait_reply, wait_timeout, free_answer, wait_gone, wait_unblocked},
                                  {run_reply, free_run_answer, run_gone, run_due},
                                  {scan_reply, scan_gone},
                                  on_command_result};
  loaded->host = Host::start(api, api.GetDetachedThreadSafeContext(ctx), loaded->own, callbacks, error);
  if (!loaded->host) return false;
  if (!create_commands(ctx) || !subscribe(ctx)) {
    error = "the server refused a command, an event or the command filter";
    return false;
  }
  if (api.ExportSharedAPI) {
    api.ExportSharedAPI(ctx, "swim.lease-until-ns", reinterpret_cast<void*>(&lease_until_ns));
  }
  if (api.RegisterClusterProvider) {
    host().log().notice("this server brings a Core of its own; this build uses the module's");
  }
  return true;
}

}  // namespace
}  // namespace vswim::module

extern "C" {

__attribute__((visibility("default"))) int ValkeyModule_OnLoad(vswim::module::Ctx* ctx,
                                                               vswim::module::String** arguments, int count) {
  using namespace vswim::module;
  auto fresh = std::make_unique<Loaded>();
  std::string error;
  if (!fresh->api.bind(ctx, error)) {
    if (fresh->api.Log) {
      fresh->api.Log(ctx, "warning", "valkey-swim needs Valkey 8.0 or newer: the server has no %s",
                     error.c_str());
    }
    return api_err;
  }
  if (fresh->api.IsModuleNameBusy(module_name)) return api_err;
  fresh->api.SetModuleAttribs(ctx, module_name, module_version, api_version);
  std::vector<std::string_view> words;
  words.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) words.push_back(fresh->api.text(arguments[i]));
  loaded = fresh.release();
  if (load(ctx, words, error)) return api_ok;
  loaded->api.Log(ctx, "warning", "valkey-swim is not loaded: %s", error.c_str());
  loaded->host.reset();
  return api_err;
}

// Clients, slots and a lease depend on it: it stays until the server ends.
__attribute__((visibility("default"))) int ValkeyModule_OnUnload(vswim::module::Ctx*) {
  return vswim::module::api_err;
}

}  // extern "C"
