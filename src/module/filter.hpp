// The command filter: what cluster mode does before a command runs, done from outside. Reads the routing
// table and the clock for every command of a user, lets it pass or replaces its arguments. The hot path
// allocates nothing. Not for us: the replication stream, an AOF being loaded and this module's own calls;
// inner commands of scripts are held to the slots this node serves.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/routing_table.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/command_table.hpp"
#include "module/fence.hpp"

namespace vswim::module {

struct Situation {              // kept up to date by the host
  bool native_replica = false;  // the server replicates from somebody
  bool loading = false;
  bool allow_reads_when_down = false;
};

class Filter {
 public:
  struct Counters {
    std::uint64_t moved = 0, clusterdown = 0, crossslot = 0, refused = 0, aborted = 0;
  };

  Filter(const Api& api, Ctx* ctx, const CommandTable& commands, ClientTable& clients,
         const core::RoutingTable& table, const Situation& situation, Fence& fence,
         std::function<bool()> may_feed_replicas)
      : api_(api),
        ctx_(ctx),
        commands_(commands),
        clients_(clients),
        table_(table),
        situation_(situation),
        fence_(fence),
        may_feed_replicas_(std::move(may_feed_replicas)) {}

  void on_command(FilterCtx* filter);
  std::uint64_t current_client() const { return current_client_; }
  const Counters& counters() const { return counters_; }

 private:
  struct Arguments;  // the server's arguments, read in place
  struct KeySlots {
    std::int32_t slot = ClientState::no_slot;
    bool cross = false;
  };
  struct Call {  // one command of one client on its way through the filter
    FilterCtx* filter;
    const Arguments& arguments;
    const Command& command;
    ClientState& client;
    bool asking;
  };

  KeySlots key_slots(const Command& command, const Arguments& arguments);
  KeySlots key_slots_by_server(const Arguments& arguments);
  bool handle_special(const Call& call);        // true: nothing more to do
  bool refuse_for_arguments(const Call& call);  // true: nothing more to do
  void on_exec(const Call& call);
  void on_config(const Call& call);
  void on_shutdown(const Call& call);
  void on_keyless(const Call& call);
  void on_keys(const Call& call);
  void on_inner(FilterCtx* filter, const Command& command, const Arguments& arguments);
  core::RouteQuery query_of(const Call& call, core::Slot slot, bool write) const;
  // The error for a decision other than serve.
  std::string decision_text(const core::RouteQuery& query, core::Decision decision, Instant now,
                            std::uint64_t client);
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
  std::uint64_t current_client_ = 0;
  Instant checked_at_{};                // when the outermost command was let through
  std::vector<String*> argument_list_;  // reused, for commands whose keys only the server knows
  Counters counters_;
};

}  // namespace vswim::module
