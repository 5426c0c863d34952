// The module as a whole, main thread only: owns Core and the node, wires the leaves together, and turns the
// server's callbacks into their inputs. Order of one turn of the event loop: the node's events reach Core and
// its answers leave (turn), commands pass the filter, and before the loop sleeps (before_sleep) the fence
// looks back and Core's actions on the server are carried out: never inside a command, a script or a load.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/core.hpp"
#include "module/api.hpp"
#include "module/arguments.hpp"
#include "module/client_table.hpp"
#include "module/cluster_command.hpp"
#include "module/command_table.hpp"
#include "module/engine.hpp"
#include "module/fence.hpp"
#include "module/filter.hpp"
#include "module/graceful_end.hpp"
#include "module/log.hpp"
#include "module/loop.hpp"
#include "module/server_settings.hpp"
#include "module/slot_counters.hpp"
#include "module/slot_dropper.hpp"
#include "module/slot_index.hpp"
#include "runtime/node.hpp"

namespace vswim::module {

class Host {
 public:
  struct Callbacks {  // the plain functions the server calls, all of the module's entry
    LoopFunction turn;
    CommandFunction cluster_reply, shutdown_reply;
    FreeFunction free_reply, free_text;
    DisconnectFunction cluster_gone;
    void (*signal)(int);
  };

  // `ctx` lives as long as the server. On failure null and what to do about it.
  static std::unique_ptr<Host> start(const Api& api, Ctx* ctx, const OwnSettings& own,
                                     const Callbacks& callbacks, std::string& error);
  Host(const Api& api, Ctx* ctx, const OwnSettings& own, const Callbacks& callbacks, ServerSettings server,
       CommandTable commands, std::uint16_t bus_port);

  Filter& filter() { return filter_; }
  ClientTable& clients() { return clients_; }
  ClusterCommands& cluster() { return cluster_; }
  GracefulEnd& graceful_end() { return graceful_; }
  const Loop& loop() const { return loop_; }
  const Log& log() const { return log_; }

  void turn();
  void before_sleep();
  int cluster_command(Ctx* ctx, String** arguments, int count);
  int shutdown_command(Ctx* ctx, String** arguments, int count);
  int config_command(Ctx* ctx, String** arguments, int count);
  int info_command(Ctx* ctx, String** arguments, int count);
  void add_info(InfoCtx* info, bool crash_report);

  void key_added(std::string_view key, int database);
  void key_removed(std::string_view key);
  void key_written();
  void emptied();
  void loading_changed(std::uint64_t what);
  void role_changed() { report_wanted_ = true; }
  void settings_changed() { settings_wanted_ = true; }
  void shutting_down();

 private:
  static constexpr Duration pulse_interval = milliseconds(100);  // also the interval of engine reports

  bool start_node(std::string& error);
  runtime::NodeSettings node_settings() const;
  void feed_core(Instant now);
  void report_engine(Instant now);
  void stop_serving(Instant now);
  void pump();
  void perform(const core::EngineAction& action);
  void list_keys(const core::ListKeys& wanted, Instant now);
  void answer_listings(Instant now);
  void work_on_keys(Instant now);
  void apply_settings(Instant now);
  void tune_server();
  void arm(Instant now);

  const Api& api_;
  Ctx* ctx_;
  const OwnSettings& own_;
  Callbacks callbacks_;
  Log log_;
  ServerSettings server_;
  std::uint16_t bus_port_;
  CommandTable commands_;
  ClientTable clients_;
  SlotCounters counters_;
  SlotIndex index_;
  SlotDropper dropper_;
  core::Core core_;
  Situation situation_;
  Engine engine_;
  Fence fence_;
  Filter filter_;
  ClusterCommands cluster_;
  GracefulEnd graceful_;
  Loop loop_;
  std::unique_ptr<runtime::Node> node_;

  std::vector<core::EngineAction> actions_;  // wait for before_sleep
  std::vector<core::ListKeys> listings_;     // wait for the index
  bool replies_leave_ =
      false;  // released clients read their replies at the next turn: no REPLICAOF before that
  bool report_wanted_ = true, settings_wanted_ = false;
  bool starting_load_ = false, foreign_database_ = false;
  Instant next_pulse_{};
};

}  // namespace vswim::module
