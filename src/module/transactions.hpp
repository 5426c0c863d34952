// MULTI as this module runs it. The server's own cannot answer -MOVED inside of a transaction, so for clients
// that watch nothing the filter renames MULTI, EXEC and DISCARD and puts swim.queue before everything
// between: commands are checked and routed when they are queued, as a server in cluster mode does, and EXEC
// runs all of them or none, in one step of the event loop, replicated as one transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/detached_runs.hpp"
#include "module/run_as.hpp"

namespace vswim::module {

class Transactions {
 public:
  // `limit`: the server's client-query-buffer-limit; a client that queues more is disconnected, as by the
  // server.
  Transactions(const Api& api, RunAs& run_as, DetachedRuns& detached, Filter& filter, ClientTable& clients,
               std::function<std::size_t()> limit)
      : api_(api),
        run_as_(run_as),
        detached_(detached),
        filter_(filter),
        clients_(clients),
        limit_(std::move(limit)) {}
  ~Transactions();
  Transactions(const Transactions&) = delete;
  Transactions& operator=(const Transactions&) = delete;

  // The commands. `ask_acl`: the server has not asked whether this user may MULTI.
  int multi(Ctx* ctx, bool ask_acl);
  int queue(Ctx* ctx, String** arguments, int count);
  int exec(Ctx* ctx);
  // Whether this client's EXEC has to wait, as of now (Decision::hold).
  bool waits(std::uint64_t client);
  // Whether it has to run outside of the client's command (detached_runs.hpp), and that as work.
  bool runs_long(std::uint64_t client) const;
  DetachedRuns::Work exec_later(std::uint64_t client);
  int discard(Ctx* ctx);
  void forget(std::uint64_t client);  // it has disconnected

 private:
  struct Queued {
    std::vector<String*> words;
    const Command* command;  // null: a command of this module
  };
  struct Queue {
    std::vector<Queued> commands;
    std::size_t bytes = 0;
    std::int32_t slot = ClientState::no_slot;
    bool several_slots = false;
    bool needs_ownership = false;
    bool runs_long = false;  // scripts, which let the server serve others meanwhile
  };

  // Replies with the refusal and aborts; false when there is none.
  bool refuses(Ctx* ctx, ClientState& client, String** words, int count, const Command* command);
  int abort(Ctx* ctx, ClientState& client, const std::string& error);
  void keep(Ctx* ctx, ClientState& client, String** words, int count, const Command* command);
  void release(Queue& queue);
  struct Outcome {  // of one command
    CallReply* reply = nullptr;
    std::string error;  // instead
    int zeros = 0;      // instead: one, or an array of two
  };
  struct Outcomes {
    explicit Outcomes(const Api& given) : api(given) {}
    ~Outcomes();
    const Api& api;
    std::vector<Outcome> of;
    std::string error;  // nothing was run
  };
  std::shared_ptr<Queue> take(ClientState& client);
  // False when nothing was run because it is held (the error says so).
  bool run_all(Ctx* ctx, Queue& queue, std::uint64_t client, bool asking, Outcomes& outcomes);
  void answer(Ctx* ctx, const Outcomes& outcomes);
  Verdict judge(Queue& queue, ClientState& client, bool asking);
  std::string standing_refusal(Ctx* ctx, Queue& queue);
  Outcome run(Ctx* ctx, Queued& queued, std::uint64_t client);
  bool denied(Ctx* ctx, Queued& queued, CallReply* error);

  const Api& api_;
  RunAs& run_as_;
  DetachedRuns& detached_;
  Filter& filter_;
  ClientTable& clients_;
  std::function<std::size_t()> limit_;
  std::unordered_map<std::uint64_t, Queue> queues_;
};

// Is this a command that changes or reads the connection itself, which is not the one that runs it in EXEC?
bool belongs_to_connection(std::string_view command);

}  // namespace vswim::module
