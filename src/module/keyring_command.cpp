#include "module/keyring_command.hpp"

#include "core/command_table.hpp"

namespace vswim::module {

namespace {

using core::Reply;
using core::same_word;

KeyringAnswer refuse(const std::string& reason) { return {Reply::error("ERR " + reason), false, ""}; }

std::string named(const std::vector<NodeId>& nodes) {
  constexpr std::size_t named_max = 3;
  std::string text = std::to_string(nodes.size()) + (nodes.size() == 1 ? " node (" : " nodes (");
  for (std::size_t i = 0; i < nodes.size() && i < named_max; ++i)
    text += (i == 0 ? "" : ", ") + nodes[i].hex();
  return text + (nodes.size() > named_max ? ", ...)" : ")");
}

const char* health_text(contract::Health health) {
  switch (health) {
    case contract::Health::ok: return "ok";
    case contract::Health::pfail: return "pfail";
    case contract::Health::fail: return "fail";
  }
  return "";
}

Reply list(const KeyringView& view) {
  Reply::Array nodes;
  for (const auto& node : view.nodes()) {
    Reply::Array installed;
    for (const auto& id : node.keys.ids) installed.push_back(Reply::bulk(id.hex()));
    Reply::Map map;
    const auto add = [&](const char* name, Reply value) {
      map.entries.emplace_back(Reply::bulk(name), std::move(value));
    };
    add("node", Reply::bulk(node.id.hex()));
    add("address", Reply::bulk(node.address.has_ip() ? node.address.text() : ""));
    add("health", Reply::bulk(health_text(node.health)));
    add("in-use", Reply::bulk(node.keys.ids.empty() ? "" : node.keys.ids.front().hex()));
    add("installed", Reply{std::move(installed)});
    nodes.push_back(Reply{std::move(map)});
  }
  return Reply{std::move(nodes)};
}

KeyringAnswer install(Secrets& secrets, const std::function<SecretFile()>& read_file) {
  const auto file = read_file();
  if (!file.error.empty()) return refuse(file.error);
  if (!file.text) {
    return refuse("INSTALL reads swim.secret-file, which is not set: swim.secret is for a secret that stays");
  }
  std::vector<seal::KeyId> installed;
  std::string error;
  if (!secrets.install(*file.text, installed, error)) return refuse(error);
  std::string ids;
  Reply::Array reply;
  for (const auto& id : installed) {
    reply.push_back(Reply::bulk(id.hex()));
    ids += " " + id.hex();
  }
  return {Reply{std::move(reply)}, !installed.empty(), ids.empty() ? "" : "keyring: installed" + ids};
}

}  // namespace

KeyringAnswer keyring_command(const std::vector<std::string>& words, Secrets& secrets,
                              const KeyringView& view, const std::function<SecretFile()>& read_file) {
  const auto is = [&](std::size_t at, std::string_view word) {
    return words.size() > at && same_word(words[at], word);
  };
  const bool force = words.size() == 4 && is(3, "force");
  if (is(1, "list") && words.size() == 2) return {list(view), false, ""};
  if (secrets.empty()) {
    return refuse("this node was started without a cluster secret; see docs/security.md for how to begin");
  }
  if (is(1, "install") && words.size() == 2) return install(secrets, read_file);
  const bool use = is(1, "use"), remove = is(1, "remove");
  if ((!use && !remove) || (words.size() != 3 && !force)) {
    return refuse("CLUSTER KEYRING takes LIST, INSTALL, USE <key-id> [FORCE] or REMOVE <key-id> [FORCE]");
  }
  const auto id = seal::KeyId::parse(words[2]);
  if (!id) return refuse("a key id is the 16 hexadecimal digits that CLUSTER KEYRING LIST shows");
  std::string error;
  if (use && !force && secrets.keyring().find(*id) != nullptr) {
    if (const auto nodes = view.without(*id); !nodes.empty())
      return refuse("key " + id->hex() + " is not installed on " + named(nodes) +
                    ", which would not understand this node: install it there first, or FORCE");
  }
  if (remove && !force && secrets.keyring().find(*id) != nullptr && secrets.keyring().in_use().id != *id) {
    if (const auto nodes = view.using_key(*id); !nodes.empty())
      return refuse("key " + id->hex() + " is in use on " + named(nodes) +
                    ", which this node would not understand: use another one there first, or FORCE");
  }
  if (use ? !secrets.use(*id, error) : !secrets.remove(*id, error)) return refuse(error);
  return {Reply::ok(), true, "keyring: key " + id->hex() + (use ? " is in use now" : " was removed")};
}

}  // namespace vswim::module
