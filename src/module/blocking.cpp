#include "module/blocking.hpp"

#include <utility>

namespace vswim::module {

BlockingCommands::~BlockingCommands() {
  for (auto& [client, waiting] : waiting_) release(*waiting);
}

void BlockingCommands::release(Waiting& waiting) {
  for (String* word : waiting.words) api_.FreeString(nullptr, word);
  waiting.words.clear();
  if (waiting.promise) api_.FreeCallReply(std::exchange(waiting.promise, nullptr));
}

int BlockingCommands::run(Ctx* ctx, String** arguments, int count) {
  const std::uint64_t id = run_as_.client_of(ctx);
  ClientState* client = clients_.find(id);
  if (!client || !std::exchange(client->blocking, false) || count < 2)
    return api_.ReplyWithError(ctx, "ERR swim.wait is used by this module only");
  String** words = arguments + 1;
  const Reply denial(api_, run_as_.denial_of(ctx, words, count - 1));
  if (denial.get()) return api_.ReplyWithCallReply(ctx, denial.get());
  client->vouched = true;  // the server or its ACL let this client through
  // It may have been postponed by CLIENT PAUSE since the filter saw it.
  const bool asking = client->blocking_asked;
  const Verdict verdict = run_as_.admit(ctx, words, count - 1, asking);
  constexpr int cannot_wait = context_flag::script | context_flag::multi | context_flag::deny_blocking;
  if ((api_.GetContextFlags(ctx) & cannot_wait) != 0) {
    run_as_.answer(ctx, words, count - 1, asking);
    return api_ok;
  }
  if (verdict.decision == core::Decision::hold) {
    wait(ctx, id, words, count - 1, nullptr);
    return api_ok;
  }
  if (verdict.decision != core::Decision::serve) return api_.ReplyWithError(ctx, verdict.text.c_str());
  CallReply* reply = run_as_.execute_or_wait(ctx, words, count - 1);
  if (reply && api_.CallReplyType(reply) == reply_type::promise) {
    wait(ctx, id, words, count - 1, reply);
    return api_ok;
  }
  const Reply owned(api_, reply);
  return reply ? api_.ReplyWithCallReply(ctx, reply)
               : api_.ReplyWithError(ctx, "ERR the command could not be run");
}

void BlockingCommands::wait(Ctx* ctx, std::uint64_t client_id, String** words, int count,
                            CallReply* promise) {
  auto waiting = std::make_unique<Waiting>();
  waiting->client_id = client_id;
  waiting->resp3 = (api_.GetContextFlags(ctx) & context_flag::resp3) != 0;
  waiting->promise = promise;
  waiting->command = run_as_.find(words, count);
  for (int i = 0; i < count; ++i) waiting->words.push_back(api_.HoldString(nullptr, words[i]));
  waiting->client = api_.BlockClient(ctx, callbacks_.reply, callbacks_.timeout, callbacks_.free_answer, 0);
  api_.SetDisconnectCallback(waiting->client, callbacks_.gone);
  if (promise) api_.CallReplyPromiseSetUnblockHandler(promise, callbacks_.unblocked, waiting.get());
  if (ClientState* client = clients_.find(client_id)) client->waits_for_us = true;
  waiting_.emplace(waiting->client, std::move(waiting));
}

std::unique_ptr<BlockingCommands::Answer> BlockingCommands::begin(Ctx* ctx, Waiting& waiting) {
  run_as_.act_for(waiting.client_id, waiting.resp3);
  CallReply* reply =
      run_as_.execute_or_wait(ctx, waiting.words.data(), static_cast<int>(waiting.words.size()));
  run_as_.act_for_nobody();
  if (!reply || api_.CallReplyType(reply) != reply_type::promise)
    return std::make_unique<Answer>(api_, reply);
  waiting.promise = reply;
  api_.CallReplyPromiseSetUnblockHandler(reply, callbacks_.unblocked, &waiting);
  return nullptr;
}

// The call ended by itself: somebody pushed, its time is over.
void BlockingCommands::unblocked(Ctx* ctx, CallReply* reply, void* data) {
  auto* waiting = static_cast<Waiting*>(data);
  auto answer = std::make_unique<Answer>(api_, reply);
  // A server whose default user has a password asks the call itself for it when it runs anew (8.0, 8.1).
  std::size_t length = 0;
  const char* bytes = api_.CallReplyProto(reply, &length);
  if (bytes && std::string_view(bytes, length).starts_with("-NOAUTH")) {
    api_.FreeCallReply(std::exchange(waiting->promise, nullptr));
    answer = begin(ctx, *waiting);
  }
  if (answer) finish(waiting_.find(waiting->client), std::move(answer));
}

void BlockingCommands::finish(Place at, std::unique_ptr<Answer> answer) {
  if (ClientState* client = clients_.find(at->second->client_id)) client->waits_for_us = false;
  BlockedClient* client = at->first;
  release(*at->second);
  waiting_.erase(at);
  api_.UnblockClient(client, answer.release());
}

bool BlockingCommands::take_back(Waiting& waiting) {
  return waiting.promise && api_.CallReplyPromiseAbort(waiting.promise, nullptr) == api_ok;
}

int BlockingCommands::answer(Ctx* ctx) {
  const auto* answer = static_cast<Answer*>(api_.GetBlockedClientPrivateData(ctx));
  if (!answer) return api_ok;
  if (!answer->error.empty()) return api_.ReplyWithError(ctx, answer->error.c_str());
  return answer->reply.get() ? api_.ReplyWithCallReply(ctx, answer->reply.get())
                             : api_.ReplyWithError(ctx, "ERR the command could not be run");
}

int BlockingCommands::time_out(Ctx* ctx) {
  gone(api_.GetBlockedClientHandle(ctx));
  return api_.ReplyWithNullArray(ctx);
}

void BlockingCommands::gone(BlockedClient* client) {
  const auto at = waiting_.find(client);
  if (at == waiting_.end()) return;
  take_back(*at->second);
  finish(at, nullptr);  // gives the handle back; nobody reads an answer
}

bool BlockingCommands::recheck(Ctx* ctx) {
  bool any = false;
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto current = at++;
    Waiting& waiting = *current->second;
    ClientState* client = clients_.find(waiting.client_id);
    if (!client || !waiting.command) continue;
    Verdict verdict = filter_.judge(*waiting.command, waiting.words.data(),
                                    static_cast<int>(waiting.words.size()), *client, client->blocking_asked);
    std::unique_ptr<Answer> answer;
    if (verdict.decision == core::Decision::hold) continue;
    // Its slot is being moved: as natively it waits on, until that slot has another owner.
    if (waiting.promise &&
        (verdict.decision == core::Decision::ask || verdict.decision == core::Decision::tryagain))
      continue;
    if (verdict.decision == core::Decision::serve) {
      if (waiting.promise || run_as_.writes_are_paused()) continue;
      filter_.runs_now(waiting.client_id, true, client->blocking_asked);
      answer = begin(ctx, waiting);
    } else if (!waiting.promise || take_back(waiting)) {
      answer = std::make_unique<Answer>(api_, nullptr);
      answer->error = std::move(verdict.text);
    }
    if (!answer) continue;
    finish(current, std::move(answer));
    any = true;
  }
  return any;
}

}  // namespace vswim::module
