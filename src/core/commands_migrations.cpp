// CLUSTER MIGRATESLOTS, GETSLOTMIGRATIONS and CANCELSLOTMIGRATIONS, as Valkey 9 names and answers them.
#include <algorithm>

#include "core/commands.hpp"
#include "core/migration_steps.hpp"
#include "core/slot_batch.hpp"

namespace vswim::core {

namespace {

constexpr Duration announce_limit = seconds(5);

struct Group {  // of one NODE
  SlotSet slots;
  NodeId node;
};

// One pair of numbers into `group`; the error or nothing.
std::string add_range(const Machine& m, const std::string& from, const std::string& to, Group& group,
                      std::vector<SlotRange>& ranges) {
  const auto first = parse_slot(from);
  const auto last = parse_slot(to);
  if (!first || !last) return "ERR Invalid or out of range slot";
  if (*first > *last) {
    return "ERR Start slot number " + std::to_string(*first) + " is greater than end slot number " +
           std::to_string(*last) + ".";
  }
  for (const auto& range : ranges) {
    if (*first <= range.last && range.first <= *last) {
      return "ERR Slot range " + std::to_string(*first) + "-" + std::to_string(*last) +
             " overlaps with previous range " + std::to_string(range.first) + "-" +
             std::to_string(range.last) + ".";
    }
  }
  ranges.push_back({*first, *last});
  for (std::uint32_t slot = *first; slot <= *last; ++slot) {
    if (m.table.owner[slot] == RoutingTable::unowned)
      return "ERR Slot " + std::to_string(slot) + " has no node served";
    if (m.table.owner[slot] != m.table.owner[ranges.front().first])
      return "ERR Requested slots span multiple shards";
    group.slots.set(slot);
  }
  return "";
}

bool served_here(const Machine& m, const SlotSet& slots) {
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (slots[slot] && !m.table.served[slot] && m.table.mode[slot] != SlotMode::fenced) return false;
  }
  return true;
}

std::string parse_target(const Machine& m, const std::string& text, Group& group) {
  const auto node = known_node(m, text);
  if (!NodeId::parse(text)) return "ERR Invalid node name: " + text;
  if (!node) return "ERR Unknown node name: " + text;
  if (*node == m.view.self()) return "ERR Target node can not be this node.";
  if (!m.view.is_primary(*node)) return "ERR Target node is not a primary";
  if (m.view.member(*node)->shard == m.view.own_shard()) return "ERR Target node is in this node's shard";
  group.node = *node;
  return "";
}

// SLOTSRANGE a b [a b ...] NODE id, from `at` on, which it moves behind the group.
std::string parse_group(const Machine& m, const Arguments& a, std::size_t& at, Group& group) {
  // Servers compare up to the first NUL, and valkey-cli 9.1 sends one at the end of this word.
  if (!same_word(a[at].c_str(), "slotsrange")) return "ERR syntax error";
  ++at;
  std::vector<SlotRange> ranges;
  while (at < a.size() && parse_integer(a[at])) {
    if (at + 1 >= a.size()) return "ERR No end slot for final slot range";
    if (auto error = add_range(m, a[at], a[at + 1], group, ranges); !error.empty()) return error;
    at += 2;
  }
  if (ranges.empty()) return "ERR No slot ranges specified";
  if (!served_here(m, group.slots)) return "ERR Slots are not served by this node.";
  if (at + 1 >= a.size() || !same_word(a[at], "node")) return "ERR syntax error";
  if (auto error = parse_target(m, a[at + 1], group); !error.empty()) return error;
  at += 2;
  return "";
}

SlotSet slots_under_way(const Machine& m) {
  SlotSet slots;
  for (const auto& [id, job] : m.log.exports()) slots |= job.value.slots;
  return slots;
}

void announce(Machine& m, const Invocation& call, const std::vector<Group>& groups) {
  MigrationOp op;
  contract::Batch batch;
  for (const auto& group : groups) {
    const auto job = m.rng.id<JobId>();
    op.announced.push_back(job);
    batch.push_back(
        {export_key(job), export_text({m.view.member(group.node)->shard, group.slots, false}), std::nullopt});
  }
  if (call.caller.can_block) {
    op.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  const auto ticket = m.next_ticket(std::move(op), m.now + announce_limit);
  m.operate(contract::UpdateShardLog{ticket, std::move(batch)});
}

void migrate_slots(Machine& m, const Invocation& call) {
  const auto refuse = [&](std::string text) { m.reply(call.ticket, Reply::error(std::move(text))); };
  if (m.is_replica_role()) return refuse("ERR Slot migration can only be used on primary nodes.");
  if (!m.primary_here) return refuse("CLUSTERDOWN The cluster is down");
  const auto open = [&](SlotMode mode) {
    return std::ranges::find(m.table.mode, mode) != m.table.mode.end();
  };
  if (open(SlotMode::migrating) || open(SlotMode::handed_over))
    return refuse("ERR Slots are being manually migrated");
  if (open(SlotMode::importing)) return refuse("ERR Slots are being manually imported");
  std::vector<Group> groups;
  SlotSet seen;
  for (std::size_t at = 1; at < call.arguments.size();) {
    Group group;
    if (auto error = parse_group(m, call.arguments, at, group); !error.empty()) return refuse(error);
    if ((group.slots & seen).any()) return refuse("ERR Slot ranges in migrations overlap");
    seen |= group.slots;
    groups.push_back(std::move(group));
  }
  const auto busy = slots_where(m, seen, [](const SlotEntry& e) { return e.state != SlotState::active; });
  if (const auto taken = (slots_under_way(m) & seen) | busy; taken.any())
    return refuse("ERR I am already migrating slot " + std::to_string(runs(taken).front().first) + ".");
  announce(m, call, groups);
}

void cancel_migrations(Machine& m, const Invocation& call) {
  if (call.arguments.size() > 2 || (call.arguments.size() == 2 && !same_word(call.arguments[1], "all")))
    return m.reply(call.ticket,
                   Reply::error("ERR wrong number of arguments for 'cluster|cancelslotmigrations' command"));
  CancelWait wait{call.ticket, {}};
  for (auto& [id, job] : m.migrations.exports) {
    job.cancelled = true;
    if (job.reason.empty()) job.reason = "cancelled by CLUSTER CANCELSLOTMIGRATIONS";
    if (!job.fenced_at) wait.jobs.insert(id);  // behind the fence the target may have completed it already
  }
  if (m.migrations.exports.empty()) return m.reply(call.ticket, Reply::error("ERR No migrations ongoing"));
  if (wait.jobs.empty() || !call.caller.can_block) return m.reply(call.ticket, Reply::ok());
  m.migrations.cancels.push_back(std::move(wait));
}

std::string ranges_of(const SlotSet& slots) {
  std::string text;
  for (const auto& range : runs(slots)) {
    text += (text.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  return text;
}

Reply migrations_reply(Machine& m) {
  drop_old_records(m);
  Reply::Array all;
  for (const auto& record : m.migrations.records) {
    Reply::Map map;
    const auto text = [&](const char* name, std::string value) {
      map.entries.emplace_back(Reply::bulk(name), Reply::bulk(std::move(value)));
    };
    const auto number = [&](const char* name, std::int64_t value) {
      map.entries.emplace_back(Reply::bulk(name), Reply{value});
    };
    text("name", record.job.hex());
    text("operation", record.import ? "IMPORT" : "EXPORT");
    text("slot_ranges", ranges_of(record.slots));
    text("target_node", record.target.hex());
    text("source_node", record.source.hex());
    number("create_time", record.created_s);
    number("last_update_time", record.updated_s);
    number("last_ack_time", record.acknowledged_s);
    text("state", record.state);
    text("message", record.message);
    number("cow_size", 0);
    number("remaining_repl_size", static_cast<std::int64_t>(record.remaining_bytes));
    all.push_back(Reply{std::move(map)});
  }
  return {std::move(all)};
}

}  // namespace

void migration_command(Machine& m, Command command, const Invocation& call) {
  if (command == Command::migrateslots) return migrate_slots(m, call);
  if (command == Command::cancelslotmigrations) return cancel_migrations(m, call);
  m.reply(call.ticket, migrations_reply(m));
}

void on_announced(Machine& m, const MigrationOp& op, const contract::Completed& done) {
  if (done.outcome == contract::Outcome::ok) return m.reply(op.client, Reply::ok());
  const bool unknown = done.outcome == contract::Outcome::unknown;
  m.reply(op.client, Reply::error(unknown ? "ERR the migration may or may not have begun (" + done.text +
                                                "), look at CLUSTER GETSLOTMIGRATIONS"
                                          : "ERR the shard's log refused the migration: " + done.text));
}

}  // namespace vswim::core
