// Subcommands that change who is in the cluster or in a shard: checked natively, handed to the provider,
// answered when it completed; and what Core does once it did.
#include <algorithm>
#include <functional>
#include <utility>

#include "core/commands.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

constexpr Duration admin_limit = seconds(5);   // MEET and RESET have 2 s of their own in the provider
constexpr Duration log_patience = seconds(2);  // until the own log is known
constexpr std::int64_t bus_offset = 10'000;

AdminOp op_of(AdminKind kind, bool hard = false) {
  AdminOp op;
  op.kind = kind;
  op.hard = hard;
  return op;
}

void submit(Machine& m, const Invocation& call, AdminOp op,
            const std::function<contract::Operation(Ticket)>& make) {
  if (op.kind != AdminKind::forget) op.old_shard = m.view.own_shard();
  op.was_last_member = m.view.members_of(op.old_shard).size() <= 1;
  op.was_replica = m.is_replica_role() || m.copy_left;
  if (call.caller.can_block) {
    op.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());  // inside MULTI or a script nobody can wait
  }
  const auto ticket = m.next_ticket(op, m.now + admin_limit);
  const bool leaves = op.kind == AdminKind::replicate || op.kind == AdminKind::replicate_no_one ||
                      op.kind == AdminKind::reset;
  if (leaves)
    stand_aside(m, ticket);  // rule L9: Core stops first, only then the provider gives the lease back
  m.operate(make(ticket));
}

void meet(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  const auto refuse = [&](std::string text) { m.reply(call.ticket, Reply::error(std::move(text))); };
  if (a.size() > 4) return refuse(subcommand_syntax_error(a[0]));
  const auto port = parse_integer(a[2]);
  if (!port) return refuse("ERR Invalid base port specified: " + a[2]);
  const auto bus = a.size() == 4 ? parse_integer(a[3]) : std::optional(*port + bus_offset);
  if (!bus) return refuse("ERR Invalid bus port specified: " + a[3]);
  const bool ports_valid = *port > 0 && *port <= 65'535 && *bus > 0 && *bus <= 65'535;
  const auto address = ports_valid ? Address::parse(a[1], static_cast<std::uint16_t>(*bus)) : std::nullopt;
  if (!address) return refuse("ERR Invalid node address specified: " + a[1] + ":" + a[2]);
  submit(m, call, op_of(AdminKind::meet), [&](Ticket ticket) {
    return contract::JoinCluster{ticket, {*address}};
  });
}

void forget(Machine& m, const Invocation& call) {
  const auto& text = call.arguments[1];
  const auto id = NodeId::parse(text);
  const auto* member = id ? m.view.member(*id) : nullptr;
  if (member == nullptr) {
    const bool gone = id && m.view.was_forgotten(*id);
    return m.reply(call.ticket, gone ? Reply::ok() : unknown_node(text));
  }
  if (*id == m.view.self()) {
    return m.reply(call.ticket, Reply::error("ERR I tried hard but I can't forget myself..."));
  }
  if (m.is_replica_role() && m.log.primaryship()->node == *id) {
    return m.reply(call.ticket, Reply::error("ERR Can't forget my master!"));
  }
  const bool last = m.view.members_of(member->shard).size() <= 1;
  const bool owns = last && slots_of(m, member->shard).any();
  auto op = op_of(AdminKind::forget);
  op.old_shard = member->shard;
  op.node = *id;
  op.owned_slots = slots_of(m, member->shard).any();
  submit(m, call, op, [&](Ticket ticket) { return contract::RemoveFromCluster{ticket, *id, false, owns}; });
}

void replicate_no_one(Machine& m, const Invocation& call) {
  if (!same_word(call.arguments[1], "no") || !same_word(call.arguments[2], "one")) {
    return m.reply(call.ticket,
                   Reply::error("ERR wrong number of arguments for 'cluster|replicate' command"));
  }
  if (!m.is_replica_role()) return m.reply(call.ticket, Reply::ok());
  submit(m, call, op_of(AdminKind::replicate_no_one), [&](Ticket ticket) {
    return contract::RemoveFromShard{ticket, m.view.self()};
  });
}

void replicate(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  const auto refuse = [&](std::string text) { m.reply(call.ticket, Reply::error(std::move(text))); };
  if (a.size() == 3) return replicate_no_one(m, call);
  if (a.size() > 3) return refuse(subcommand_syntax_error(a[0]));
  const auto node = known_node(m, a[1]);
  if (!node) return m.reply(call.ticket, unknown_node(a[1]));
  if (*node == m.view.self()) return refuse("ERR Can't replicate myself");
  if (!m.view.is_primary(*node)) return refuse("ERR I can only replicate a master, not a replica.");
  if (!m.log.primaryship()) {  // after a start: slots it owns are in a log that it has not seen yet
    if (call.caller.can_block) {
      m.waiting_replicates.push_back({call.ticket, a, call.caller, m.now + log_patience});
      return;
    }
    return refuse("ERR this node does not know yet what its shard's log says, try again");
  }
  if (!m.is_replica_role() && (m.log.slots().owns_any() || m.engine.report.keys != 0)) {
    return refuse("ERR To set a master the node must be empty and without assigned slots.");
  }
  const auto shard = m.view.member(*node)->shard;
  if (shard == m.view.own_shard()) return m.reply(call.ticket, Reply::ok());
  submit(m, call, op_of(AdminKind::replicate), [&](Ticket ticket) {
    return contract::JoinShard{ticket, shard};
  });
}

