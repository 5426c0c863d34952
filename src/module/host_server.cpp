// The part of the host that faces the server's data and settings: key notifications, loads, CONFIG, INFO, the
// node's settings made from the server's.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "module/command_keys.hpp"
#include "module/host.hpp"
#include "module/rewriting.hpp"

namespace vswim::module {

runtime::NodeSettings Host::node_settings() const {
  runtime::NodeSettings settings;
  auto& provider = settings.provider;
  provider.shard_log.lease_ttl = milliseconds(own_.lease_ttl_ms);
  provider.shard_log.core_stall_limit = milliseconds(own_.core_stall_limit_ms);
  std::string ip(server_.text("cluster-announce-ip"));
  if (ip.empty()) ip = server_.single_bind_address();
  const auto announced = static_cast<std::uint16_t>(server_.number("cluster-announce-bus-port", 0));
  const std::uint16_t port = announced != 0 ? announced : bus_port_;
  provider.advertised.port = port;
  if (const auto address = Address::parse(ip, port)) provider.advertised = *address;
  provider.zone_label = server_.text("availability-zone");
  settings.directory = server_.text("dir");
  const std::string_view file = server_.text("cluster-config-file");
  settings.state_file = std::string(file.empty() ? "nodes.conf" : file) + ".swim";
  settings.bind = parse_bind(own_.bind.empty() ? server_.text("bind") : std::string_view(own_.bind));
  settings.bus_port = bus_port_;
  std::string error;  // checked when the setting was made
  parse_seeds(own_.seeds, settings.seeds, error);
  settings.keyring = own_.secrets.keyring();
  settings.cluster_name = own_.cluster_name;
  settings.loopback_only = loopback_only_;
  return settings;
}

bool Host::start_node(std::string& error) {
  if (!load_secrets(error)) return false;
  node_ = runtime::Node::start(
      node_settings(), [this] { loop_.wake(); }, error);
  if (!node_) return false;
  apply_keyring();
  core_.introduce(node_->node_id(), node_->shard_id());
  log_.notice("node " + node_->node_id().hex() + " of shard " + node_->shard_id().hex() + ", bus port " +
              std::to_string(bus_port_) + ", lease " + std::to_string(own_.lease_ttl_ms) + " ms");
  if (server_.number("cluster-node-timeout", 15'000) != 15'000) {
    log_.notice(
        "cluster-node-timeout only concerns cluster-replica-validity-factor here; failure detection follows "
        "swim.lease-ttl-ms");
  }
  return true;
}

// Settings of the server that this design needs otherwise than their defaults; what the user chose stays.
void Host::tune_server() {
  const Reply role(api_, api_.Call(ctx_, "INFO", "c", "replication"));
  if (parse_replication(role.text()).is_replica) {
    log_.warning("replicaof in the configuration is ignored: the shard log decides who follows whom");
    engine_.promote();
  }
  constexpr int server_default_seconds = 5;
  std::string configuration;
  const Reply server(api_, api_.Call(ctx_, "INFO", "c", "server"));
  if (const auto path = info_field(server.text(), "config_file"); !path.empty()) {
    std::ostringstream text;
    text << std::ifstream(std::string(path)).rdbuf();
    configuration = text.str();
  }
  if (server_.number("repl-diskless-sync-delay", server_default_seconds) == server_default_seconds &&
      configuration.find("repl-diskless-sync-delay") == std::string::npos) {
    const Reply set(api_, api_.Call(ctx_, "CONFIG", "ccc", "SET", "repl-diskless-sync-delay", "0"));
  }
}

core::Settings Host::core_settings() const {
  const int version = api_.GetServerVersion ? api_.GetServerVersion() : 0;  // 0x00MMmmpp
  auto settings =
      server_.core_settings(bus_port_, milliseconds(own_.lease_ttl_ms),
                            std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 0xff) + "." +
                                std::to_string(version & 0xff));
  settings.migration_bytes_per_second = own_.migration_bytes_per_second;
  return settings;
}

// With io-threads replies may leave before the loop sleeps, unless an fsync is still to come; without an AOF
// that setting costs nothing. Not while the module is loaded: 8.0 has no threads for fsync yet then, and
// CONFIG SET waits for them.
void Host::keep_replies_behind_fence() {
  if (server_.number("io-threads", 1) <= 1 || server_.text("appendonly") != "no" ||
      server_.text("appendfsync") == "always") {
    return;
  }
  const Reply set(api_, api_.Call(ctx_, "CONFIG", "ccc", "SET", "appendfsync", "always"));
  log_.notice(
      "io-threads without an append-only file: appendfsync is set to always, which keeps replies behind the "
      "lease check");
}

void Host::allow_debug() {
  const auto allowed = server_.text("enable-debug-command");
  situation_.debug_local_only = allowed == "local";
  situation_.debug_allowed = situation_.debug_local_only || allowed == "yes";
}

void Host::count_usage() {
  const bool wanted = server_.yes("cluster-slot-stats-enabled");
  situation_.counting_usage = usage_.enable(wanted, callbacks_.command_result) && wanted;
  core_.show_slot_usage(situation_.counting_usage ? &usage_.table() : nullptr);
}

// DEBUG SLOTMIGRATION <PREVENT-PAUSE|PREVENT-FAILOVER> <0|1>
int Host::debug_command(Ctx* ctx, String** arguments, int count) {
  const std::string_view which = count == 4 ? api_.text(arguments[2]) : "";
  const bool pause = equal_ignoring_case(which, "prevent-pause");
  if (!pause && !equal_ignoring_case(which, "prevent-failover"))
    return api_.ReplyWithError(ctx, "ERR unknown subcommand of DEBUG SLOTMIGRATION");
  const bool hold = std::atoi(std::string(api_.text(arguments[3])).c_str()) != 0;
  core_.hold_migrations(runtime::boottime_now(), pause ? std::optional(hold) : std::nullopt,
                        pause ? std::nullopt : std::optional(hold));
  pump();
  return api_.ReplyWithSimpleString(ctx, "OK");
}

void Host::apply_settings(Instant now) {
  settings_wanted_ = false;
  server_ = ServerSettings::read(api_, ctx_);
  keep_replies_behind_fence();
  situation_.allow_reads_when_down = server_.yes("cluster-allow-reads-when-down");
  situation_.allow_pubsubshard_when_down = server_.yes("cluster-allow-pubsubshard-when-down");
  allow_debug();
  count_usage();
  core_.configure(now, core_settings());
  pump();
  apply_keyring();
  apply_peer_policy();
}

void Host::key_added(std::string_view key, int database) {
  foreign_database_ |= database != 0;
  const core::Slot slot = core::key_slot(key);
  counters_.added(slot);
  if (index_.tracks(slot)) index_.added(slot, key);
}

void Host::key_removed(std::string_view key) {
  const core::Slot slot = core::key_slot(key);
  counters_.removed(slot);
  if (export_.active()) export_.changed(slot, key);
  if (index_.tracks(slot)) index_.removed(slot, key);
}

void Host::key_touched(std::string_view key) {
  if (export_.active()) export_.touched(core::key_slot(key), key);
}

void Host::key_written(std::string_view key) {
  if (export_.active()) export_.changed(core::key_slot(key), key);
  if (situation_.native_replica || situation_.loading) return;
  fence_.write_seen(core_.routing(), runtime::boottime_now(), filter_.current_client());
}

void Host::emptied() {
  counters_.clear();
  index_.clear();
  if (situation_.native_replica || situation_.loading) return;
  core_.on_emptied(runtime::boottime_now());
  loop_.wake();
}

void Host::loading_changed(std::uint64_t what) {
  const bool begins = what != event::loading_ended && what != event::loading_failed;
  situation_.loading = begins;
  filter_.functions_changed();
  engine_.set_loading(begins);
  graceful_.set_loading(begins);
  report_wanted_ = true;
  if (begins) {
    starting_load_ = what != event::loading_replica_start;
    return;
  }
  if (what == event::loading_failed) counters_.recount(api_, ctx_);
  if (!starting_load_) return;
  starting_load_ = false;
  if (foreign_database_) {
    log_.warning(
        "the data set has keys in databases above 0, which a cluster cannot serve: move them to database 0 "
        "with cluster-enabled no and without this module, then start again. Exiting.");
    node_.reset();
    std::_Exit(1);
  }
  engine_.loaded_from_disk();
}

void Host::shutting_down() {
  if (!node_) return;
  node_->stop(false);
  node_.reset();
}

int Host::info_command(Ctx* ctx, String** arguments, int count) {
  const Reply reply(api_, api_.Call(ctx, "INFO", "vE", arguments + 1, static_cast<std::size_t>(count - 1)));
  if (reply.failed()) {
    return reply.get() ? api_.ReplyWithCallReply(ctx, reply.get())
                       : api_.ReplyWithError(ctx, "ERR INFO failed");
  }
  const auto& modes = core_.routing().mode;
  const bool slots_wait = std::ranges::find(modes, core::SlotMode::fenced) != modes.end();
  const std::string text = rewrite_info(reply.text(), slots_wait);
  return api_.ReplyWithVerbatimString(ctx, text.data(), text.size());
}

int Host::config_command(Ctx* ctx, String** arguments, int count) {
  const Reply reply(api_, api_.Call(ctx, "CONFIG", "vE", arguments + 1, static_cast<std::size_t>(count - 1)));
  if (!reply.get()) return api_.ReplyWithError(ctx, "ERR CONFIG failed");
  if (reply.failed() || api_.CallReplyType(reply.get()) != reply_type::array) {
    if (!reply.failed()) {  // CONFIG REWRITE wrote the role of the moment: it is not a setting
      const Reply server(api_, api_.Call(ctx, "INFO", "c", "server"));
      const std::string path(info_field(server.text(), "config_file"));
      std::ostringstream text;
      text << std::ifstream(path).rdbuf();
      const std::string cleaned = without_replicaof(text.str());
      if (cleaned != text.str()) {
        const std::string temporary = path + ".swim-tmp";
        std::ofstream out(temporary, std::ios::trunc);
        out << cleaned;
        out.close();
        if (!out || std::rename(temporary.c_str(), path.c_str()) != 0) {
          std::remove(temporary.c_str());
          log_.warning("CONFIG REWRITE left a replicaof line in " + path + ": it is ignored at start");
        }
      }
    }
    return api_.ReplyWithCallReply(ctx, reply.get());
  }
  const std::size_t length = api_.CallReplyLength(reply.get());
  api_.ReplyWithMap(ctx, static_cast<long>(length / 2));
  for (std::size_t i = 0; i + 1 < length; i += 2) {
    const std::string_view name = api_.text(api_.CallReplyArrayElement(reply.get(), i));
    const std::string_view value = rewritten_config(name);
    api_.ReplyWithStringBuffer(ctx, name.data(), name.size());
    if (value.empty()) {
      api_.ReplyWithCallReply(ctx, api_.CallReplyArrayElement(reply.get(), i + 1));
    } else {
      api_.ReplyWithStringBuffer(ctx, value.data(), value.size());
    }
  }
  return api_ok;
}

void Host::add_info(InfoCtx* info, bool crash_report) {
  if (api_.InfoAddSection(info, "") != api_ok) return;
  const auto& table = core_.routing();
  const auto text = [&](const char* name, std::string_view value) {
    api_.InfoAddFieldCString(info, name, std::string(value).c_str());
  };
  const auto number = [&](const char* name, std::uint64_t value) {
    api_.InfoAddFieldULongLong(info, name, value);
  };
  const Duration left = table.lease_until - runtime::boottime_now();
  text("role", table.primary_here ? "primary" : table.replica_here ? "replica" : "none");
  number("lease_left_ms", left.ns > 0 ? static_cast<std::uint64_t>(left.ms()) : 0);
  number("lease_lapses", table.lapses);
  number("fences", fence_.counters().fences);
  number("fence_clients_closed", fence_.counters().clients_closed);
  number("fence_sockets_shut", fence_.counters().sockets_shut);
  number("cut_offs", fence_.counters().cut_offs);
  number("redirects_moved", filter_.counters().moved);
  number("redirects_clusterdown", filter_.counters().clusterdown);
  number("redirects_crossslot", filter_.counters().crossslot);
  number("commands_refused", filter_.counters().refused);
  number("transactions_aborted", filter_.counters().aborted);
  number("commands_held", filter_.counters().held);
  number("clients_held", held_.size());
  number("clients_known", clients_.size());
  if (crash_report || !node_) return;
  for (const auto& [name, value] : node_->info()) text(name.c_str(), value);
}

}  // namespace vswim::module
