#include "module/command_catalogue.hpp"

#include <optional>
#include <utility>

namespace vswim::module {
namespace {

// COMMAND's entry: name, arity, flags, first, last, step, ACL categories, tips, key specs, subcommands.
constexpr std::size_t at_name = 0, at_arity = 1, at_flags = 2, at_first = 3, at_last = 4, at_step = 5,
                      at_specs = 8, at_subcommands = 9;

struct Reader {
  const Api& api;

  CallReply* element(CallReply* reply, std::size_t i) const {
    return reply && i < api.CallReplyLength(reply) ? api.CallReplyArrayElement(reply, i) : nullptr;
  }
  std::size_t size(CallReply* reply) const {
    return reply && api.CallReplyType(reply) == reply_type::array ? api.CallReplyLength(reply) : 0;
  }
  std::string_view text(CallReply* reply) const { return api.text(reply); }
  int number(CallReply* reply) const { return reply ? static_cast<int>(api.CallReplyInteger(reply)) : 0; }
  bool has(CallReply* list, std::string_view word) const {
    for (std::size_t i = 0; i < size(list); ++i) {
      if (text(element(list, i)) == word) return true;
    }
    return false;
  }
  // RESP2 maps are flat arrays of name, value.
  CallReply* field(CallReply* map, std::string_view name) const {
    for (std::size_t i = 0; i + 1 < size(map); i += 2) {
      if (text(element(map, i)) == name) return element(map, i + 1);
    }
    return nullptr;
  }
  int number(CallReply* map, std::string_view name) const { return number(field(map, name)); }
};

// Nothing when only the server itself can find the keys.
std::optional<KeySpec> read_spec(const Reader& read, CallReply* reply) {
  if (read.has(read.field(reply, "flags"), "incomplete")) return std::nullopt;
  CallReply* begin = read.field(reply, "begin_search");
  CallReply* find = read.field(reply, "find_keys");
  CallReply* begin_spec = read.field(begin, "spec");
  CallReply* find_spec = read.field(find, "spec");
  KeySpec spec;
  if (read.text(read.field(begin, "type")) == "index") {
    spec.index = read.number(begin_spec, "index");
  } else if (read.text(read.field(begin, "type")) == "keyword") {
    spec.begin = KeySpec::Begin::keyword;
    spec.keyword = read.text(read.field(begin_spec, "keyword"));
    spec.start_from = read.number(begin_spec, "startfrom");
  } else {
    return std::nullopt;
  }
  if (read.text(read.field(find, "type")) == "range") {
    spec.last = read.number(find_spec, "lastkey");
    spec.step = read.number(find_spec, "keystep");
    spec.limit = read.number(find_spec, "limit");
  } else if (read.text(read.field(find, "type")) == "keynum") {
    spec.find = KeySpec::Find::keynum;
    spec.keynum_index = read.number(find_spec, "keynumidx");
    spec.first_key = read.number(find_spec, "firstkey");
    spec.step = read.number(find_spec, "keystep");
  } else {
    return std::nullopt;
  }
  return spec;
}

void read_command(const Reader& read, CallReply* reply, CommandTable& table) {
  Command command;
  command.name = read.text(read.element(reply, at_name));
  command.arity = read.number(read.element(reply, at_arity));
  CallReply* flags = read.element(reply, at_flags);
  command.write = read.has(flags, "write");
  command.may_write = read.has(flags, "may_replicate");
  command.pubsub = read.has(flags, "pubsub");
  command.blocking = read.has(flags, "blocking");
  command.deny_oom = read.has(flags, "denyoom");
  command.noscript = read.has(flags, "noscript");
  command.no_multi = read.has(flags, "no_multi");
  if (read.has(flags, "movablekeys")) {
    CallReply* specs = read.element(reply, at_specs);
    command.ask_server = read.size(specs) == 0;
    for (std::size_t i = 0; i < read.size(specs) && !command.ask_server; ++i) {
      if (auto spec = read_spec(read, read.element(specs, i))) {
        command.specs.push_back(std::move(*spec));
      } else {
        command.ask_server = true;
      }
    }
  } else {
    command.first = read.number(read.element(reply, at_first));
    command.last = read.number(read.element(reply, at_last));
    command.step = read.number(read.element(reply, at_step));
  }
  CallReply* subcommands = read.element(reply, at_subcommands);
  for (std::size_t i = 0; i < read.size(subcommands); ++i) {
    command.container = true;
    read_command(read, read.element(subcommands, i), table);
  }
  table.add(std::move(command));
}

}  // namespace

CommandTable read_commands(const Api& api, Ctx* ctx) {
  CommandTable table;
  const Reply reply(api, api.Call(ctx, "COMMAND", ""));
  if (reply.failed()) return table;
  const Reader read{api};
  for (std::size_t i = 0; i < read.size(reply.get()); ++i)
    read_command(read, read.element(reply.get(), i), table);
  add_own_scan(table);
  return table;
}

}  // namespace vswim::module
