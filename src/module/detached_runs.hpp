// Work for a blocked client that runs outside of that client's command, from a timer of the server: whatever
// may run scripts has to. A slow script lets the server serve others meanwhile, and one of them may be the
// end of the very client on whose behalf it runs; inside of a module's command or reply callback the server
// does not survive that. Here the client may go, its answer is then thrown away.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/run_as.hpp"

namespace vswim::module {

class DetachedRuns {
 public:
  using Answer = std::function<void(Ctx*)>;  // replies, and runs nothing
  // Runs commands as that client's user, in its protocol. No answer: not now, a little later again.
  using Work = std::function<Answer(Ctx*)>;
  struct Callbacks {  // plain functions of the module's entry
    CommandFunction reply;
    FreeFunction free_answer;
    DisconnectFunction gone;
    TimerFunction due;
  };

  DetachedRuns(const Api& api, Ctx* ctx, RunAs& run_as, ClientTable& clients, const Callbacks& callbacks)
      : api_(api), ctx_(ctx), run_as_(run_as), clients_(clients), callbacks_(callbacks) {}

  // Blocks the client whose command this is, then does `work` once: this turn of the loop or, while CLIENT
  // PAUSE forbids writes, after it. Never if the client goes before that.
  void start(Ctx* ctx, std::uint64_t client_id, Work work);
  // The same for a client that is blocked already, by a call with these callbacks: `free_answer` frees, the
  // reply callback gives what it is handed to reply(), the disconnect callback ends in gone().
  void adopt(BlockedClient* client, std::uint64_t client_id, bool resp3, Work work);
  FreeFunction free_answer() const { return callbacks_.free_answer; }
  // Admits and executes one command; as it is admitted anew, it may also end with a redirect.
  Work command(std::vector<String*> words, bool asking);
  // The server's callbacks.
  void due(Ctx* timer, void* client);
  void gone(BlockedClient* client);

 private:
  static constexpr long long retry_ms = 5;
  struct Run {
    BlockedClient* client = nullptr;
    std::uint64_t client_id = 0;
    bool resp3 = false;
    Work work;
    bool working = false, gone = false;
  };
  Answer perform(Ctx* timer, Run& run);
  void finish(BlockedClient* client, Answer answer);

  const Api& api_;
  Ctx* ctx_;
  RunAs& run_as_;
  ClientTable& clients_;
  Callbacks callbacks_;
  std::unordered_map<BlockedClient*, std::unique_ptr<Run>> runs_;
};

}  // namespace vswim::module
