// BLPOP and its kin wait inside of this module: the server runs them as a call that may block, the client is
// blocked on that call. So a client whose slot leaves, or whose lease ends, is answered at once and honestly:
// its call is taken back before anything was popped for it. The server's own blocked clients could only be
// cut off.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/run_as.hpp"

namespace vswim::module {

class BlockingCommands {
 public:
  struct Callbacks {  // plain functions of the module's entry
    CommandFunction reply, timeout;
    FreeFunction free_answer;
    DisconnectFunction gone;
    UnblockedFunction unblocked;
  };
  // How a wait ended: the server's reply, or an error of ours.
  struct Answer {
    explicit Answer(const Api& api, CallReply* given) : reply(api, given) {}
    Reply reply;
    std::string error;
  };

  BlockingCommands(const Api& api, RunAs& run_as, Filter& filter, ClientTable& clients,
                   const Callbacks& callbacks)
      : api_(api), run_as_(run_as), filter_(filter), clients_(clients), callbacks_(callbacks) {}
  ~BlockingCommands();
  BlockingCommands(const BlockingCommands&) = delete;
  BlockingCommands& operator=(const BlockingCommands&) = delete;

  // The command swim.wait: its arguments are the command that may wait.
  int run(Ctx* ctx, String** arguments, int count);
  // The server's callbacks.
  int answer(Ctx* ctx);
  int time_out(Ctx* ctx);            // CLIENT UNBLOCK; plain timeouts are the call's own
  void gone(BlockedClient* client);  // disconnected, or unblocked by the server with an error
  void unblocked(Ctx* ctx, CallReply* reply, void* waiting);

  // The routing changed: who would be refused now is answered so, who was held begins. True when somebody was
  // answered.
  bool recheck(Ctx* ctx);
  std::size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    BlockedClient* client = nullptr;
    std::uint64_t client_id = 0;
    bool resp3 = false;
    CallReply* promise = nullptr;  // null: has not begun, its slot or the primaryship is held
    const Command* command = nullptr;
    std::vector<String*> words;
  };

  using Place = std::unordered_map<BlockedClient*, std::unique_ptr<Waiting>>::iterator;

  void wait(Ctx* ctx, std::uint64_t client_id, String** words, int count, CallReply* promise);
  // Begins it (anew); the reply when it is answered at once, null when it waits.
  std::unique_ptr<Answer> begin(Ctx* ctx, Waiting& waiting);
  bool take_back(Waiting& waiting);
  void finish(Place at, std::unique_ptr<Answer> answer);
  void release(Waiting& waiting);

  const Api& api_;
  RunAs& run_as_;
  Filter& filter_;
  ClientTable& clients_;
  Callbacks callbacks_;
  std::unordered_map<BlockedClient*, std::unique_ptr<Waiting>> waiting_;
};

}  // namespace vswim::module
