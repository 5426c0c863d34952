// Clients whose command has to wait (Decision::hold): blocked with their command as they sent it, and decided
// anew when the routing table was rebuilt. Then it runs, or the client is redirected, or told that the shard
// is down. A blocked client sends nothing more, so its commands stay in order. An EXEC of the module's own
// transactions waits the same way.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/command_table.hpp"
#include "module/detached_runs.hpp"
#include "module/filter.hpp"
#include "module/run_as.hpp"
#include "module/transactions.hpp"

namespace vswim::module {

// <name> <the held command as it was sent>. The first passes whatever a user's ACL says of it: the rules are
// applied when the held command runs. The second is for connections that may not be authenticated.
constexpr const char* hold_command_name = "swim.hold";
constexpr const char* hold_checked_command_name = "swim.hold-checked";

class HeldClients {
 public:
  HeldClients(const Api& api, Ctx* ctx, Filter& filter, RunAs& run_as, DetachedRuns& detached,
              Transactions& transactions, ClientTable& clients)
      : api_(api),
        ctx_(ctx),
        filter_(filter),
        run_as_(run_as),
        detached_(detached),
        transactions_(transactions),
        clients_(clients) {}

  const char* command_for(std::uint64_t client) const;
  // The body of both commands; and of an EXEC that has to wait, whose arguments are its own name.
  int hold(Ctx* ctx, String** arguments, int count, CommandFunction on_release,
           DisconnectFunction on_disconnect);
  // After every rebuild of the table. True: somebody was released, whose answer leaves at the next turn.
  bool review(std::uint64_t table_builds);
  int release(Ctx* ctx, String** arguments, int count);  // in the reply callback
  void disconnected(BlockedClient* client);
  // Released clients whose write CLIENT PAUSE forbids for now are looked at again then.
  Instant deadline(Instant now) const { return paused_ ? now + pause_check : Instant::never(); }
  std::size_t size() const { return held_.size(); }

 private:
  static constexpr Duration pause_check = milliseconds(20);
  struct Held {
    BlockedClient* client;
    std::uint64_t id;
    std::vector<String*> arguments;  // the server's, as long as the client is blocked; none: an EXEC
    bool asking;
    bool resp3;
  };
  bool waits(Held& held);
  bool runs_detached(Held& held) const;

  const Api& api_;
  Ctx* ctx_;
  Filter& filter_;
  RunAs& run_as_;
  DetachedRuns& detached_;
  Transactions& transactions_;
  ClientTable& clients_;
  std::vector<Held> held_;  // in order of arrival
  std::uint64_t reviewed_ = 0;
  bool paused_ = false;
};

}  // namespace vswim::module
