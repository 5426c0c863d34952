#include "module/run_as.hpp"

#include <string>
#include <utility>

#include "module/command_keys.hpp"

namespace vswim::module {

std::uint64_t RunAs::client_of(Ctx* ctx) const {
  return acting_ != 0 ? acting_ : api_.GetClientId(outer_ ? outer_ : ctx);
}

const Command* RunAs::find(String** arguments, int count) const {
  const Command* command = commands_.find(api_.text(arguments[0]));
  if (!command || !command->container) return command;
  return count > 1 ? commands_.find(api_.text(arguments[0]), api_.text(arguments[1])) : nullptr;
}

// The server checks role, disk and replicas only in its script mode, which refuses what scripts may not run.
bool RunAs::is_scriptable(String** arguments, int count) const {
  const Command* command = find(arguments, count);
  return command && !command->noscript;
}

CallReply* RunAs::call(Ctx* ctx, const char* format, String** arguments, int count,
                       std::vector<String*>* let_go) {
  const std::string name(api_.text(arguments[0]));
  Ctx* before = std::exchange(outer_, outer_ ? outer_ : ctx);
  filter_.call_begins(let_go);
  CallReply* reply = api_.Call(ctx, name.c_str(), format, arguments + 1, static_cast<std::size_t>(count - 1));
  filter_.call_ended();
  outer_ = before;
  return reply;
}

CallReply* RunAs::only_errors(CallReply* reply) const {
  if (!reply) return nullptr;
  std::size_t length = 0;
  const char* bytes = api_.CallReplyProto(reply, &length);
  if (bytes && length > 0 && bytes[0] == '-') return reply;
  api_.FreeCallReply(reply);
  return nullptr;
}

CallReply* RunAs::refusal_of(Ctx* ctx, String** arguments, int count) {
  return only_errors(call(ctx, is_scriptable(arguments, count) ? "vDCMS" : "vDCM", arguments, count));
}

Verdict RunAs::admit(Ctx* ctx, String** arguments, int count, bool asking) {
  ClientState unknown;  // a client that has gone: judged as one that never sent READONLY
  ClientState* client = clients_.find(client_of(ctx));
  if (!client) client = &unknown;
  const Command* command = find(arguments, count);
  Verdict verdict;
  if (command) verdict = filter_.judge(*command, arguments, count, *client, asking);
  if (command && command->write && command->noscript &&
      (api_.GetContextFlags(ctx) & context_flag::replica) != 0) {
    return {core::Decision::clusterdown, "READONLY You can't write against a read only replica."};
  }
  if (verdict.decision != core::Decision::serve) return verdict;
  if (command) {
    if (const auto text = filter_.refusal_of(*command, arguments, count); !text.empty())
      return {core::Decision::clusterdown, std::string(text)};
  }
  filter_.runs_now(client->id, command && (command->has_keys() || command->write || command->may_write),
                   asking);
  return verdict;
}

// As the client speaks: ctx's, or the one that is acted for.
std::string RunAs::in_protocol(std::string format) const {
  if (acting_ == 0) return format + '0';
  return acting_resp3_ ? format + '3' : format;
}

CallReply* RunAs::execute(Ctx* ctx, String** arguments, int count, std::vector<String*>* let_go) {
  const Command* command = find(arguments, count);
  if (command && command->script) filter_.script_begins(*command, arguments, count);
  if (command && command->name.starts_with("function")) filter_.functions_changed();
  const std::string format = in_protocol(is_scriptable(arguments, count) ? "v!ECMS" : "v!ECM");
  if (!command || !is_publish(*command) || count != 3)
    return call(ctx, format.c_str(), arguments, count, let_go);
  CallReply* reply = call(ctx, format.c_str(), arguments, count);
  if (reply && api_.CallReplyType(reply) == reply_type::integer && published_) published_(arguments);
  return reply;
}

CallReply* RunAs::execute_or_wait(Ctx* ctx, String** arguments, int count) {
  return call(ctx, in_protocol("v!EMSK").c_str(), arguments, count);
}

void RunAs::answer(Ctx* ctx, String** arguments, int count, bool asking) {
  const Verdict verdict = admit(ctx, arguments, count, asking);
  if (verdict.decision != core::Decision::serve) {
    api_.ReplyWithError(ctx, verdict.text.c_str());
    return;
  }
  const Reply reply(api_, execute(ctx, arguments, count));
  if (!reply.get() || api_.ReplyWithCallReply(ctx, reply.get()) != api_ok)
    api_.ReplyWithError(ctx, "ERR the command could not be run");
}

}  // namespace vswim::module
