// Replica migration: a primary that owns slots and has lost all of its replicas is given one by the shard
// that has most. Every replica looks at the same plan (replica_migration.hpp) and knows whether it is the one
// to go; before it goes both primaries have to consent, who know their own shards best, each to one node at a
// time. So a donor never keeps less than the barrier, however far apart the views of its replicas are, an
// orphan does not get two, and nobody leaves for a shard whose primary has no live lease.
#include <algorithm>
#include <vector>

#include "core/machine.hpp"
#include "core/replica_migration.hpp"

namespace vswim::core {

namespace {

constexpr Duration orphaned_for = seconds(5);    // natively the same: who restarts is back by then
constexpr Duration slotless_for = seconds(3);    // first seen without, then with slots: it gained them
constexpr Duration consent_counts = seconds(1);  // of a question, by the asker's clock
constexpr Duration consent_binds = seconds(60);  // above any move, by the clock of whoever gave it

bool failed(const Machine& m, const NodeId& node) {
  const auto* member = m.view.member(node);
  return member == nullptr || member->health == contract::Health::fail;
}

bool loading(const Machine& m, const NodeId& node) {
  const auto* info = m.view.info(node);
  return node == m.view.self() ? m.engine.report.loading : info == nullptr || info->health != "online";
}

std::string zone_of(const Machine& m, const NodeId& node) {
  const auto* info = m.view.info(node);
  if (node == m.view.self()) return m.settings.availability_zone;
  return info == nullptr ? std::string() : info->zone;
}

std::set<ShardId> owners(const Machine& m) {
  std::vector<bool> owns(m.table.routes.size());
  for (const auto owner : m.table.owner) {
    if (owner < owns.size()) owns[owner] = true;
  }
  std::set<ShardId> shards;
  for (std::size_t i = 0; i < owns.size(); ++i) {
    if (owns[i]) shards.insert(m.table.routes[i].shard);
  }
  return shards;
}

struct Picture {
  std::vector<ShardReplicas> shards;  // by id
  bool any_replica = false;
};

Picture picture_of(const Machine& m, const std::set<ShardId>& owns) {
  Picture picture;
  for (const auto& [shard, members] : m.view.shards()) {
    const auto primary = m.view.primary_of(shard);
    if (!primary || failed(m, *primary)) continue;
    ShardReplicas known{shard, zone_of(m, *primary), {}, false};
    bool any_here = false;
    for (const auto& node : members) {
      if (node == *primary || failed(m, node)) continue;
      any_here = true;
      if (!loading(m, node)) known.good.push_back({node, zone_of(m, node)});
    }
    const bool is_owed_one = members.size() > 1 || m.migration.gained_slots.contains(shard);
    known.orphaned = owns.contains(shard) && !any_here && is_owed_one;
    picture.any_replica = picture.any_replica || any_here;
    picture.shards.push_back(std::move(known));
  }
  return picture;
}

// Natively, too, a primary that gets its first slots while others have replicas is owed one.
void note_gains(Machine& m, const std::set<ShardId>& owns, bool any_replica) {
  auto& s = m.migration;
  std::map<ShardId, Instant> without;
  for (const auto& [shard, members] : m.view.shards()) {
    const auto known = s.without_slots.find(shard);
    if (!owns.contains(shard)) {
      without[shard] = known == s.without_slots.end() ? m.now : known->second;
      s.gained_slots.erase(shard);
    } else if (any_replica && known != s.without_slots.end() && m.now >= known->second + slotless_for) {
      s.gained_slots.insert(shard);
    }
  }
  s.without_slots = std::move(without);
  std::erase_if(s.gained_slots, [&](const ShardId& shard) { return !m.view.shards().contains(shard); });
}

void note_orphans(Machine& m, const std::vector<ShardReplicas>& shards) {
  std::map<ShardId, Instant> orphaned;
  for (const auto& shard : shards) {
    if (!shard.orphaned) continue;
    const auto known = m.migration.orphaned.find(shard.shard);
    orphaned[shard.shard] = known == m.migration.orphaned.end() ? m.now : known->second;
  }
  m.migration.orphaned = std::move(orphaned);
}

bool may_migrate(const Machine& m) {
  if (!m.settings.allow_replica_migration || !m.is_replica_role() || !m.table.cluster_ok) return false;
  const auto& primary = m.log.primaryship()->node;
  return may_move(m) && m.engine.report.is_replica && m.is_peer(primary) && !failed(m, primary);
}

std::size_t barrier(const Machine& m) {
  return static_cast<std::size_t>(std::max<std::int64_t>(m.settings.migration_barrier, 1));
}

// Where the plan sends this node, if anywhere.
std::optional<ShardId> own_target(const Machine& m, const std::vector<ShardReplicas>& shards) {
  for (const auto& move : plan_replica_moves(shards, barrier(m))) {
    if (move.replica == m.view.self() && m.now >= m.migration.orphaned.at(move.to) + orphaned_for)
      return move.to;
  }
  return std::nullopt;
}

// First whether it is wanted: a consent to leave keeps its shard's other replicas from leaving for a while.
void ask(Machine& m, const ShardId& to) {
  auto& s = m.migration;
  s.question = m.rng.next() >> 2;
  s.to = to;
  s.asked = m.now;
  s.wanted = false;
  m.send(*m.view.primary_of(to), MoveQuestion{to, s.question});
}

// ---- as a primary ----

// What this one says about a shard peer counts more than the peer's own word: it feeds it.
bool replicates_well(const Machine& m, const NodeId& node) {
  const auto offset = m.view.offset(node);
  return !failed(m, node) && !loading(m, node) && offset && offset->may_stand;
}

bool may_leave(const Machine& m, const NodeId& node) {
  const auto& before = m.migration.leaving;
  const bool another_leaves = before.node != node && m.now < before.until && m.is_peer(before.node);
  std::size_t left = 0;
  for (const auto& peer : m.view.members_of(m.view.own_shard())) {
    if (peer != m.view.self() && peer != node && replicates_well(m, peer)) ++left;
  }
  return !another_leaves && left >= barrier(m);
}

bool is_wanted(const Machine& m, const NodeId& node) {
  const auto& before = m.migration.coming;
  const bool another_comes = before.node != node && m.now < before.until && !failed(m, before.node);
  return !another_comes && m.log.slots().owns_any() && m.reachable_peers().empty();
}

}  // namespace

void check_replica_migration(Machine& m) {
  if (m.alone()) return;
  const auto owns = owners(m);
  const auto picture = picture_of(m, owns);
  note_gains(m, owns, picture.any_replica);
  note_orphans(m, picture.shards);
  m.migration.question = 0;
  if (m.migration.orphaned.empty() || !may_migrate(m)) return;
  if (const auto to = own_target(m, picture.shards)) ask(m, *to);
}

void on_move_question(Machine& m, const NodeId& from, const MoveQuestion& question) {
  const bool free = m.primary_here && m.leased() && m.fence.phase == FenceState::Phase::open &&
                    m.end.phase == EndState::Phase::idle;
  if (question.shard != m.view.own_shard() || !free || failed(m, from)) return;
  const bool leaves = m.is_peer(from);
  if (leaves ? !may_leave(m, from) : !is_wanted(m, from)) return;
  (leaves ? m.migration.leaving : m.migration.coming) = {from, m.now + consent_binds};
  m.send(from, MoveConsent{question.shard, question.number});
}

void on_move_consent(Machine& m, const NodeId& from, const MoveConsent& consent) {
  auto& s = m.migration;
  if (s.question == 0 || consent.number != s.question || m.now >= s.asked + consent_counts) return;
  if (!may_migrate(m)) return;
  const auto& own_primary = m.log.primaryship()->node;
  if (consent.shard == s.to && m.speaks_for_another(from, s.to) && !s.wanted) {
    s.wanted = true;
    return m.send(own_primary, MoveQuestion{m.view.own_shard(), s.question});
  }
  if (!s.wanted || consent.shard != m.view.own_shard() || from != own_primary) return;
  s.question = 0;
  const auto orphan = m.view.primary_of(s.to);
  m.note(NoteLevel::notice, "Migrating to orphaned primary " + (orphan ? m.name_of(*orphan) : "") +
                                " of shard " + s.to.hex().substr(0, 8));
  move_by_itself(m, s.to);
}

}  // namespace vswim::core
