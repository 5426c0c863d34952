// CLUSTER SETSLOT: the native checks and texts; then a change of this shard's log, which the client's OK
// waits for. Nodes in commands become shards in the log. What concerns the slots of others is their business:
// accepted without effect, since valkey-cli tells every primary about every slot.
#include <algorithm>

#include "core/commands.hpp"
#include "core/migration_steps.hpp"

namespace vswim::core {

namespace {

constexpr Duration change_limit = seconds(2);
constexpr Duration take_limit = seconds(5);  // outlives a failover of the owner
constexpr std::int64_t timeout_ms_max = std::int64_t{1} << 62;

struct Setslot {
  enum class What : std::uint8_t { migrating, importing, stable, node };
  What what = What::stable;
  Slot slot = 0;
  NodeId node;    // not of stable
  ShardId shard;  // its
};

bool owned(const Machine& m, Slot slot) { return state_owns(planned_entry(m, slot).state); }

// The word behind the slot and how many arguments it takes; the rest are options.
std::optional<Setslot::What> parse_what(const Arguments& a, std::size_t& options_at) {
  using What = Setslot::What;
  const bool has_node = a.size() >= 4;
  options_at = has_node ? 4 : 3;
  if (same_word(a[2], "migrating") && has_node) return What::migrating;
  if (same_word(a[2], "importing") && has_node) return What::importing;
  if (same_word(a[2], "node") && has_node) return What::node;
  options_at = 3;
  if (same_word(a[2], "stable")) return What::stable;
  return std::nullopt;
}

// TIMEOUT <ms> is checked as natively and changes nothing: the answer waits for the log, not for replicas.
std::string complaint_about_options(const Arguments& a, std::size_t at) {
  for (; at < a.size(); ++at) {
    if (!same_word(a[at], "timeout")) continue;
    if (at + 1 >= a.size()) return "ERR Missing timeout value";
    const auto timeout = parse_integer(a[at + 1]);
    if (!timeout) return "ERR timeout is not an integer or out of range";
    if (*timeout < 0) return "ERR timeout is negative";
    if (*timeout > timeout_ms_max) return "ERR timeout is out of range";
  }
  return "";
}

// The node that the command names, or the native complaint about it or about the slot's owner.
std::string complaint_about_node(const Machine& m, const Arguments& a, Setslot& wanted) {
  using What = Setslot::What;
  const auto number = std::to_string(wanted.slot);
  const bool mine = owned(m, wanted.slot);
  if (wanted.what == What::migrating && !mine) return "ERR I'm not the owner of hash slot " + number;
  if (wanted.what == What::importing && mine) return "ERR I'm already the owner of hash slot " + number;
  const auto node = known_node(m, a[3]);
  if (!node) return (wanted.what == What::node ? "ERR Unknown node " : "ERR I don't know about node ") + a[3];
  if (!m.view.is_primary(*node)) return "ERR Target node is not a master";
  if (wanted.what != What::node && *node == m.view.self()) return "ERR Target node is myself";
  wanted.node = *node;
  wanted.shard = m.view.member(*node)->shard;
  if (wanted.what == What::node && mine && *node != m.view.self() && m.counts.keys[wanted.slot] != 0) {
    return "ERR Can't assign hashslot " + number +
           " to a different node while I still hold keys for this hash slot.";
  }
  return "";
}

void submit(Machine& m, const Invocation& call, SlotChange change, std::optional<HandOver> hand_over = {}) {
  SlotJob job;
  job.change = std::move(change);
  job.hand_over = hand_over;
  job.limit = m.now + change_limit;
  if (call.caller.can_block) {
    job.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  m.slot_jobs.push_back(std::move(job));
}

void refuse_handed(Machine& m, const Invocation& call, const Setslot& wanted) {
  const auto peer = m.view.primary_of(planned_entry(m, wanted.slot).peer);
  const auto name = peer ? peer->hex() : "another shard";
  m.reply(call.ticket,
          Reply::error("ERR Slot " + std::to_string(wanted.slot) + " is handed over to " + name +
                       ": SETSLOT " + std::to_string(wanted.slot) + " NODE " + name + " there completes it"));
}

void stable(Machine& m, const Invocation& call, const Setslot& wanted) {
  const auto entry = planned_entry(m, wanted.slot);
  switch (entry.state) {
    case SlotState::importing:
      return submit(m, call, {wanted.slot, {SlotState::none, 0, {}}, {SlotState::importing}});
    case SlotState::migrating:
      return submit(m, call, {wanted.slot, {SlotState::active, 0, {}}, {SlotState::migrating}});
    case SlotState::handed_over:
      if (!m.view.members_of(entry.peer).empty()) return refuse_handed(m, call, wanted);
      // The other shard is no more: nobody can take what was promised to it.
      return submit(m, call, {wanted.slot, {SlotState::active, 0, {}}, {SlotState::handed_over}});
    default: return m.reply(call.ticket, Reply::ok());
  }
}

void migrating(Machine& m, const Invocation& call, const Setslot& wanted) {
  const auto entry = planned_entry(m, wanted.slot);
  if (entry.state == SlotState::handed_over) {
    if (entry.peer == wanted.shard) return m.reply(call.ticket, Reply::ok());
    return refuse_handed(m, call, wanted);
  }
  submit(m, call,
         {wanted.slot, {SlotState::migrating, 0, wanted.shard}, {SlotState::active, SlotState::migrating}});
}

void importing(Machine& m, const Invocation& call, const Setslot& wanted) {
  submit(m, call,
         {wanted.slot, {SlotState::importing, 0, wanted.shard}, {SlotState::none, SlotState::importing}});
}

// On the node that is to have it.
void node_here(Machine& m, const Invocation& call, const Setslot& wanted) {
  const auto entry = planned_entry(m, wanted.slot);
  if (entry.state == SlotState::handed_over) return refuse_handed(m, call, wanted);
  if (state_owns(entry.state)) {
    const bool open = entry.state == SlotState::migrating && m.counts.keys[wanted.slot] == 0;
    if (!open) return m.reply(call.ticket, Reply::ok());
    return submit(m, call, {wanted.slot, {SlotState::active, 0, {}}, {SlotState::migrating}});
  }
  const auto owner = m.table.owner[wanted.slot];
  const bool outranks = owner != RoutingTable::unowned && m.bumped_epoch != 0 &&
                        m.bumped_epoch == m.own_epoch &&
                        m.own_epoch > m.view.epoch_of(m.table.routes[owner].shard);
  Take take{wanted.slot, outranks ? KeysLeft::go : KeysLeft::refuse, std::nullopt, m.now + take_limit};
  if (call.caller.can_block) {
    take.client = call.ticket;
  } else {
    m.reply(call.ticket, Reply::ok());
  }
  take_slot(m, take);
}

// On any other: the owner gives the slot away, whoever does not own it has nothing to change.
void node_elsewhere(Machine& m, const Invocation& call, const Setslot& wanted) {
  const auto entry = planned_entry(m, wanted.slot);
  if (!state_owns(entry.state)) {
    // Whoever was told so may act on it, and must not find that nobody owns the slot.
    const auto owner = m.table.owner[wanted.slot];
    const bool nobody = owner == RoutingTable::unowned || owner == m.table.own_route;
    if (!nobody || !call.caller.can_block) return m.reply(call.ticket, Reply::ok());
    return wait_for_owner(m, {wanted.slot, wanted.shard, call.ticket, m.now + take_limit});
  }
  if (entry.state == SlotState::handed_over) {
    if (entry.peer == wanted.shard) return m.reply(call.ticket, Reply::ok());
    return refuse_handed(m, call, wanted);
  }
  submit(m, call,
         {wanted.slot, {SlotState::handed_over, 0, wanted.shard}, {SlotState::active, SlotState::migrating}},
         HandOver{entry, KeysLeft::refuse, std::nullopt, 0});
}

}  // namespace

void setslot_command(Machine& m, const Invocation& call) {
  const auto& a = call.arguments;
  const auto refuse = [&](std::string text) { m.reply(call.ticket, Reply::error(std::move(text))); };
  if (m.is_replica_role()) return refuse("ERR Please use SETSLOT only with masters.");
  if (a.size() >= 4 && (same_word(a[2], "migrating") || same_word(a[2], "importing"))) {
    if (an_import_is_open(m)) return refuse("ERR Slot import in progress.");
    if (!m.log.exports().empty()) return refuse("ERR Slot export in progress.");
  }
  const auto slot = parse_slot(a[1]);
  if (!slot) return refuse("ERR Invalid or out of range slot");
  std::size_t options_at = 0;
  const auto what = parse_what(a, options_at);
  if (!what) {
    return refuse("ERR Invalid CLUSTER SETSLOT action or number of arguments. Try CLUSTER HELP");
  }
  Setslot wanted{*what, *slot, {}, {}};
  auto complaint = *what == Setslot::What::stable ? "" : complaint_about_node(m, a, wanted);
  if (complaint.empty()) complaint = complaint_about_options(a, options_at);
  const bool concerns_this_shard =
      *what != Setslot::What::node || wanted.node == m.view.self() || owned(m, *slot);
  if (complaint.empty() && concerns_this_shard && moves_as_a_whole(m, *slot)) {
    complaint = "ERR Slot " + std::to_string(*slot) + std::string(being_migrated);
  }
  if (!complaint.empty()) return refuse(complaint);
  switch (*what) {
    case Setslot::What::migrating: return migrating(m, call, wanted);
    case Setslot::What::importing: return importing(m, call, wanted);
    case Setslot::What::stable: return stable(m, call, wanted);
    case Setslot::What::node:
      return wanted.node == m.view.self() ? node_here(m, call, wanted) : node_elsewhere(m, call, wanted);
  }
}

}  // namespace vswim::core
