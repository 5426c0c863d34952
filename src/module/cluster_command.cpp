#include "module/cluster_command.hpp"

#include <memory>

#include "base/overloaded.hpp"

namespace vswim::module {

void send_reply(const Api& api, Ctx* ctx, const core::Reply& reply) {
  std::visit(
      Overloaded{
          [&](const core::Reply::Simple& value) { api.ReplyWithSimpleString(ctx, value.text.c_str()); },
          [&](const core::Reply::Error& value) { api.ReplyWithError(ctx, value.text.c_str()); },
          [&](const core::Reply::Bulk& value) {
            api.ReplyWithStringBuffer(ctx, value.text.data(), value.text.size());
          },
          [&](const core::Reply::Verbatim& value) {
            api.ReplyWithVerbatimString(ctx, value.text.data(), value.text.size());
          },
          [&](const core::Reply::Null&) { api.ReplyWithNull(ctx); },
          [&](std::int64_t value) { api.ReplyWithLongLong(ctx, value); },
          [&](const core::Reply::Array& items) {
            api.ReplyWithArray(ctx, static_cast<long>(items.size()));
            for (const core::Reply& item : items) send_reply(api, ctx, item);
          },
          [&](const core::Reply::Map& map) {
            api.ReplyWithMap(ctx, static_cast<long>(map.entries.size()));
            for (const auto& [key, value] : map.entries) {
              send_reply(api, ctx, key);
              send_reply(api, ctx, value);
            }
          },
      },
      reply.value);
}

int ClusterCommands::run(Ctx* ctx, std::uint64_t client_id, String** arguments, int count,
                         CommandFunction on_reply, FreeFunction on_free, DisconnectFunction on_disconnect) {
  if (count < 2) return api_.ReplyWithError(ctx, "ERR wrong number of arguments for 'cluster' command");
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) words.emplace_back(api_.text(arguments[i]));

  const int flags = api_.GetContextFlags(ctx);
  core::Caller caller;
  caller.can_block =
      (flags & (context_flag::multi | context_flag::script | context_flag::deny_blocking)) == 0;
  caller.resp = (flags & context_flag::resp3) != 0 ? 3 : 2;
  ClientInfo info;
  // A script's client is none of the users', some releases do not survive the question.
  if (clients_.find(client_id) && api_.GetClientInfoById(&info, client_id) == api_ok) {
    caller.tls = (info.flags & client_flag_tls) != 0;
    caller.ipv6 = info.ipv6();
  }

  const core::CommandTicket ticket = next_ticket_++;
  running_ = true;
  running_can_block_ = caller.can_block;
  running_ticket_ = ticket;
  immediate_.reset();
  ask_(ticket, words, caller);
  running_ = false;
  if (immediate_) {
    send_reply(api_, ctx, *immediate_);
    return api_ok;
  }
  if (!caller.can_block) {
    gone_(ticket);
    return api_.ReplyWithError(ctx,
                               "ERR this CLUSTER command has to wait, which a transaction or script cannot");
  }
  BlockedClient* blocked = api_.BlockClient(ctx, on_reply, nullptr, on_free, 0);
  api_.SetDisconnectCallback(blocked, on_disconnect);
  waiting_.emplace(ticket, Waiting{blocked, client_id});
  if (ClientState* client = clients_.find(client_id)) client->waits_for_us = true;
  return api_ok;
}

bool ClusterCommands::answered(const core::CommandReply& reply) {
  if (running_ && reply.ticket == running_ticket_) {
    immediate_ = reply.reply;
    return false;
  }
  const auto found = waiting_.find(reply.ticket);
  if (found == waiting_.end()) return false;
  if (ClientState* client = clients_.find(found->second.client_id)) client->waits_for_us = false;
  api_.UnblockClient(found->second.client, std::make_unique<core::Reply>(reply.reply).release());
  waiting_.erase(found);
  return true;
}

void ClusterCommands::disconnected(BlockedClient* client) {
  for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
    if (it->second.client != client) continue;
    gone_(it->first);
    if (ClientState* state = clients_.find(it->second.client_id)) state->waits_for_us = false;
    waiting_.erase(it);
    api_.UnblockClient(client, nullptr);  // gives the handle back; nobody reads the reply
    return;
  }
}

}  // namespace vswim::module
