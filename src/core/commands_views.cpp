// Subcommands that only read, and the dispatch.
#include "core/commands.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

Reply verbatim(std::string text) { return {Reply::Verbatim{std::move(text)}}; }

Reply list_replicas(const Machine& m, const Invocation& call) {
  const auto node = known_node(m, call.arguments[1]);
  if (!node) return unknown_node(call.arguments[1]);
  if (!m.view.is_primary(*node)) return Reply::error("ERR The specified node is not a master");
  Reply::Array lines;
  for (const auto& replica : replicas_of(m, *node)) {
    lines.push_back(Reply::bulk(node_line(m, replica, call.caller)));
  }
  return {std::move(lines)};
}

void list_keys(Machine& m, const Invocation& call) {
  const auto slot = parse_integer(call.arguments[1]);
  const auto count = parse_integer(call.arguments[2]);
  if (!slot || !count) return m.reply(call.ticket, Reply::error(not_an_integer));
  if (*slot < 0 || *slot >= slot_count || *count < 0) {
    return m.reply(call.ticket, Reply::error("ERR Invalid slot or number of keys"));
  }
  if (*count == 0 || m.counts.keys[static_cast<std::size_t>(*slot)] == 0) {
    return m.reply(call.ticket, {Reply::Array{}});
  }
  m.act(ListKeys{call.ticket, static_cast<Slot>(*slot), *count});
}

// The keys that are there when it comes, in the background as DropSlots: ASYNC and SYNC are the same here.
void flush_slot(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  const auto refuse = [&](const char* text) { m.reply(call.ticket, Reply::error(text)); };
  const auto slot = parse_slot(a[1]);
  if (!slot) return refuse("ERR Invalid or out of range slot");
  if (a.size() > 3 || (a.size() == 3 && !same_word(a[2], "sync") && !same_word(a[2], "async")))
    return refuse("ERR syntax error");
  if (m.is_replica_role()) return refuse("READONLY You can't write against a read only replica.");
  if (!m.primary_here) return refuse("CLUSTERDOWN The cluster is down");
  if (m.counts.keys[*slot] == 0) return m.reply(call.ticket, Reply::ok());
  m.act(ListKeys{call.ticket, *slot, -1});
}

}  // namespace

std::optional<NodeId> known_node(const Machine& m, const std::string& text) {
  const auto id = NodeId::parse(text);
  return id && m.view.member(*id) != nullptr ? id : std::nullopt;
}

Reply unknown_node(const std::string& text) { return Reply::error("ERR Unknown node " + text); }

Reply view_command(Machine& m, Command command, const Invocation& call) {
  switch (command) {
    case Command::count_failure_reports:
      if (!known_node(m, call.arguments[1])) return unknown_node(call.arguments[1]);
      return Reply::integer(0);
    case Command::help: return help_reply();
    case Command::info: return verbatim(cluster_info(m, m.now));
    case Command::keyslot: return Reply::integer(key_slot(call.arguments[1]));
    case Command::links: return cluster_links(m);
    case Command::slot_stats: return cluster_slot_stats(m, call.arguments);
    case Command::myid:
      return Reply::bulk((m.view.self().is_nil() ? m.introduced_node : m.view.self()).hex());
    case Command::myshardid:
      return Reply::bulk((m.view.own_shard().is_nil() ? m.introduced_shard : m.view.own_shard()).hex());
    case Command::nodes: return verbatim(cluster_nodes(m, call.caller));
    case Command::replicas: return list_replicas(m, call);
    case Command::saveconfig: return Reply::ok();
    case Command::shards: return cluster_shards(m, call.caller);
    default: return cluster_slots(m, call.caller);
  }
}

void run_command(Machine& m, const Invocation& call) {
  const auto parsed = parse_command(call.arguments);
  if (!parsed.command) return m.reply(call.ticket, Reply::error(parsed.error));
  switch (*parsed.command) {
    case Command::addslots:
    case Command::addslotsrange:
    case Command::delslots:
    case Command::delslotsrange:
    case Command::flushslots: return slot_command(m, *parsed.command, call);
    case Command::setslot: return setslot_command(m, call);
    case Command::migrateslots:
    case Command::getslotmigrations:
    case Command::cancelslotmigrations: return migration_command(m, *parsed.command, call);
    case Command::bumpepoch:
    case Command::failover:
    case Command::forget:
    case Command::meet:
    case Command::replicate:
    case Command::reset:
    case Command::set_config_epoch: return admin_command(m, *parsed.command, call);
    case Command::countkeysinslot: return count_keys(m, call);
    case Command::getkeysinslot: return list_keys(m, call);
    case Command::flushslot: return flush_slot(m, call);
    case Command::count_failure_reports:
    case Command::help:
    case Command::info:
    case Command::keyslot:
    case Command::links:
    case Command::myid:
    case Command::myshardid:
    case Command::nodes:
    case Command::replicas:
    case Command::saveconfig:
    case Command::shards:
    case Command::slot_stats:
    case Command::slots: return m.reply(call.ticket, view_command(m, *parsed.command, call));
  }
}

}  // namespace vswim::core
