// A move to another shard that nobody ordered, by the same path as CLUSTER REPLICATE: when this node is free
// for it, and the way back from one that came to nothing: a node that left its shard and was not let into the
// new one is alone in a fresh shard, with a copy that nobody needs.
#include <algorithm>

#include "core/machine.hpp"

namespace vswim::core {

namespace {
constexpr Duration try_again = seconds(5);
}

bool may_move(const Machine& m) {
  const bool ordered = std::any_of(m.pending.begin(), m.pending.end(), [](const auto& entry) {
    return std::holds_alternative<AdminOp>(entry.second.purpose);
  });
  return m.leased() && !m.aside && !ordered && m.engine.known && !m.engine.report.loading &&
         m.log.primaryship() && !m.log.primaryship()->fenced && !m.primaryship_in_flight &&
         m.failover.phase == FailoverState::Phase::idle && m.manual.phase == ManualState::Phase::idle &&
         m.fence.phase == FenceState::Phase::open && m.end.phase == EndState::Phase::idle &&
         m.now >= m.own_move.next_try;
}

void move_by_itself(Machine& m, const ShardId& shard) {
  AdminOp op;
  op.kind = AdminKind::replicate;
  op.by_itself = shard;
  op.old_shard = m.view.own_shard();
  op.was_last_member = m.only_member();
  op.was_replica = m.is_replica_role() || m.copy_left;
  m.own_move.next_try = m.now + try_again;
  const auto ticket = m.next_ticket(op);
  stand_aside(m, ticket);
  m.operate(contract::JoinShard{ticket, shard});
}

void on_moved_by_itself(Machine& m, const AdminOp& op, const contract::Completed& done) {
  auto& home = m.own_move.home;
  m.own_move.next_try = m.now + try_again;
  if (done.outcome == contract::Outcome::ok) {
    home.reset();
    return;
  }
  m.note(NoteLevel::warning,
         "could not move to shard " + op.by_itself->hex().substr(0, 8) + ": " + done.text);
  if (m.view.own_shard() == op.old_shard) {
    m.emptied.left_behind = true;
  } else if (!home) {
    home = op.old_shard;
  }
}

void check_way_home(Machine& m) {
  auto& home = m.own_move.home;
  if (!home || !may_move(m)) return;
  if (!m.only_member() || m.is_replica_role() || m.log.slots().owns_any()) {
    home.reset();  // somebody has found another use for this node
    return;
  }
  if (m.view.primary_of(*home)) move_by_itself(m, *home);
}

}  // namespace vswim::core
