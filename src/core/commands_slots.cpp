// ADDSLOTS and its relatives: checked as natively against the routing view, then handed to the slot jobs.
// What concerns another shard's slots is that shard's business: accepted where it changes nothing, else
// refused.
#include <algorithm>

#include "core/commands.hpp"

namespace vswim::core {

namespace {

constexpr Duration slot_command_limit = seconds(2);

struct ParsedSlots {
  SlotSet slots;
  std::string error;
};

std::optional<Slot> parse_slot(const std::string& text) {
  const auto slot = parse_integer(text);
  if (!slot || *slot < 0 || *slot >= slot_count) return std::nullopt;
  return static_cast<Slot>(*slot);
}

bool assigned(const Machine& m, Slot slot) {
  return m.table.owner[slot] != RoutingTable::unowned || state_owns(m.log.slots().at(slot).state);
}

// The first native complaint about this slot, or none.
std::string complaint(const Machine& m, const SlotSet& before, Slot slot, bool removing) {
  const auto number = std::to_string(slot);
  if (removing && !assigned(m, slot)) return "ERR Slot " + number + " is already unassigned";
  if (!removing && assigned(m, slot)) return "ERR Slot " + number + " is already busy";
  if (before[slot]) return "ERR Slot " + number + " specified multiple times";
  return "";
}

ParsedSlots parse_list(const Machine& m, const Arguments& arguments, bool removing) {
  ParsedSlots parsed;
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!parse_slot(arguments[i])) return {{}, "ERR Invalid or out of range slot"};
  }
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto slot = *parse_slot(arguments[i]);
    parsed.error = complaint(m, parsed.slots, slot, removing);
    if (!parsed.error.empty()) return parsed;
    parsed.slots.set(slot);
  }
  return parsed;
}

ParsedSlots parse_ranges(const Machine& m, const Arguments& arguments, bool removing) {
  ParsedSlots parsed;
  if (arguments.size() % 2 == 0) {
    const auto name = removing ? "delslotsrange" : "addslotsrange";
    return {{}, "ERR wrong number of arguments for 'cluster|" + std::string(name) + "' command"};
  }
  for (std::size_t i = 1; i + 1 < arguments.size(); i += 2) {
    const auto first = parse_slot(arguments[i]);
    const auto last = parse_slot(arguments[i + 1]);
    if (!first || !last) return {{}, "ERR Invalid or out of range slot"};
    if (*first > *last) {
      return {{},
              "ERR start slot number " + std::to_string(*first) + " is greater than end slot number " +
                  std::to_string(*last)};
    }
    for (std::uint32_t n = *first; n <= *last; ++n) {
      parsed.error = complaint(m, parsed.slots, static_cast<Slot>(n), removing);
      if (!parsed.error.empty()) return parsed;
      parsed.slots.set(n);
    }
  }
  return parsed;
}

void queue(Machine& m, const Invocation& call, const SlotSet& slots, bool removing) {
  if (m.is_replica_role()) {
    return m.reply(call.ticket, Reply::error("ERR slots are assigned to primaries, this node is a replica"));
  }
  SlotJob job;
  (removing ? job.remove : job.add) = slots;
  // A claim in another log is not this node's to change: without effect here, as the owner's gossip says
  // already.
  if (removing) job.remove &= m.log.slots().owned();
  job.limit = m.now + slot_command_limit;
  if (call.caller.can_block) {
    job.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  m.slot_jobs.push_back(std::move(job));
}

Reply migration_unsupported() {
  return Reply::error("ERR slot migration is not supported by this version of valkey-swim yet");
}

// SETSLOT <slot> NODE <id>: accepted where it says what gossip says already.
Reply setslot_node(const Machine& m, Slot slot, const Arguments& arguments) {
  const auto node = known_node(m, arguments[3]);
  if (!node) return unknown_node(arguments[3]);
  if (!m.view.is_primary(*node)) return Reply::error("ERR Target node is not a master");
  const auto owner = m.table.owner[slot];
  const bool own = owner != RoutingTable::unowned && owner == m.table.own_route;
  if (own && *node != m.view.self() && m.counts.keys[slot] != 0) {
    return Reply::error("ERR Can't assign hashslot " + std::to_string(slot) +
                        " to a different node while I still hold keys for this hash slot.");
  }
  const bool agrees = owner != RoutingTable::unowned && m.table.routes[owner].primary == *node;
  return agrees ? Reply::ok() : migration_unsupported();
}

// MIGRATING and IMPORTING: the native checks, so that a mistaken call reads the same.
Reply setslot_move(const Machine& m, Slot slot, const Arguments& arguments, bool migrating) {
  const auto owner = m.table.owner[slot];
  const bool own = owner != RoutingTable::unowned && owner == m.table.own_route;
  if (migrating && !own) return Reply::error("ERR I'm not the owner of hash slot " + std::to_string(slot));
  if (!migrating && own) {
    return Reply::error("ERR I'm already the owner of hash slot " + std::to_string(slot));
  }
  const auto node = known_node(m, arguments[3]);
  if (!node) return Reply::error("ERR I don't know about node " + arguments[3]);
  if (!m.view.is_primary(*node)) return Reply::error("ERR Target node is not a master");
  return migration_unsupported();
}

}  // namespace

void slot_command(Machine& m, Command command, const Invocation& call) {
  if (command == Command::flushslots) {
    if (m.engine.report.keys != 0) {
      return m.reply(call.ticket, Reply::error("ERR DB must be empty to perform CLUSTER FLUSHSLOTS."));
    }
    return queue(m, call, m.log.slots().owned(), true);
  }
  const bool removing = command == Command::delslots || command == Command::delslotsrange;
  const bool list = command == Command::addslots || command == Command::delslots;
  const auto parsed =
      list ? parse_list(m, call.arguments, removing) : parse_ranges(m, call.arguments, removing);
  if (!parsed.error.empty()) return m.reply(call.ticket, Reply::error(parsed.error));
  queue(m, call, parsed.slots, removing);
}

void setslot_command(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  if (m.is_replica_role()) {
    return m.reply(call.ticket, Reply::error("ERR Please use SETSLOT only with masters."));
  }
  const auto slot = parse_slot(a[1]);
  if (!slot) return m.reply(call.ticket, Reply::error("ERR Invalid or out of range slot"));
  if (same_word(a[2], "migrating") && a.size() >= 4) {
    return m.reply(call.ticket, setslot_move(m, *slot, a, true));
  }
  if (same_word(a[2], "importing") && a.size() >= 4) {
    return m.reply(call.ticket, setslot_move(m, *slot, a, false));
  }
  if (same_word(a[2], "stable")) {
    const bool stable = m.table.mode[*slot] == SlotMode::stable;
    return m.reply(call.ticket, stable ? Reply::ok() : migration_unsupported());
  }
  if (same_word(a[2], "node") && a.size() >= 4) return m.reply(call.ticket, setslot_node(m, *slot, a));
  m.reply(call.ticket,
          Reply::error("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP"));
}

}  // namespace vswim::core
