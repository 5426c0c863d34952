// The module as a whole, main thread only: owns Core and the node, wires the leaves together, and turns the
// server's callbacks into their inputs. Order of one turn of the event loop: the node's events reach Core and
// its answers leave (turn), commands pass the filter, and before the loop sleeps (before_sleep) the fence
// looks back and Core's actions on the server are carried out: never inside a command, a script or a load.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/core.hpp"
#include "module/api.hpp"
#include "module/arguments.hpp"
#include "module/blocking.hpp"
#include "module/client_table.hpp"
#include "module/cluster_command.hpp"
#include "module/cluster_scan.hpp"
#include "module/command_table.hpp"
#include "module/detached_runs.hpp"
#include "module/engine.hpp"
#include "module/fence.hpp"
#include "module/filter.hpp"
#include "module/graceful_end.hpp"
#include "module/held_clients.hpp"
#include "module/keyring_command.hpp"
#include "module/keyring_view.hpp"
#include "module/log.hpp"
#include "module/loop.hpp"
#include "module/publish.hpp"
#include "module/run_as.hpp"
#include "module/server_settings.hpp"
#include "module/slot_counters.hpp"
#include "module/slot_dropper.hpp"
#include "module/slot_export.hpp"
#include "module/slot_import.hpp"
#include "module/slot_index.hpp"
#include "module/slot_usage.hpp"
#include "module/transactions.hpp"
#include "module/visible_keys.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

class Host {
 public:
  struct Callbacks {  // the plain functions the server calls, all of the module's entry
    LoopFunction turn;
    CommandFunction cluster_reply, shutdown_reply;
    FreeFunction free_reply, free_text;
    CommandFunction hold_reply;
    DisconnectFunction cluster_gone, hold_gone;
    void (*signal)(int);
    BlockingCommands::Callbacks blocking;
    DetachedRuns::Callbacks detached;
    ClusterScan::Callbacks scan;
    EventFunction command_result;
  };

  // `ctx` lives as long as the server. On failure null and what to do about it.
  static std::unique_ptr<Host> start(const Api& api, Ctx* ctx, OwnSettings& own, const Callbacks& callbacks,
                                     std::string& error);
  Host(const Api& api, Ctx* ctx, OwnSettings& own, const Callbacks& callbacks, ServerSettings server,
       CommandTable commands, std::uint16_t bus_port);

  Filter& filter() { return filter_; }
  DetachedRuns& detached() { return detached_; }
  BlockingCommands& blocking() { return blocking_; }
  Transactions& transactions() { return transactions_; }
  ClientTable& clients() { return clients_; }
  ClusterCommands& cluster() { return cluster_; }
  HeldClients& held() { return held_; }
  ClusterScan& scan() { return scan_; }
  SlotUsage& usage() { return usage_; }
  void command_ran(const CommandResult& result) { usage_.on_result(result, engine_.replicas()); }
  int hold_command(Ctx* ctx, String** arguments, int count);
  int exec_command(Ctx* ctx, String** arguments);
  GracefulEnd& graceful_end() { return graceful_; }
  const Loop& loop() const { return loop_; }
  const Log& log() const { return log_; }
  // The deadline of the right to serve as primary; the beginning of time without that right.
  Instant lease_until() const {
    return core_.routing().primary_here ? core_.routing().lease_until : Instant{};
  }

  void turn();
  void before_sleep();
  int cluster_command(Ctx* ctx, String** arguments, int count);
  int as_command(Ctx* ctx, String** arguments, int count);       // swim.as <one of ours> ...
  int publish_command(Ctx* ctx, String** arguments, int count);  // swim.publish <PUBLISH or SPUBLISH> ...
  int scan_command(Ctx* ctx, String** arguments, int count);
  int shutdown_command(Ctx* ctx, String** arguments, int count);
  int config_command(Ctx* ctx, String** arguments, int count);
  int debug_command(Ctx* ctx, String** arguments, int count);     // DEBUG SLOTMIGRATION ...
  int keyspace_command(Ctx* ctx, String** arguments, int count);  // DBSIZE, KEYS, SCAN, RANDOMKEY
  int info_command(Ctx* ctx, String** arguments, int count);
  void add_info(InfoCtx* info, bool crash_report);

