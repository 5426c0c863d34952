// CLUSTER FAILOVER TAKEOVER: a user's word that the majority of this shard's voters is gone. The log is asked
// first, as by FORCE. When it gives no answer this replica leaves it (its seat there stays a plain voter) and
// founds a shard of its own with its data, in whose log it claims the slots above every claim it ever saw: a
// new epoch for the routing of everybody. If the old shard comes back, its primary serves beside this one
// until the two have compared their claims; it then gives way and drops its keys, with whatever only it had.
#include "core/machine.hpp"

namespace vswim::core {

namespace {
constexpr Duration claim_limit = seconds(60);  // until the new shard's log has the slots
}  // namespace

void leave_with_slots(Machine& m) {
  m.taken_slots = m.log.slots().owned();
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    const auto owner = m.table.owner[slot];
    if (owner != RoutingTable::unowned && owner == m.table.own_route) m.taken_slots.set(slot);
  }
  m.note(
      NoteLevel::warning,
      "failover: TAKEOVER without a majority: this node founds a shard of its own with the " +
          std::to_string(m.taken_slots.count()) +
          " slots of the old one. Should the old one come back, two primaries serve them for a moment, and "
          "what was written there is lost");
  AdminOp op;
  op.kind = AdminKind::takeover;
  op.old_shard = m.view.own_shard();
  const auto ticket = m.next_ticket(op);
  stand_aside(m, ticket);
  m.operate(contract::RemoveFromShard{ticket, m.view.self()});
}

void on_left_with_slots(Machine& m, const contract::Completed& done) {
  if (done.outcome != contract::Outcome::ok) {
    m.note(NoteLevel::warning, "failover: TAKEOVER failed: " + done.text);
    return;
  }
  SlotJob job;
  job.add = m.taken_slots;
  job.limit = m.now + claim_limit;
  m.slot_jobs.push_back(std::move(job));
  m.taken_slots.reset();
}

}  // namespace vswim::core
