// Runs a command on behalf of a client, later than that client sent it or as part of something larger: held
// writes, transactions. With the server's own checks as of now (that user's ACL, memory, replicas, disk,
// role), in that client's protocol, replicated, and only if the slot and the lease are this node's at this
// instant. Works in a command of this module and in the reply callback of a blocked client.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "module/api.hpp"
#include "module/client_table.hpp"
#include "module/command_table.hpp"
#include "module/filter.hpp"

namespace vswim::module {

class RunAs {
 public:
  RunAs(const Api& api, Filter& filter, const CommandTable& commands, ClientTable& clients)
      : api_(api), filter_(filter), commands_(commands), clients_(clients) {}

  // For contexts that are no client's (a timer's): who the commands are run for until act_for_nobody().
  void act_for(std::uint64_t client, bool resp3) {
    acting_ = client;
    acting_resp3_ = resp3;
  }
  void act_for_nobody() { acting_ = 0; }

  // Who is told of every PUBLISH and SPUBLISH that was executed here.
  using Published = std::function<void(String** words)>;
  void tell_published(Published published) { published_ = std::move(published); }

  // The client that this context serves, also inside a command that was itself run from here.
  std::uint64_t client_of(Ctx* ctx) const;

  // Null for a name that the server's COMMAND does not have.
  const Command* find(String** arguments, int count) const;

  // The server's own refusal of this command, nothing executed; null when it would run. Owned by the caller.
  // Denial: unknown, wrong arity, not for ctx's user. Refusal: also memory, role, replicas, disk.
  CallReply* denial_of(Ctx* ctx, String** arguments, int count) {
    return only_errors(call(ctx, "vDC", arguments, count));
  }
  CallReply* refusal_of(Ctx* ctx, String** arguments, int count);

  // Slot and lease as of now, for ctx's client; when it may run the fence has been told.
  Verdict admit(Ctx* ctx, String** arguments, int count, bool asking);

  // Executes what was admitted. Never null: refusals are error replies. Never waits: blocking commands answer
  // at once. Owned by the caller. `let_go`: the same words, which nobody needs once the server has them.
  CallReply* execute(Ctx* ctx, String** arguments, int count, std::vector<String*>* let_go = nullptr);

  // The same for a blocking command outside of everything: may answer with a promise. The user's rules are
  // not asked, the caller has (the call may outlive the user).
  CallReply* execute_or_wait(Ctx* ctx, String** arguments, int count);

  // Admits, executes, answers ctx's client.
  void answer(Ctx* ctx, String** arguments, int count, bool asking);

  // CLIENT PAUSE forbids replicated writes; a command that runs from a callback has to wait for its end (a
  // release of 8.0 would stop the server).
  bool writes_are_paused() const { return api_.AvoidReplicaTraffic && api_.AvoidReplicaTraffic() != 0; }

 private:
  CallReply* call(Ctx* ctx, const char* format, String** arguments, int count,
                  std::vector<String*>* let_go = nullptr);
  CallReply* only_errors(CallReply* reply) const;  // some releases answer a dry run that succeeds
  std::string in_protocol(std::string format) const;
  bool is_scriptable(String** arguments, int count) const;

  const Api& api_;
  Filter& filter_;
  const CommandTable& commands_;
  ClientTable& clients_;
  Published published_;
  std::uint64_t acting_ = 0;
  bool acting_resp3_ = false;
  Ctx* outer_ = nullptr;  // of the command that is being executed
};

}  // namespace vswim::module