  void key_added(std::string_view key, int database);
  void key_removed(std::string_view key);
  void key_written(std::string_view key);
  void key_touched(std::string_view key);
  void emptied();
  void loading_changed(std::uint64_t what);
  void role_changed() { report_wanted_ = true; }
  void settings_changed() { settings_wanted_ = true; }
  void shutting_down();

 private:
  static constexpr Duration pulse_interval = milliseconds(100);  // also the interval of engine reports

  bool start_node(std::string& error);
  bool load_secrets(std::string& error);
  SecretFile read_secret_file() const;
  bool keeps_to_this_machine() const;
  void apply_keyring();
  void apply_peer_policy();
  int keyring_command(Ctx* ctx, String** arguments, int count);
  runtime::NodeSettings node_settings() const;
  void feed_core(Instant now);
  void report_engine(Instant now);
  void stop_serving(Instant now);
  void pump();
  void perform(const core::EngineAction& action);
  core::Traffic traffic() const;
  void list_keys(const core::ListKeys& wanted, Instant now);
  void answer_listings(Instant now);
  core::Reply unlink(core::Slot slot, const std::vector<std::string>& keys, Instant now);
  void work_on_keys(Instant now);
  void move_slots(Instant now);
  void recheck_waiting();
  bool spares_waiting(Instant now);
  // ---- host_pubsub.cpp
  void on_published(String** words);
  void hear(const contract::Event& event);  // copies of what other nodes published, and who they are
  void deliver();
  void part_with_subscribers();
  void apply_settings(Instant now);
  core::Settings core_settings() const;
  void tune_server();
  void keep_replies_behind_fence();
  void allow_debug();
  void count_usage();
  void arm(Instant now);

  const Api& api_;
  Ctx* ctx_;
  OwnSettings& own_;
  Callbacks callbacks_;
  Log log_;
  ServerSettings server_;
  std::uint16_t bus_port_;
  CommandTable commands_;
  ClientTable clients_;
  SlotCounters counters_;
  SlotIndex index_;
  SlotDropper dropper_;
  SlotExport export_;
  SlotImport import_;
  core::Core core_;
  Situation situation_;
  Engine engine_;
  Fence fence_;
  Filter filter_;
  RunAs run_as_;
  DetachedRuns detached_;
  Transactions transactions_;
  HeldClients held_;
  BlockingCommands blocking_;
  ClusterCommands cluster_;
  ClusterScan scan_;
  SlotUsage usage_;
  GracefulEnd graceful_;
  Loop loop_;
  std::unique_ptr<runtime::Node> node_;
  KeyringView keyrings_;
  std::string applied_keys_;     // of the keyring that the node has
  bool loopback_only_ = false;   // so does the node
  Instant next_policy_check_{};  // while it is: a password may have been set

  Audience audience_;
  std::deque<Published> heard_;  // copies that wait to be published here
  std::uint64_t published_dropped_ = 0, subscribers_builds_ = 0;
  bool told_of_long_ = false;
  std::vector<core::EngineAction> actions_;  // wait for before_sleep
  Instant spared_until_ = Instant::never();  // a change of role among them waits for who waits in CLUSTER
  std::vector<core::ListKeys> listings_;     // wait for the index
  bool replies_leave_ =
      false;  // released clients read their replies at the next turn: no REPLICAOF before that
  std::uint64_t waiting_builds_ = 0,
                waiting_lapses_ = 0;  // of the routing that those who wait were judged by
  // The server propagates what is written in before_sleep() only after it: until the next turn the
  // replication offset does not show it.
  bool wrote_before_sleep_ = false;
  std::vector<SlotImport::Answer> imported_;  // of keys written there
  bool report_wanted_ = true, settings_wanted_ = true;
  bool starting_load_ = false, foreign_database_ = false;
  Instant next_pulse_{};
};

}  // namespace vswim::module
