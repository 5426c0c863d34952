// The second half of the lease: what the per-command check cannot stop, because a process may be stopped
// between check and execution. Replies and replica buffers that may carry a late write never leave: their
// connections are closed before they are flushed. Users see a closed connection: outcome unknown. Design 3,
// "The fence".
#pragma once

#include <cstdint>

#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/fence_window.hpp"
#include "module/log.hpp"

namespace vswim::module {

class Fence {
 public:
  struct Counters {
    std::uint64_t fences = 0, clients_closed = 0, sockets_shut = 0, cut_offs = 0;
  };

  Fence(const Api& api, Ctx* ctx, ClientTable& clients, const Log& log)
      : api_(api), ctx_(ctx), clients_(clients), log_(log) {}

  void served(const core::RoutingTable& table) { window_.served(table); }
  // The filter met the first late command of this turn. It cannot tell whether an earlier command of the same
  // client ran late too, so only the others are closed here and the window stays open.
  void late_command(const core::RoutingTable& table, Instant now, std::uint64_t client);
  // A key was changed on behalf of a client (or of one that waited, past the filter).
  void write_seen(const core::RoutingTable& table, Instant now, std::uint64_t client);
  // Right before replies are flushed. True: something may have run late; everything is closed and the caller
  // makes the server a replica in the same callback.
  bool before_sleep(const core::RoutingTable& table, Instant now);
  bool window_open() const { return window_.open(); }
  // The lease is gone: whoever waits in a blocking command or in CLIENT PAUSE would run past every check.
  void cut_off();
  const Counters& counters() const { return counters_; }

 private:
  enum class Whom { pending_and_waiting, waiting };
  void close_clients(Whom whom, std::uint64_t except);
  void shut_down(const Reply& listed);

  const Api& api_;
  Ctx* ctx_;
  ClientTable& clients_;
  const Log& log_;
  FenceWindow window_;
  bool others_closed_ = false;
  bool replicas_shut_ = false;
  std::uint64_t shut_client_ = 0;
  Counters counters_;
};

}  // namespace vswim::module
