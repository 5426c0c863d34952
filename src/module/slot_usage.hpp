// CLUSTER SLOT-STATS beyond the number of keys, while cluster-slot-stats-enabled is yes: CPU time, bytes in
// and out of each slot's commands. From what the server tells of every command that has run (9.1 and later;
// before, nothing is counted) and from the output of each client, which is looked at before its next command
// and when somebody asks: pipelined replies that left in between count for the slot of the last of them. Main
// thread only.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "core/engine.hpp"
#include "core/routing_table.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/filter.hpp"

namespace vswim::module {

class SlotUsage {
 public:
  SlotUsage(const Api& api, Ctx* ctx, const CommandTable& commands, ClientTable& clients, Filter& filter,
            const Situation& situation)
      : api_(api),
        ctx_(ctx),
        commands_(commands),
        clients_(clients),
        filter_(filter),
        situation_(situation) {}

  // Follows the setting; false when this server tells nothing of its commands.
  bool enable(bool wanted, EventFunction callback);
  bool enabled() const { return enabled_; }
  void before_command(std::uint64_t client);
  void on_result(const CommandResult& result, std::uint64_t replicas);
  void forget(std::uint64_t client);
  void settle();                                 // everything that is known counts
  void review(const core::RoutingTable& table);  // slots that are not this shard's begin at zero
  const core::SlotUsageTable& table() const { return table_; }

 private:
  struct Client {
    std::int32_t slot = ClientState::no_slot;  // of its last command
    std::int32_t queued = ClientState::no_slot;
    std::uint64_t out = 0;         // bytes it had been given, when last looked at
    std::uint64_t waits_with = 0;  // bytes in of a command that waits
  };

  std::int32_t slot_of(const Command& command, String** words, int count) const;
  void look_at(Client& client, std::uint64_t out);
  void reset();

  const Api& api_;
  Ctx* ctx_;
  const CommandTable& commands_;
  ClientTable& clients_;
  Filter& filter_;
  const Situation& situation_;
  bool enabled_ = false;
  core::SlotUsageTable table_{};
  std::unordered_map<std::uint64_t, Client> seen_;
  std::uint64_t builds_ = 0;
};

}  // namespace vswim::module