void reset(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  const auto refuse = [&](std::string text) { m.reply(call.ticket, Reply::error(std::move(text))); };
  if (a.size() > 2) return refuse(subcommand_syntax_error(a[0]));
  const bool hard = a.size() == 2 && same_word(a[1], "hard");
  if (a.size() == 2 && !hard && !same_word(a[1], "soft")) return refuse("ERR syntax error");
  if (!m.is_replica_role() && !m.copy_left && m.engine.report.keys != 0) {
    return refuse("ERR CLUSTER RESET can't be called with master nodes containing keys");
  }
  auto op = op_of(AdminKind::reset, hard);
  op.epoch = hard ? 0 : std::max(current_epoch(m), m.view.epoch_of(m.view.own_shard()));
  submit(m, call, op, [&](Ticket ticket) {
    return contract::RemoveFromCluster{ticket, m.view.self(), hard, false};
  });
}

Reply set_config_epoch(Machine& m, const Arguments& a) {
  const auto epoch = parse_integer(a[1]);
  if (!epoch) return Reply::error(not_an_integer);
  if (*epoch < 0) return Reply::error("ERR Invalid config epoch specified: " + std::to_string(*epoch));
  if (!m.alone()) {
    return Reply::error(
        "ERR The user can assign a config epoch only when the node does not know any other node.");
  }
  if (m.own_epoch != 0) return Reply::error("ERR Node config epoch is already non-zero");
  m.own_epoch = static_cast<std::uint64_t>(*epoch);
  return Reply::ok();
}

Reply bump_epoch(Machine& m) {
  const bool highest = m.own_epoch != 0 && m.own_epoch == current_epoch(m);
  if (!highest) m.own_epoch = current_epoch(m) + 1;
  m.bumped_epoch = m.own_epoch;
  return {Reply::Simple{(highest ? "STILL " : "BUMPED ") + std::to_string(m.own_epoch)}};
}

Reply failover(Machine& m, const Arguments& a) {
  if (a.size() > 2) {
    return Reply::error(server_at_least(m, 9, 0) ? "ERR syntax error" : subcommand_syntax_error(a[0]));
  }
  if (a.size() == 2 && !same_word(a[1], "force") && !same_word(a[1], "takeover")) {
    return Reply::error("ERR syntax error");
  }
  return start_manual_failover(m, a.size() == 2, a.size() == 2 && same_word(a[1], "takeover"));
}

}  // namespace

void step_waiting_replicates(Machine& m) {
  for (auto& wait : std::exchange(m.waiting_replicates, {})) {
    if (m.log.primaryship()) {
      replicate(m, {wait.ticket, wait.arguments, wait.caller});
    } else if (m.now < wait.limit) {
      m.waiting_replicates.push_back(std::move(wait));
    } else {
      m.reply(wait.ticket,
              Reply::error("ERR this node does not know yet what its shard's log says, try again"));
    }
  }
}

void admin_command(Machine& m, Command command, const Invocation& call) {
  switch (command) {
    case Command::meet: return meet(m, call);
    case Command::forget: return forget(m, call);
    case Command::replicate: return replicate(m, call);
    case Command::reset: return reset(m, call);
    case Command::set_config_epoch: return m.reply(call.ticket, set_config_epoch(m, call.arguments));
    case Command::bumpepoch: return m.reply(call.ticket, bump_epoch(m));
    default: return m.reply(call.ticket, failover(m, call.arguments));
  }
}

void on_admin_done(Machine& m, const AdminOp& op, const contract::Completed& done) {
  const bool ok = done.outcome == contract::Outcome::ok;
  if (!ok && op.kind == AdminKind::meet && m.claims.yield_until != Instant::never()) end_yielding(m);
  if (ok && op.kind == AdminKind::replicate && op.was_last_member && (!op.was_replica || op.by_itself)) {
    delete_shard_registers(m, op.old_shard);
  }
  if (op.by_itself) on_moved_by_itself(m, op, done);
  if (ok && op.kind == AdminKind::forget) {
    // The slots registers of a dead owner stay: a later claim has to outrank the one in its log.
    if (op.was_last_member && !op.owned_slots) delete_shard_registers(m, op.old_shard);
    delete_node_register(m, op.node);
  }
  if (op.kind == AdminKind::takeover) on_left_with_slots(m, done);
  const bool empties = op.kind == AdminKind::replicate_no_one || op.kind == AdminKind::reset;
  if (ok && empties && op.was_replica) m.act(FlushAll{});
  if (ok && op.kind == AdminKind::reset) m.epoch_before_reset = op.epoch;
  if (ok && op.kind == AdminKind::reset && op.hard) m.own_epoch = 0;
  if (ok) return m.reply(op.client, Reply::ok());
  const std::string text = done.text.empty() ? "the operation was not confirmed in time" : done.text;
  m.reply(op.client, Reply::error("ERR " + text));
}

}  // namespace vswim::core
