#include "module/held_clients.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "module/default_user.hpp"

namespace vswim::module {

namespace {
constexpr int cannot_wait = context_flag::script | context_flag::multi | context_flag::deny_blocking;
}  // namespace

// Without a password everybody is authenticated. With one, a connection that is not carries the default
// user's name.
const char* HeldClients::command_for(std::uint64_t client) const {
  String* name = api_.GetClientUserNameById(ctx_, client);
  const bool named = name && api_.text(name) != "default";
  if (name) api_.FreeString(ctx_, name);
  return named || default_user_has_no_password(api_, ctx_).value_or(false) ? hold_command_name
                                                                           : hold_checked_command_name;
}

int HeldClients::hold(Ctx* ctx, String** arguments, int count, CommandFunction on_release,
                      DisconnectFunction on_disconnect) {
  const std::uint64_t id = api_.GetClientId(ctx);
  ClientState* state = clients_.find(id);
  const bool asking = state && std::exchange(state->asking, false);
  if (!state || (api_.GetContextFlags(ctx) & cannot_wait) != 0) {
    return api_.ReplyWithError(ctx, "TRYAGAIN The slot or its primary is being handed over");
  }
  BlockedClient* blocked = api_.BlockClient(ctx, on_release, nullptr, detached_.free_answer(), 0);
  api_.SetDisconnectCallback(blocked, on_disconnect);
  state->waits_for_us = true;
  held_.push_back({blocked,
                   id,
                   {arguments + 1, arguments + count},
                   asking,
                   (api_.GetContextFlags(ctx) & context_flag::resp3) != 0});
  reviewed_ = 0;  // a command that came by name only, or in the last moment, does not stay
  return api_ok;
}

bool HeldClients::waits(Held& held) {
  ClientState* state = clients_.find(held.id);
  if (held.arguments.empty()) return transactions_.waits(held.id);
  const int count = static_cast<int>(held.arguments.size());
  const Command* command = run_as_.find(held.arguments.data(), count);
  if (!state || !command) return false;
  if (filter_.holds(*command, held.arguments.data(), count, *state, held.asking)) return true;
  const bool paused = (command->write || command->may_write) && run_as_.writes_are_paused();
  paused_ |= paused;
  return paused;
}

// Scripts do not run in a reply callback.
bool HeldClients::runs_detached(Held& held) const {
  if (held.arguments.empty()) return transactions_.runs_long(held.id);
  const Command* command = run_as_.find(held.arguments.data(), static_cast<int>(held.arguments.size()));
  return command && command->script;
}

bool HeldClients::review(std::uint64_t table_builds) {
  if (held_.empty() || (std::exchange(reviewed_, table_builds) == table_builds && !paused_)) return false;
  paused_ = false;
  const auto released =
      std::stable_partition(held_.begin(), held_.end(), [&](Held& held) { return waits(held); });
  std::vector<Held> going(released, held_.end());
  held_.erase(released, held_.end());
  for (Held& held : going) {
    if (runs_detached(held)) {
      detached_.adopt(held.client, held.id, held.resp3,
                      held.arguments.empty() ? transactions_.exec_later(held.id)
                                             : detached_.command(held.arguments, held.asking));
      continue;
    }
    if (ClientState* state = clients_.find(held.id)) {
      state->waits_for_us = false;
      state->asking = held.asking;
    }
    api_.UnblockClient(held.client, nullptr);
  }
  return !going.empty();
}

int HeldClients::release(Ctx* ctx, String** arguments, int count) {
  if (const auto* answer = static_cast<DetachedRuns::Answer*>(api_.GetBlockedClientPrivateData(ctx))) {
    (*answer)(ctx);
    return api_ok;
  }
  if (count == 1) return transactions_.exec(ctx);
  ClientState* state = clients_.find(api_.GetClientId(ctx));
  const bool asking = state && std::exchange(state->asking, false);
  run_as_.answer(ctx, arguments + 1, count - 1, asking);
  return api_ok;
}

void HeldClients::disconnected(BlockedClient* client) {
  const auto found =
      std::find_if(held_.begin(), held_.end(), [&](const Held& held) { return held.client == client; });
  if (found == held_.end()) return detached_.gone(client);
  held_.erase(found);
  api_.UnblockClient(client, nullptr);  // gives the handle back; nobody reads the reply
}

}  // namespace vswim::module
