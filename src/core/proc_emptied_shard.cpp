// A shard whose last slot went to another one: its members become replicas there, as natively, each by its
// own cluster-allow-replica-migration; the replicas first, so that nobody is elected for nothing. A replica
// whose primary went that way goes, too, whatever its own setting says: replicas have no replicas. Nobody
// goes who holds a key: slots may have left keys behind that are nowhere else.
#include <algorithm>

#include "core/machine.hpp"

namespace vswim::core {

namespace {

constexpr Duration replicas_leave_first = seconds(5);

bool shard_is_empty(const Machine& m) {
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    const auto* entries = m.log.slots().bucket(b);
    if (entries != nullptr && std::any_of(entries->begin(), entries->end(),
                                          [](const auto& e) { return e.state != SlotState::none; })) {
      return false;
    }
  }
  const auto& jobs = m.log.imports();
  return m.log.exports().empty() && std::none_of(jobs.begin(), jobs.end(), [](const auto& job) {
           return job.second.value.stage == ImportStage::taking;
         });
}

bool owns_slots(const Machine& m, const ShardId& shard) {
  const auto& routes = m.table.routes;
  return std::any_of(m.table.owner.begin(), m.table.owner.end(), [&](std::uint16_t owner) {
    return owner < routes.size() && routes[owner].shard == shard;
  });
}

bool may_follow_to(const Machine& m, const ShardId& shard) {
  const auto primary = m.view.primary_of(shard);
  return shard != m.view.own_shard() && primary &&
         m.view.member(*primary)->health != contract::Health::fail && owns_slots(m, shard);
}

// Nothing of the slots that went is under way any more.
bool at_rest(const Machine& m) {
  return m.engine.report.keys == 0 && m.slot_jobs.empty() && m.takes.open.empty() &&
         m.takes.replicas.empty() && m.migrations.lingering.empty();
}

}  // namespace

bool follows_elsewhere(const Machine& m) {
  const auto& named = m.log.primaryship();
  if (!named || named->node == m.view.self() || m.is_peer(named->node) || m.own_move.home) return false;
  const auto* primary = m.view.member(named->node);
  return primary != nullptr && m.engine.report.keys == 0 && shard_is_empty(m) && !m.emptied.left_behind &&
         may_follow_to(m, primary->shard);
}

void check_emptied_shard(Machine& m) {
  if (!may_move(m)) return;
  if (follows_elsewhere(m)) {
    m.note(NoteLevel::notice, "I'm a sub-replica! Reconfiguring myself to follow my primary to its shard");
    return move_by_itself(m, m.view.member(m.log.primaryship()->node)->shard);
  }
  const auto& heir = m.log.last_taker();
  const bool primary = m.primary_here;
  const bool replica = m.is_replica_role() && m.is_peer(m.log.primaryship()->node);
  if (!heir || !(primary || replica) || !shard_is_empty(m) || !at_rest(m) || !may_follow_to(m, *heir)) {
    m.emptied.since = Instant::long_ago();
    return;
  }
  if (m.emptied.since == Instant::long_ago()) {
    m.emptied.since = m.now;
    const auto where = m.name_of(*m.view.primary_of(*heir));
    if (primary) {
      m.note(NoteLevel::notice, "My last slot was migrated to node " + where +
                                    (m.settings.allow_replica_migration ? ". I become its replica"
                                                                        : ". I am now an empty primary"));
    }
  }
  if (!m.settings.allow_replica_migration) return;
  if (primary && !m.reachable_peers().empty() && m.now < m.emptied.since + replicas_leave_first) return;
  m.note(NoteLevel::notice, "this shard has no slots any more: moving to shard " + heir->hex().substr(0, 8) +
                                ", which has taken the last of them");
  move_by_itself(m, *heir);
}

}  // namespace vswim::core
