// CLUSTER: the filter sends it here under an internal name, Core decides, and the answer goes out at once or
// when Core has it. A client that waits is blocked through the server; one that cannot wait (MULTI, script)
// is answered at once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/core.hpp"
#include "module/api.hpp"
#include "module/client_table.hpp"

namespace vswim::module {

void send_reply(const Api& api, Ctx* ctx, const core::Reply& reply);

class ClusterCommands {
 public:
  // `ask` hands the command to Core and passes everything Core has to say on (answered() among it).
  using Ask = std::function<void(core::CommandTicket, const std::vector<std::string>&, const core::Caller&)>;
  using Gone = std::function<void(core::CommandTicket)>;

  ClusterCommands(const Api& api, ClientTable& clients, Ask ask, Gone gone)
      : api_(api), clients_(clients), ask_(std::move(ask)), gone_(std::move(gone)) {}

  // `client_id`: whose command it is; inside of a transaction ctx's client is none of the server's users.
  int run(Ctx* ctx, std::uint64_t client_id, String** arguments, int count, CommandFunction on_reply,
          FreeFunction on_free, DisconnectFunction on_disconnect);
  // True when a blocked client was released: its reply leaves at the next turn of the loop.
  bool answered(const core::CommandReply& reply);
  void disconnected(BlockedClient* client);
  bool somebody_waits() const { return !waiting_.empty(); }
  // Can the command that is being run wait? (for the key listing)
  bool must_answer_at_once() const { return running_ && !running_can_block_; }

 private:
  struct Waiting {
    BlockedClient* client;
    std::uint64_t client_id;
  };
  const Api& api_;
  ClientTable& clients_;
  Ask ask_;
  Gone gone_;
  core::CommandTicket next_ticket_ = 1;
  bool running_ = false, running_can_block_ = true;
  core::CommandTicket running_ticket_ = 0;
  std::optional<core::Reply> immediate_;
  std::map<core::CommandTicket, Waiting> waiting_;
};

}  // namespace vswim::module
