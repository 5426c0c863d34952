#include "sim/oracle.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/overloaded.hpp"

namespace vswim::sim {

Oracle::Oracle() {
  // Commits are counted before anybody judges by them.
  for (SeatFileReader* reader :
       std::initializer_list<SeatFileReader*>{&sealed_epochs_, &durable_commits_, &promises_, &chains_,
                                              &complete_leaders_, &voter_memory_, &silence_, &bounded_}) {
    seat_files_.tell(*reader);
  }
  durable_commits_.tell(sealed_epochs_);
  durable_commits_.tell(history_);
}

void Oracle::connect(const std::function<bool(NodeIndex, NodeIndex)>& connected) {
  slot_overlap_.connect(connected);
  restarted_primaries_.connect(connected);
}

void Oracle::mix(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9fb21c651e98df25ULL;
  hash_ ^= hash_ >> 32;
}

void Oracle::on_start(WorldTime now, NodeIndex node, std::uint64_t life, Instant reading, Duration ttl,
                      std::string_view file) {
  if (cores_.size() <= node) cores_.resize(node + 1);
  cores_[node] = {};
  cores_[node].node = node;
  if (ttls_.size() <= node) ttls_.resize(node + 1);
  ttls_[node] = ttl;
  longest_ttl_ = std::max(longest_ttl_, ttl);
  if (life > 1) ++coverage.restarts;
  core_leases_.on_start(node, reading);
  answered_in_time_.on_start(node, reading);
  bounded_.on_start(node, file.size());
  gossip_reads_.on_start(node);
  seat_files_.on_restart(now, node, file);
  failed_peers_.on_restart(node);
  commits.on_namespace(node);
}

void Oracle::on_crash(WorldTime, NodeIndex node) {
  ++coverage.crashes;
  restarted_primaries_.on_crash(node, cores_);
  cores_[node].alive = false;
  leader_leases_.on_crash(node);
  slot_overlap_.on_crash(node);
  planned_handovers_.on_crash(node);
  answers.on_crash(node);
}

void Oracle::on_turn(WorldTime now, NodeIndex node, Instant reading) {
  core_leases_.on_turn(node, reading, ttls_[node]);
  answered_in_time_.on_turn(now, node, reading, ttls_[node]);
  restarted_primaries_.on_turn(now, node);
}

void Oracle::on_operation(NodeIndex node, const contract::Operation& operation) {
  if (std::holds_alternative<contract::Pulse>(operation) ||
      std::holds_alternative<contract::Shown>(operation)) {
    core_leases_.on_core_alive(node);
  } else if (const auto* update = std::get_if<contract::UpdateShardLog>(&operation)) {
    answered_in_time_.on_proposed(node, update->ticket.value);
  }
}

void Oracle::on_seats(WorldTime now, NodeIndex node, const NodeId& id, std::uint64_t life,
                      const NodeClock& clock, std::vector<shard_log::Status> statuses) {
  bounded_.on_seats(now, node, statuses.size());
  for (auto& status : statuses) {
    const auto shard = status.shard;
    const auto deadline = clock.when_reads(status.leader_deadline);
    const SeatSeen seat{node, id, shard, std::move(status), clock.read(now), deadline};
    one_leader_.on_seat(now, seat, life);
    leads_until_[{node, shard}] = seat.status.leading ? seat.deadline : WorldTime{};
    leader_leases_.on_seat(now, seat);
    witnesses_.on_seat(now, seat);
    if (seat.status.leading) silence_.on_leading(now, node, shard);
    if (!seat.status.ended) voter_memory_.on_held(now, node, shard, seat.status.uuid);
    if (!seat.status.ended) durable_commits_.on_claim(now, node, shard, seat.status.committed);
    count_configuration(shard, seat.status.configuration);
  }
  core_leases_.on_turn_ended(now, node);
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

void Oracle::on_disk_write(WorldTime now, NodeIndex node, std::uint64_t sequence, bool rewrite,
                           std::string_view bytes) {
  bounded_.on_disk_write(now, node, rewrite, bytes.size());
  seat_files_.on_write(now, node, sequence, rewrite, bytes);
}

void Oracle::on_durable(WorldTime now, NodeIndex node, std::uint64_t sequence) {
  seat_files_.on_durable(now, node, sequence);
}

void Oracle::on_provider_event(WorldTime now, NodeIndex node, const ShardId& shard,
                               const contract::Event& event) {
  core_leases_.on_event(now, node, event, ttls_[node]);
  std::visit(Overloaded{
                 [&](const contract::Settled& settled) {
                   ++coverage.settled;
                   primaryships_.on_settled(shard, settled.revision.minor);
                   acknowledged_.on_settled(now, node, shard, settled.revision.minor, cores_);
                 },
                 [&](const contract::Completed& completed) {
                   answered_in_time_.on_completed(node, completed.ticket.value);
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

void Oracle::on_handed(WorldTime now, NodeIndex node, const contract::Event& event) {
  core_leases_.on_handed(node, event);
  gossip_reads_.on_event(now, node, event);
}

void Oracle::on_shown(WorldTime now, NodeIndex node, const ShardId& shard,
                      const contract::ShardLogUpdated& update) {
  commits.on_shown(now, node, shard, update);
  history_.on_shown(now, node, shard, update);
  for (const auto& entry : update.registers) {
    primaryships_.on_register(shard, entry);
    dropped_slots_.on_register(shard, entry);
    if (entry.value) answers.on_committed_value(now, node, *entry.value);
  }
}

void Oracle::on_proposed(WorldTime now, NodeIndex node, std::uint64_t ticket, const ShardId& shard,
                         const std::string& unique_value, const contract::Batch& batch) {
  answers.on_proposed(node, ticket, unique_value, now);
  history_.on_proposed(unique_value, shard, batch);
}

void Oracle::on_completed(WorldTime now, NodeIndex node, const ShardId& shard,
                          const std::string& unique_value, const contract::Batch& batch,
                          const contract::Completed& completed) {
  answers.on_completed(now, node, completed.ticket.value, completed.outcome);
  const auto revision = completed.revision ? completed.revision->minor : 0;
  history_.on_completed(now, node, shard, unique_value, completed.outcome, revision);
  if (completed.outcome == contract::Outcome::ok && completed.revision)
    commits.on_acknowledged(now, node, shard, revision, batch);
}

void Oracle::on_core(WorldTime now, const CoreSeen& core, const core::RoutingTable& routing,
                     const core::EngineReport& report) {
  const auto& before = cores_[core.node];
  const bool went_on = before.leased(now);
  const WorldTime since = went_on ? before.leased_since : now;
  cores_[core.node] = core;
  cores_[core.node].leased_since = since;
  one_primary_.on_core(now, core, cores_);
  acknowledged_.on_core(now, core);
  core_leases_.on_core(now, core.node, routing.lease_until);
  slot_overlap_.on_core(now, core, routing, longest_ttl_, cores_);
  restarted_primaries_.on_core(now, core, report, cores_);
  if (!core.serves(now)) return;
  auto& primary = primaries_[core.shard];
  if (!primary.is_nil() && primary != core.id) ++coverage.failovers;
  primary = core.id;
}

void Oracle::on_namespace_shown(NodeIndex node) { commits.on_namespace(node); }

}  // namespace vswim::sim
