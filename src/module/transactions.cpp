#include "module/transactions.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace vswim::module {
namespace {

constexpr std::size_t unlimited = 1024 * 1024;  // the lowest limit the server allows to be set
constexpr const char* previous_errors = "EXECABORT Transaction discarded because of previous errors.";
constexpr std::string_view connection_commands[] = {
    "auth",
    "hello",
    "subscribe",
    "unsubscribe",
    "psubscribe",
    "punsubscribe",
    "ssubscribe",
    "sunsubscribe",
    "monitor",
    "client|caching",
    "client|capa",
    "client|getname",
    "client|getredir",
    "client|id",
    "client|info",
    "client|no-evict",
    "client|no-touch",
    "client|pause",
    "client|reply",
    "client|setinfo",
    "client|setname",
    "client|tracking",
    "client|trackinginfo",
    "client|import-source",
};

std::string text_of(const Api& api, CallReply* reply) {
  std::string text(api.text(reply));
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n')) text.pop_back();
  return text;
}

std::string no_multi_text(const Api& api, const Command& command) {
  constexpr int names_the_command = 0x00090000;  // 9.0
  if (!api.GetServerVersion || api.GetServerVersion() < names_the_command)
    return "ERR Command not allowed inside a transaction";
  return "ERR Command '" + command.name + "' not allowed inside a transaction";
}

// The server's words when a user lost a right between queueing and EXEC.
std::string changed_acl_text(std::string_view refusal) {
  std::string_view reason = "no permission";
  if (refusal.find("permissions to run") != std::string_view::npos) {
    reason = "no permission to execute the command or subcommand";
  } else if (refusal.find("key") != std::string_view::npos) {
    reason = "no permission to touch the specified keys";
  } else if (refusal.find("channel") != std::string_view::npos) {
    reason = "no permission to access one of the channels used as arguments";
  }
  return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
         "This command is no longer allowed for the following reason: " +
         std::string(reason);
}

}  // namespace

bool belongs_to_connection(std::string_view command) {
  return std::find(std::begin(connection_commands), std::end(connection_commands), command) !=
         std::end(connection_commands);
}

Transactions::~Transactions() {
  for (auto& [client, queue] : queues_) release(queue);
}

void Transactions::release(Queue& queue) {
  for (Queued& queued : queue.commands) {
    for (String* word : queued.words) api_.FreeString(nullptr, word);
  }
  queue = Queue{};
}

void Transactions::forget(std::uint64_t client) {
  const auto found = queues_.find(client);
  if (found == queues_.end()) return;
  release(found->second);
  queues_.erase(found);
}

int Transactions::multi(Ctx* ctx, bool ask_acl) {
  ClientState* client = clients_.find(api_.GetClientId(ctx));
  if (!client || client->in_transaction || client->own_transaction)
    return api_.ReplyWithError(ctx, "ERR MULTI calls can not be nested");
  if (ask_acl) {
    String* multi = api_.make("multi");
    const Reply refusal(api_, run_as_.denial_of(ctx, &multi, 1));
    api_.FreeString(nullptr, multi);
    if (refusal.get()) return api_.ReplyWithCallReply(ctx, refusal.get());
  }
  forget(client->id);
  client->vouched = true;  // the server or its ACL let this client through
  client->begin_own_transaction();
  return api_.ReplyWithSimpleString(ctx, "OK");
}

int Transactions::discard(Ctx* ctx) {
  forget(api_.GetClientId(ctx));
  return api_.ReplyWithSimpleString(ctx, "OK");
}

int Transactions::abort(Ctx* ctx, ClientState& client, const std::string& error) {
  client.aborted = true;
  forget(client.id);
  return api_.ReplyWithError(ctx, error.c_str());
}

// In the server's order: does it exist, is its arity right, may this user, whose slot is it, can it run at
// all.
bool Transactions::refuses(Ctx* ctx, ClientState& client, String** words, int count, const Command* command) {
  const Reply denial(api_, run_as_.denial_of(ctx, words, count));
  if (denial.get()) return abort(ctx, client, text_of(api_, denial.get())), true;
  if (!command) return false;
  if (command->no_multi) return abort(ctx, client, no_multi_text(api_, *command)), true;
  if (belongs_to_connection(command->name)) {
    std::string name = command->name;
    std::replace(name.begin(), name.end(), '|', ' ');
    abort(ctx, client, "ERR '" + name + "' concerns the connection and is not run inside of a transaction");
    return true;
  }
  const Verdict verdict = filter_.judge(*command, words, count, client, client.own_asking);
  const bool waits = verdict.decision == core::Decision::hold;  // EXEC does, nothing runs before it
  if (verdict.decision != core::Decision::serve && !waits) return abort(ctx, client, verdict.text), true;
  if (!command->write && !command->deny_oom) return false;
  const Reply refusal(api_, run_as_.refusal_of(ctx, words, count));
  if (refusal.get()) return abort(ctx, client, text_of(api_, refusal.get())), true;
  return false;
}

