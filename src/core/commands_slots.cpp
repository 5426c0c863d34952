// ADDSLOTS and its relatives: checked as natively against the routing view, then handed to the slot jobs.
// What concerns another shard's slots is that shard's business: accepted where it changes nothing, else
// refused.
#include <algorithm>

#include "core/commands.hpp"

namespace vswim::core {

namespace {

constexpr Duration slot_command_limit = seconds(2);
constexpr Duration take_limit = seconds(5);  // outlives a failover of the owner
constexpr Duration disowned_for = seconds(5);

struct ParsedSlots {
  SlotSet slots;
  std::string error;
};

// By what is shown and what is queued: valkey-cli sends DELSLOTS and ADDSLOTS in one transaction.
bool held_here(const Machine& m, Slot slot) { return state_owns(planned_entry(m, slot).state); }

bool held_elsewhere(const Machine& m, Slot slot) {
  const auto owner = m.table.owner[slot];
  return owner != RoutingTable::unowned && owner != m.table.own_route;
}

// The first native complaint about this slot, or none.
std::string complaint(const Machine& m, const SlotSet& before, Slot slot, bool removing) {
  const auto number = std::to_string(slot);
  const bool here = held_here(m, slot);
  const bool elsewhere = held_elsewhere(m, slot);
  if (removing && !here && !elsewhere) return "ERR Slot " + number + " is already unassigned";
  if (!removing && (here || (elsewhere && !m.takes.disowned[slot])))
    return "ERR Slot " + number + " is already busy";
  if (migration_decides(m, slot)) return "ERR Slot " + number + std::string(being_migrated);
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

// A claim in another log is not this node's to change: DELSLOTS of it has no effect but that ADDSLOTS may
// follow here, as when valkey-cli --cluster fix chooses another owner.
void disown(Machine& m, const SlotSet& slots) {
  for (const auto& range : runs(slots)) {
    for (std::uint32_t n = range.first; n <= range.last; ++n) {
      const auto slot = static_cast<Slot>(n);
      m.takes.disowned[slot] = held_elsewhere(m, slot) && !held_here(m, slot);
    }
  }
  m.takes.disowned_until = m.now + disowned_for;
}

// From its owner, with whatever keys that one holds left there.
void take(Machine& m, const Invocation& call, Slot slot) {
  m.takes.disowned.reset(slot);
  Take wanted{slot, KeysLeft::stay, std::nullopt, m.now + take_limit};
  if (call.caller.can_block) {
    wanted.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  take_slot(m, wanted);
}

// DELSLOTS and ADDSLOTS of one transaction: the slot is this shard's before and after, so it stays its.
void keep_what_is_queued(Machine& m, const SlotSet& slots) {
  for (std::size_t i = m.slot_job_in_flight ? 1 : 0; i < m.slot_jobs.size(); ++i) {
    if (!m.slot_jobs[i].compared) m.slot_jobs[i].remove &= ~slots;
  }
}

void queue(Machine& m, const Invocation& call, const SlotSet& slots, bool removing) {
  if (m.is_replica_role()) {
    return m.reply(call.ticket, Reply::error("ERR slots are assigned to primaries, this node is a replica"));
  }
  SlotJob job;
  (removing ? job.remove : job.add) = slots;
  if (removing) {
    disown(m, slots);
  } else if (const auto taken = slots & m.takes.disowned; taken.any()) {
    if (taken.count() == 1 && slots.count() == 1) return take(m, call, runs(taken).front().first);
    return m.reply(call.ticket, Reply::error("ERR Slot " + std::to_string(runs(taken).front().first) +
                                             " is already busy"));
  }
  if (!removing) keep_what_is_queued(m, slots);
  job.limit = m.now + slot_command_limit;
  if (call.caller.can_block) {
    job.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  m.slot_jobs.push_back(std::move(job));
}

}  // namespace

std::optional<Slot> parse_slot(const std::string& text) {
  const auto slot = parse_integer(text);
  if (!slot || *slot < 0 || *slot >= slot_count) return std::nullopt;
  return static_cast<Slot>(*slot);
}

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

}  // namespace vswim::core
