#include "sim/oracle.hpp"

#include <utility>

#include "base/overloaded.hpp"

namespace vswim::sim {

Oracle::Oracle() = default;

void Oracle::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9fb21c651e98df25ULL;
  hash_ ^= hash_ >> 32;
}

void Oracle::on_start(WorldTime now, NodeIndex node, std::uint64_t life, std::string_view file) {
  if (cores_.size() <= node) cores_.resize(node + 1);
  cores_[node] = {};
  cores_[node].node = node;
  if (life > 1) ++coverage.restarts;
  durable_seats_.on_restart(now, node, file);
  failed_peers_.on_restart(node);
  commits.on_namespace(node);
}

void Oracle::on_crash(WorldTime, NodeIndex node) {
  ++coverage.crashes;
  cores_[node].alive = false;
  leader_leases_.on_crash(node);
  answers.on_crash(node);
}

void Oracle::on_seats(WorldTime now, NodeIndex node, const NodeId& id, std::uint64_t life,
                      const NodeClock& clock, std::vector<shard_log::Status> statuses) {
  for (auto& status : statuses) {
    const auto shard = durable_seats_.shard_of(status.configuration);
    if (!shard) continue;
    const auto deadline = clock.when_reads(status.leader_deadline);
    const SeatSeen seat{node, id, *shard, std::move(status), clock.read(now), deadline};
    one_leader_.on_seat(now, seat, life);
    leads_until_[{node, *shard}] = seat.status.leading ? seat.deadline : WorldTime{};
    leader_leases_.on_seat(now, seat);
    witnesses_.on_seat(now, seat);
    count_configuration(*shard, seat.status.configuration);
  }
  coverage.elections = one_leader_.ballots_led();
}

void Oracle::count_configuration(const ShardId& shard, const shard_log::Configuration& configuration) {
  auto& seen = configurations_[shard];
  if (configuration.epoch.value <= seen.epoch) return;
  std::set<NodeId> witnesses, members;
  for (const auto& voter : configuration.voters) {
    (voter.role == shard_log::Role::witness ? witnesses : members).insert(voter.node);
  }
  if (seen.epoch != 0) {
    ++coverage.seals;
    if (witnesses != seen.witnesses) ++coverage.witness_changes;
    if (members != seen.members) ++coverage.member_changes;
  }
  seen = {configuration.epoch.value, std::move(witnesses), std::move(members)};
}

void Oracle::on_disk_write(WorldTime now, NodeIndex node, bool rewrite, std::string_view bytes) {
  durable_seats_.on_write(now, node, rewrite, bytes);
}

void Oracle::on_provider_event(WorldTime now, NodeIndex node, const ShardId& shard,
                               const contract::Event& event) {
  std::visit(Overloaded{
                 [&](const contract::Settled& settled) {
                   ++coverage.settled;
                   acknowledged_.on_settled(now, node, shard, settled.revision.minor, cores_);
                 },
                 [&](const contract::Completed& completed) {
                   if (completed.outcome != contract::Outcome::ok || !completed.revision) return;
                   acknowledged_.on_settled(now, node, shard, completed.revision->minor, cores_);
                 },
                 [&](const contract::MembershipChanged& view) {
                   for (const auto& member : view.members) {
                     if (member.health == contract::Health::fail && member.shard == view.own_shard)
                       ++coverage.peers_failed;
                   }
                   failed_peers_.on_membership(now, node, view, cores_, now < leads_until_[{node, shard}]);
                 },
                 [&](const contract::ClusterDown&) { ++coverage.lease_losses; },
                 [&](const contract::ShardLogUpdated& update) {
                   if (update.snapshot) ++coverage.snapshots_shown;
                 },
                 [](const contract::GossipUpdated&) {},
                 [](const contract::Reset&) {},
                 [](const contract::Heartbeat&) {},
                 [](const contract::JoinReview&) {},
                 [](const contract::ReceivedFromCore&) {},
                 [](const contract::ProviderStatus&) {},
             },
             event);
}

void Oracle::on_core(WorldTime now, const CoreSeen& core) {
  const auto& before = cores_[core.node];
  const bool went_on = before.leased(now);
  const WorldTime since = went_on ? before.leased_since : now;
  cores_[core.node] = core;
  cores_[core.node].leased_since = since;
  one_primary_.on_core(now, core, cores_);
  if (!core.serves(now)) return;
  auto& primary = primaries_[core.shard];
  if (!primary.is_nil() && primary != core.id) ++coverage.failovers;
  primary = core.id;
}

void Oracle::on_namespace_shown(NodeIndex node) { commits.on_namespace(node); }

}  // namespace vswim::sim