int Transactions::queue(Ctx* ctx, String** arguments, int count) {
  ClientState* client = clients_.find(api_.GetClientId(ctx));
  if (!client || !std::exchange(client->queueing, false) || count < 2)
    return api_.ReplyWithError(ctx, "ERR swim.queue is used by this module only");
  const Command* command = run_as_.find(arguments + 1, count - 1);
  if (refuses(ctx, *client, arguments + 1, count - 1, command)) return api_ok;
  if (!client->aborted) keep(ctx, *client, arguments + 1, count - 1, command);
  return api_.ReplyWithSimpleString(ctx, "QUEUED");
}

void Transactions::keep(Ctx* ctx, ClientState& client, String** words, int count, const Command* command) {
  Queue& queue = queues_[client.id];
  Queued queued;
  queued.command = command;
  for (int i = 0; i < count; ++i) {
    queued.words.push_back(api_.HoldString(nullptr, words[i]));
    queue.bytes += api_.text(words[i]).size() + sizeof(String*);
  }
  queue.commands.push_back(std::move(queued));
  if (command) {
    queue.runs_long |= command->script || command->name.starts_with("debug");
    const bool may_write = command->write || command->may_write;
    client.own_writes |= may_write;
    queue.needs_ownership |= may_write;
    const auto found = filter_.slots_of(*command, words, count);
    if (found.slot != ClientState::no_slot) {
      queue.several_slots |= queue.slot != ClientState::no_slot && queue.slot != found.slot;
      queue.slot = found.slot;
      queue.needs_ownership = true;
    }
  }
  if (queue.bytes > unlimited && queue.bytes > limit_()) api_.DeauthenticateAndCloseClient(ctx, client.id);
}

Verdict Transactions::judge(Queue& queue, ClientState& client, bool asking) {
  if (queue.slot != ClientState::no_slot && !queue.several_slots) {
    std::vector<Filter::WholeCommand> all;
    for (Queued& queued : queue.commands) {
      if (queued.command)
        all.push_back({queued.command, queued.words.data(), static_cast<int>(queued.words.size())});
    }
    Verdict verdict = filter_.judge_together(static_cast<core::Slot>(queue.slot), all, client, asking);
    if (verdict.decision != core::Decision::serve) return verdict;
  }
  for (Queued& queued : queue.commands) {
    if (!queued.command) continue;
    Verdict verdict = filter_.judge(*queued.command, queued.words.data(),
                                    static_cast<int>(queued.words.size()), client, asking);
    if (verdict.decision != core::Decision::serve) return verdict;
  }
  if (queue.several_slots)
    return {core::Decision::crossslot, "CROSSSLOT Keys in request don't hash to the same slot"};
  return {};
}

bool Transactions::waits(std::uint64_t id) {
  ClientState* client = clients_.find(id);
  const auto found = queues_.find(id);
  if (!client || !client->executing || client->aborted || found == queues_.end()) return false;
  return judge(found->second, *client, client->own_asking).decision == core::Decision::hold;
}

// Memory, role, disk and replicas are the same for all of them: asked for the first of each kind.
std::string Transactions::standing_refusal(Ctx* ctx, Queue& queue) {
  bool first = true, write = true, oom = true;
  for (Queued& queued : queue.commands) {
    if (!queued.command) continue;
    const bool asks = first || (write && queued.command->write) || (oom && queued.command->deny_oom);
    if (!asks) continue;
    first = false;
    write &= !queued.command->write;
    oom &= !queued.command->deny_oom;
    const Reply refusal(api_,
                        run_as_.refusal_of(ctx, queued.words.data(), static_cast<int>(queued.words.size())));
    if (!refusal.get()) continue;
    std::string text = text_of(api_, refusal.get());
    if (!text.starts_with("NOPERM")) return text;
  }
  return {};
}

int Transactions::exec(Ctx* ctx) {
  const std::uint64_t id = run_as_.client_of(ctx);
  ClientState* client = clients_.find(id);
  if (!client || !client->executing) return api_.ReplyWithError(ctx, "ERR EXEC without MULTI");
  if (client->aborted) {
    client->end_own_transaction();
    forget(id);
    return api_.ReplyWithError(ctx, previous_errors);
  }
  constexpr int cannot_wait = context_flag::script | context_flag::multi | context_flag::deny_blocking;
  if (runs_long(id) && (api_.GetContextFlags(ctx) & cannot_wait) == 0) {
    detached_.start(ctx, id, exec_later(id));
    return api_ok;
  }
  const bool asking = client->own_asking;
  const auto queue = take(*client);
  Outcomes outcomes(api_);
  run_all(ctx, *queue, id, asking, outcomes);
  answer(ctx, outcomes);
  return api_ok;
}

