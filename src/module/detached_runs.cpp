#include "module/detached_runs.hpp"

#include <utility>

namespace vswim::module {

void DetachedRuns::start(Ctx* ctx, std::uint64_t client_id, Work work) {
  const bool resp3 = (api_.GetContextFlags(ctx) & context_flag::resp3) != 0;
  BlockedClient* client = api_.BlockClient(ctx, callbacks_.reply, nullptr, callbacks_.free_answer, 0);
  api_.SetDisconnectCallback(client, callbacks_.gone);
  adopt(client, client_id, resp3, std::move(work));
}

void DetachedRuns::adopt(BlockedClient* client, std::uint64_t client_id, bool resp3, Work work) {
  auto run = std::make_unique<Run>();
  run->client = client;
  run->client_id = client_id;
  run->resp3 = resp3;
  run->work = std::move(work);
  if (ClientState* state = clients_.find(client_id)) state->waits_for_us = true;
  api_.CreateTimer(ctx_, 0, callbacks_.due, client);
  runs_.emplace(client, std::move(run));
}

DetachedRuns::Work DetachedRuns::command(std::vector<String*> words, bool asking) {
  struct Kept {
    const Api& api;
    std::vector<String*> words;
    ~Kept() {
      for (String* word : words) api.FreeString(nullptr, word);
    }
  };
  const auto kept = std::make_shared<Kept>(api_, std::vector<String*>{});
  for (String* word : words) kept->words.push_back(api_.HoldString(nullptr, word));
  return [this, kept, asking](Ctx* later) -> Answer {
    const int count = static_cast<int>(kept->words.size());
    Verdict verdict = run_as_.admit(later, kept->words.data(), count, asking);
    if (verdict.decision == core::Decision::hold) return nullptr;
    if (verdict.decision != core::Decision::serve) {
      return [this, text = std::move(verdict.text)](Ctx* replying) {
        api_.ReplyWithError(replying, text.c_str());
      };
    }
    const auto reply = std::make_shared<Reply>(api_, run_as_.execute(later, kept->words.data(), count));
    return [this, reply](Ctx* replying) { api_.ReplyWithCallReply(replying, reply->get()); };
  };
}

void DetachedRuns::due(Ctx* timer, void* client) {
  const auto at = runs_.find(static_cast<BlockedClient*>(client));
  if (at == runs_.end()) return;  // it went before its turn
  Run& run = *at->second;
  Answer answer;
  if (!run_as_.writes_are_paused()) answer = perform(timer, run);
  if (answer || run.gone) {
    finish(run.client, std::move(answer));
  } else {
    api_.CreateTimer(ctx_, retry_ms, callbacks_.due, client);
  }
}

DetachedRuns::Answer DetachedRuns::perform(Ctx* timer, Run& run) {
  String* name = api_.GetClientUserNameById(ctx_, run.client_id);
  User* user = name ? api_.GetModuleUserFromUserName(name) : nullptr;
  if (name) api_.FreeString(ctx_, name);
  if (!user) {
    return [this](Ctx* ctx) { api_.ReplyWithError(ctx, "NOPERM the user of this connection is gone"); };
  }
  api_.SetContextUser(timer, user);
  run_as_.act_for(run.client_id, run.resp3);
  run.working = true;
  Answer answer = run.work(timer);
  run.working = false;
  run_as_.act_for_nobody();
  api_.FreeModuleUser(user);
  return answer;
}

void DetachedRuns::finish(BlockedClient* client, Answer answer) {
  const auto at = runs_.find(client);
  if (ClientState* state = clients_.find(at->second->client_id)) state->waits_for_us = false;
  runs_.erase(at);
  api_.UnblockClient(client, answer ? new Answer(std::move(answer)) : nullptr);
}

void DetachedRuns::gone(BlockedClient* client) {
  const auto at = runs_.find(client);
  if (at == runs_.end()) return;
  at->second->gone = true;
  if (!at->second->working) finish(client, nullptr);
}

}  // namespace vswim::module
