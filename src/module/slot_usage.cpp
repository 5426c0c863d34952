#include "module/slot_usage.hpp"

#include <string>
#include <utility>

#include "module/client_list.hpp"
#include "module/command_keys.hpp"

namespace vswim::module {
namespace {

constexpr std::int32_t no_slot = ClientState::no_slot;
constexpr std::uint64_t multi_bytes = 15, exec_bytes = 14;  // as clients send them

// "*<count>\r\n" and "$<length>\r\n<bytes>\r\n" for each: inline commands count as if they had been sent so.
std::uint64_t bytes_of(const Api& api, String** words, int count) {
  const auto head = [](std::size_t n) { return std::to_string(n).size() + 3; };
  std::uint64_t bytes = head(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const std::size_t length = api.text(words[i]).size();
    bytes += head(length) + length + 2;
  }
  return bytes;
}

bool stands_before(std::string_view name) {
  return name.starts_with("swim.publish") || name.starts_with("swim.wait") || name == "swim.as" ||
         name == "swim.queue";
}

}  // namespace

bool SlotUsage::enable(bool wanted, EventFunction callback) {
  if (wanted == enabled_) return true;
  constexpr ServerEvent events[] = {event::command_succeeded, event::command_failed};
  for (const ServerEvent& event : events) {
    if (api_.SubscribeToServerEvent(ctx_, event, wanted ? callback : nullptr) != api_ok) return false;
  }
  enabled_ = wanted;
  seen_.clear();
  table_ = {};
  return true;
}

void SlotUsage::forget(std::uint64_t client) { seen_.erase(client); }

void SlotUsage::look_at(Client& client, std::uint64_t out) {
  if (client.slot != no_slot && out > client.out)
    table_[static_cast<std::size_t>(client.slot)].bytes_out += out - client.out;
  client.out = out;
}

void SlotUsage::before_command(std::uint64_t id) {
  Client& client = seen_[id];
  const std::string text = std::to_string(id);
  const Reply reply(api_, api_.Call(ctx_, "CLIENT", "ccc", "LIST", "ID", text.c_str()));
  for (const ListedClient& listed : parse_client_list(reply.text())) look_at(client, listed.bytes_out);
  client.slot = no_slot;
}

void SlotUsage::settle() {
  const Reply reply(api_, api_.Call(ctx_, "CLIENT", "c", "LIST"));
  for (const ListedClient& listed : parse_client_list(reply.text())) {
    const auto found = seen_.find(listed.id);
    if (found != seen_.end()) look_at(found->second, listed.bytes_out);
  }
  for (auto& [id, client] : seen_) {
    const ClientState* state = clients_.find(id);
    if (client.waits_with == 0 || client.slot == no_slot || (state && state->waits_for_us)) continue;
    table_[static_cast<std::size_t>(client.slot)].bytes_in += std::exchange(client.waits_with, 0);
  }
}

void SlotUsage::reset() {
  settle();
  table_ = {};
}

void SlotUsage::review(const core::RoutingTable& table) {
  if (!enabled_ || builds_ == table.builds) return;
  builds_ = table.builds;
  for (std::size_t slot = 0; slot < core::slot_count; ++slot) {
    if (table.owner[slot] != table.own_route) table_[slot] = {};
  }
}

std::int32_t SlotUsage::slot_of(const Command& command, String** words, int count) const {
  if (command.script) return filter_.script_slot();
  const auto keys = filter_.slots_of(command, words, count);
  return keys.cross ? no_slot : keys.slot;
}

void SlotUsage::on_result(const CommandResult& result, std::uint64_t replicas) {
  if (!enabled_ || result.is_module_client != 0 || result.count < 1) return;
  if ((api_.GetContextFlags(ctx_) & context_flag::script) != 0) return;  // counts as the script
  String** words = result.words;
  int count = result.count;
  const std::string_view name = result.name ? result.name : "";
  if (equal_ignoring_case(name, "config|resetstat")) return reset();
  ClientState* user = clients_.find(result.client_id);
  if (!user && !situation_.native_replica) return;
  Client nobody;
  Client& client = user ? seen_[result.client_id] : nobody;
  if (stands_before(name)) {
    ++words;
    --count;
  }
  const bool exec = name == "exec" || name.starts_with("swim.exec");
  const Command* command = nullptr;
  if (count > 0) command = commands_.find(api_.text(words[0]));
  if (command && command->container)
    command = count > 1 ? commands_.find(api_.text(words[0]), api_.text(words[1])) : nullptr;
  if (!user && command && is_publish(*command)) return;  // a copy of what another node was sent
  const std::int32_t slot = exec      ? std::exchange(client.queued, no_slot)
                            : command ? slot_of(*command, words, count)
                                      : no_slot;
  if (slot == no_slot) return;
  auto& usage = table_[static_cast<std::size_t>(slot)];
  const std::uint64_t bytes = exec ? multi_bytes + exec_bytes : bytes_of(api_, words, count);
  client.slot = slot;
  if (name == "swim.queue") {
    client.queued = slot;
    usage.bytes_in += bytes;
    return;
  }
  if (user && user->waits_for_us) {
    client.waits_with = bytes;
    return;
  }
  usage.bytes_in += bytes;
  usage.cpu_us += static_cast<std::uint64_t>(result.duration_us);
  if (result.dirty > 0 && !situation_.native_replica) usage.bytes_out += bytes * replicas;
}

}  // namespace vswim::module