bool Transactions::runs_long(std::uint64_t id) const {
  const auto found = queues_.find(id);
  return found != queues_.end() && found->second.runs_long;
}

// The transaction is over for its client, whatever becomes of it.
std::shared_ptr<Transactions::Queue> Transactions::take(ClientState& client) {
  std::shared_ptr<Queue> queue(new Queue, [this](Queue* kept) {
    release(*kept);
    delete kept;
  });
  if (const auto found = queues_.find(client.id); found != queues_.end()) {
    *queue = std::exchange(found->second, Queue{});
    queues_.erase(found);
  }
  client.end_own_transaction();
  return queue;
}

DetachedRuns::Work Transactions::exec_later(std::uint64_t id) {
  ClientState* client = clients_.find(id);
  if (!client) return [](Ctx*) -> DetachedRuns::Answer { return [](Ctx*) {}; };
  const bool asking = client->own_asking;
  return [this, queue = take(*client), id, asking](Ctx* later) -> DetachedRuns::Answer {
    auto outcomes = std::make_shared<Outcomes>(api_);
    if (!run_all(later, *queue, id, asking, *outcomes)) return nullptr;
    return [this, outcomes](Ctx* replying) { answer(replying, *outcomes); };
  };
}

Transactions::Outcomes::~Outcomes() {
  for (Outcome& outcome : of) {
    if (outcome.reply) api.FreeCallReply(outcome.reply);
  }
}

// All of it or, with one error, nothing.
bool Transactions::run_all(Ctx* ctx, Queue& queue, std::uint64_t id, bool asking, Outcomes& outcomes) {
  ClientState* client = clients_.find(id);
  if (!client) return true;
  Verdict verdict = judge(queue, *client, asking);
  if (verdict.decision != core::Decision::serve) {
    outcomes.error = std::move(verdict.text);
  } else if (const std::string refusal = standing_refusal(ctx, queue); !refusal.empty()) {
    outcomes.error = "EXECABORT Transaction discarded because of: " + refusal;
  }
  if (!outcomes.error.empty()) return verdict.decision != core::Decision::hold;
  filter_.runs_now(id, queue.needs_ownership, asking);
  outcomes.of.reserve(queue.commands.size());
  for (Queued& queued : queue.commands) outcomes.of.push_back(run(ctx, queued, id));
  return true;
}

void Transactions::answer(Ctx* ctx, const Outcomes& outcomes) {
  if (!outcomes.error.empty()) {
    api_.ReplyWithError(ctx, outcomes.error.c_str());
    return;
  }
  api_.ReplyWithArray(ctx, static_cast<long>(outcomes.of.size()));
  for (const Outcome& outcome : outcomes.of) {
    if (outcome.reply) {
      api_.ReplyWithCallReply(ctx, outcome.reply);
      continue;
    }
    if (!outcome.error.empty()) api_.ReplyWithError(ctx, outcome.error.c_str());
    if (outcome.zeros > 1) api_.ReplyWithArray(ctx, outcome.zeros);
    for (int i = 0; i < outcome.zeros; ++i) api_.ReplyWithLongLong(ctx, 0);
  }
}

Transactions::Outcome Transactions::run(Ctx* ctx, Queued& queued, std::uint64_t client) {
  String** words = queued.words.data();
  const int count = static_cast<int>(queued.words.size());
  const Command* command = queued.command;
  if (command) {
    if (const auto text = filter_.refusal_of(*command, words, count); !text.empty())
      return {nullptr, std::string(text)};
  }
  const Special special = command ? command->special : Special::none;
  const bool let_go = command && !command->script;
  CallReply* reply = run_as_.execute(ctx, words, count, let_go ? &queued.words : nullptr);
  if (!reply) return {nullptr, "ERR the command could not be run"};
  const bool failed = api_.CallReplyType(reply) == reply_type::error;
  if (failed && denied(ctx, queued, reply)) {
    const Reply owned(api_, reply);
    return {nullptr, changed_acl_text(owned.text())};
  }
  ClientState* state = clients_.find(client);
  if (state && (special == Special::readonly || special == Special::readwrite))
    state->readonly = special == Special::readonly;
  // WAIT cannot wait inside of a transaction, and whose writes it would count is not known here: of this
  // transaction's none has reached anybody.
  if (!failed && command && command->name.starts_with("wait")) {
    const Reply owned(api_, reply);
    return {nullptr, {}, command->name == "waitaof" ? 2 : 1};
  }
  return {reply, {}};
}

// Only scripts say NOPERM for reasons of their own; their words are still here.
bool Transactions::denied(Ctx* ctx, Queued& queued, CallReply* error) {
  if (!text_of(api_, error).starts_with("NOPERM")) return false;
  if (queued.words.empty()) return true;
  const Reply denial(api_,
                     run_as_.denial_of(ctx, queued.words.data(), static_cast<int>(queued.words.size())));
  return denial.get() != nullptr;
}

}  // namespace vswim::module
