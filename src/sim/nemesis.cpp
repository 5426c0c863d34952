#include "sim/nemesis.hpp"

#include <algorithm>
#include <utility>

#include "shard_log/quorum.hpp"

namespace vswim::sim {

namespace {
constexpr std::uint32_t percent = 10'000;  // in parts per million
constexpr std::size_t machines_added_max = 2;
}  // namespace

Profile draw_profile(Rng& rng, Duration lease_ttl) {
  Profile profile;
  profile.scale = std::max(lease_ttl, milliseconds(500));
  const auto roughness = rng.below(3);  // gentle, rough, brutal
  profile.name = roughness == 0 ? "gentle" : roughness == 1 ? "rough" : "brutal";
  const std::int64_t pace = roughness == 0 ? 8 : roughness == 1 ? 4 : 2;
  profile.interval = profile.scale * pace;
  profile.weather.delay_max =
      microseconds(300 + static_cast<std::int64_t>(rng.below(roughness == 2 ? 40'000 : 3'000)));
  profile.weather.loss_ppm = static_cast<std::uint32_t>(rng.below(percent * (roughness == 0   ? 2
                                                                             : roughness == 1 ? 8
                                                                                              : 30)));
  profile.weather.duplicate_ppm = static_cast<std::uint32_t>(rng.below(5 * percent));
  profile.weather.straggler_ppm =
      static_cast<std::uint32_t>(rng.below(roughness == 0 ? percent / 10 : 3 * percent));
  profile.weather.straggler_delay_max = profile.scale * 3;
  profile.weather.corrupt_ppm = rng.chance(500'000) ? 1'000 : 0;
  if (roughness > 0 && rng.chance(500'000)) {
    profile.traps.pause_before_shown_ppm = static_cast<std::uint32_t>(rng.below(15 * percent));
    profile.traps.pause_max = profile.scale * 2;
  }
  if (roughness > 0 && rng.chance(400'000)) {
    profile.traps.crash_after_ack_ppm = static_cast<std::uint32_t>(rng.below(2 * percent));
  }
  profile.traps.crash_at_writes = rng.chance(500'000);
  if (rng.chance(300'000)) profile.traps.queue_latency_max = milliseconds(5);
  if (rng.chance(400'000))
    profile.disk.latency_max = milliseconds(1 + static_cast<std::int64_t>(rng.below(40)));
  profile.weak_disks_ppm = static_cast<std::uint32_t>(rng.below(40 * percent));
  // Some seeds know only one kind of fault: more of it fits into the time.
  if (const auto kind = rng.below(10); kind < 4) {
    profile.crashes = kind == 0;
    profile.cuts = kind == 1;
    profile.pauses = kind == 2;
    profile.disks = kind == 3;
    if (kind == 3) profile.crashes = true;
    if (!profile.crashes) profile.traps.crash_at_writes = false;
  }
  profile.changes = rng.chance(profile.traps.crash_at_writes ? 800'000 : 500'000);
  profile.uneven_ttl = rng.chance(profile.traps.crash_at_writes ? 400'000 : 100'000);
  if (rng.chance(600'000)) profile.strikes_at_seal_ppm = static_cast<std::uint32_t>(rng.below(80 * percent));
  return profile;
}

Nemesis::Nemesis(Cluster& cluster, const Formed& formed, Operator& administrator, const Profile& profile,
                 Rng rng)
    : cluster_(&cluster), formed_(&formed), operator_(&administrator), profile_(profile), rng_(rng) {}

void Nemesis::start() {
  *running_ = true;
  cluster_->on_serves_by_others([this, running = running_](NodeIndex primary) {
    if (*running && profile_.cuts && rng_.chance(300'000)) isolate_leased(primary);
  });
  cluster_->on_seal(
      [this, running = running_](NodeIndex leader) {
        if (*running && rng_.chance(profile_.strikes_at_seal_ppm)) strike_at_seal(leader);
      },
      [this, running = running_](NodeIndex node, const ShardId& shard, Epoch epoch) {
        if (*running) strike_at_install(node, shard, epoch);
      });
  set_conditions(false);
  next_fault();
}

void Nemesis::set_conditions(bool calm) {
  cluster_->network().set_weather(calm ? Weather{} : profile_.weather);
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    cluster_->node(index).traps() = calm ? Traps{} : profile_.traps;
    cluster_->node(index).disk().set_pace(calm ? DiskPace{} : profile_.disk);
  }
}

void Nemesis::stop() {
  *running_ = false;
  set_conditions(true);
}

void Nemesis::next_fault() {
  const Duration wait{
      static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(profile_.interval.ns) * 2))};
  cluster_->scheduler().after(wait, [this, running = running_] {
    if (!*running) return;
    strike();
    next_fault();
  });
}

void Nemesis::strike() {
  // A sprung trap leaves a dead node behind: somebody restarts it. Machines that were added meanwhile share
  // the conditions.
  const bool trapped = profile_.traps.crash_after_ack_ppm > 0 || profile_.traps.crash_at_writes;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (trapped && !cluster_->node(index).alive()) bring_back(index, length(200));
  }
  set_conditions(false);
  std::vector<void (Nemesis::*)()> faults{&Nemesis::disturb};
  if (profile_.crashes)
    faults.insert(faults.end(), {&Nemesis::crash_one, &Nemesis::crash_one, &Nemesis::crash_many});
  if (profile_.cuts)
    faults.insert(faults.end(), {&Nemesis::cut_some, &Nemesis::cut_some, &Nemesis::clog_some});
  if (profile_.changes)
    faults.insert(faults.end(), profile_.traps.crash_at_writes ? 4 : 2, &Nemesis::change_machines);
  if (profile_.pauses) faults.insert(faults.end(), {&Nemesis::pause_one, &Nemesis::pause_one});
  (this->*faults[rng_.below(faults.size())])();
}

Duration Nemesis::length(std::int64_t scale_percent_max) {
  const auto most = static_cast<std::uint64_t>((profile_.scale * scale_percent_max / 100).ns);
  return milliseconds(1) + Duration{static_cast<std::int64_t>(rng_.below(most + 1))};
}

NodeIndex Nemesis::victim() {
  const auto any = static_cast<NodeIndex>(rng_.below(cluster_->size()));
  if (rng_.chance(300'000)) return any;
  if (rng_.chance(400'000)) {  // a primary whose lease is in another node's book
    for (const auto& apart : formed_->ids) {
      const auto primary = cluster_->primary_of(apart);
      if (primary && !cluster_->node(*primary).leads(apart)) return *primary;
    }
  }
  const auto shard = formed_->ids[rng_.below(formed_->ids.size())];
  return cluster_->primary_of(shard).value_or(any);
}

std::vector<NodeIndex> Nemesis::shard_of_victim() {
  const auto shard = cluster_->shard_of(victim());
  std::vector<NodeIndex> nodes;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (cluster_->shard_of(index) == shard) nodes.push_back(index);
  }
  return nodes;
}

bool Nemesis::may_lose_data(NodeIndex index) {
  for (NodeIndex other = 0; other < cluster_->size(); ++other) {
    if (other == index || !cluster_->node(other).alive()) continue;
    if (cluster_->shard_of(other) != cluster_->shard_of(index)) continue;
    if (cluster_->is_leaving(other)) continue;  // with its copy
    const auto report = cluster_->node(other).engine().report(cluster_->now());
    if (report.completed_sync && report.link_up) return true;
  }
  return false;
}

// The shard's log goes on when this node's seat never returns: a shard of two without a witness has one vote.
bool Nemesis::log_survives_without(NodeIndex index) {
  shard_log::Configuration newest;
  for (NodeIndex other = 0; other < cluster_->size(); ++other) {
    if (!cluster_->node(other).alive()) continue;
    for (const auto& status : cluster_->node(other).provider().seat_statuses()) {
      const bool newer = status.configuration.epoch.value > newest.epoch.value;
      if (status.shard == cluster_->shard_of(index) && newer) newest = status.configuration;
    }
  }
  std::size_t votes = 0, others = 0;
  for (const auto& voter : newest.voters) {
    if (voter.role == shard_log::Role::learner) continue;
    ++votes;
    others += voter.node != cluster_->node(index).id() ? 1 : 0;
  }
  return others >= shard_log::majority_of(votes);
}

void Nemesis::bring_back(NodeIndex index, Duration after) {
  StartOptions options;
  if (rng_.chance(profile_.weak_disks_ppm)) {
    options.exact_data = false;
  }
  const bool moves = rng_.chance(100'000);
  cluster_->scheduler().after(after, [this, index, options, moves, running = running_] {
    if (!*running || cluster_->node(index).alive()) return;
    if (moves) cluster_->move_address(index, others(index));
    if (profile_.uneven_ttl) cluster_->change_ttl(index, other_ttl());
    auto start = options;
    start.with_data = options.exact_data || !may_lose_data(index);
    cluster_->restart(index, start);
  });
}

// An administrator changes T node by node, up and down: mostly a little longer than ever before, for that is
// what voters must remember (rule L7).
Duration Nemesis::other_ttl() {
  const auto base = cluster_->settings().lease_ttl;
  if (rng_.chance(300'000)) return base * static_cast<std::int64_t>(60 + rng_.below(41)) / 100;
  const auto longer = cluster_->longest_ttl() * static_cast<std::int64_t>(1'001 + rng_.below(10)) / 1'000;
  return std::min(longer, base * 2);
}

void Nemesis::crash_one() {
  const auto index = victim();
  cluster_->crash(index);
  if (rng_.chance(100'000)) {  // long enough that a witness is replaced
    bring_back(index, seconds(30) + length(1'500));
    return;
  }
  bring_back(index,
             rng_.chance(300'000) ? milliseconds(static_cast<std::int64_t>(rng_.below(300))) : length(500));
}

void Nemesis::crash_many() {
  ++cluster_->oracle().coverage.power_losses;
  std::vector<NodeIndex> hit = shard_of_victim();
  if (rng_.chance(200'000)) {
    hit.clear();
    for (NodeIndex index = 0; index < cluster_->size(); ++index) hit.push_back(index);
  }
  for (const auto index : hit) {
    cluster_->scheduler().after(rng_.chance(500'000) ? Duration{} : length(20),
                                [this, index, running = running_] {
                                  if (!*running) return;
                                  cluster_->crash(index);
                                  bring_back(index, length(300));
                                });
  }
}

// A node that moves is given seeds, as its operator would: else nodes that all move at once can never meet
// again.
std::vector<Address> Nemesis::others(NodeIndex index) const {
  std::vector<Address> addresses;
  for (NodeIndex other = 0; other < cluster_->size(); ++other) {
    if (other != index) addresses.push_back(cluster_->node(other).config().bus);
  }
  return addresses;
}

void Nemesis::heal_after(Duration after) {
  const auto number = ++cuts_;
  ++cluster_->oracle().coverage.partitions;
  cluster_->scheduler().after(after, [this, number, running = running_] {
    if (*running && number == cuts_) cluster_->heal();
  });
}

void Nemesis::cut_some() {
  const auto index = victim();
  const auto count = static_cast<NodeIndex>(cluster_->size());
  switch (rng_.below(6)) {
    case 0: cluster_->isolate(index); break;
    case 1: {  // the victim keeps one other node: perhaps just one voter
      cluster_->isolate(index);
      cluster_->mend(index, static_cast<NodeIndex>(rng_.below(count)));
      break;
    }
    case 2:  // heard by nobody, or hearing nobody
      for (NodeIndex other = 0; other < count; ++other) {
        if (other != index) cluster_->cut_one_way(index, other);
      }
      break;
    case 3:
      for (NodeIndex other = 0; other < count; ++other) {
        if (other != index) cluster_->cut_one_way(other, index);
      }
      break;
    case 4: {
      std::vector<NodeIndex> one, two;
      for (NodeIndex node = 0; node < count; ++node) (rng_.chance(500'000) ? one : two).push_back(node);
      cluster_->split(one, two);
      break;
    }
    default:  // a bad cable here and there
      for (NodeIndex from = 0; from < count; ++from) {
        for (NodeIndex to = 0; to < count; ++to) {
          if (from != to && rng_.chance(200'000)) cluster_->cut_one_way(from, to);
        }
      }
  }
  heal_after(length(500));
}

void Nemesis::pause_one() {
  ++cluster_->oracle().coverage.pauses;
  const auto index = victim();
  const auto duration = length(250);
  switch (rng_.below(3)) {
    case 0: cluster_->pause_main(index, duration); break;
    case 1: cluster_->pause_node_thread(index, duration); break;
    default: cluster_->stop(index, duration);
  }
}

// What waited behind a clog comes in one burst, old and new together.
void Nemesis::clog_some() {
  ++cluster_->oracle().coverage.clogs;
  const auto index = victim();
  const bool both_ways = rng_.chance(500'000);
  const auto until = cluster_->now() + length(200);
  for (NodeIndex other = 0; other < cluster_->size(); ++other) {
    if (other == index || rng_.chance(300'000)) continue;
    cluster_->network().clog(index, other, until);
    if (both_ways) cluster_->network().clog(other, index, until);
  }
}

// Only the two clocks say when its lease is over.
void Nemesis::isolate_leased(NodeIndex primary) {
  cluster_->scheduler().after({}, [this, primary, running = running_] {
    if (!*running) return;
    cluster_->isolate(primary);
    heal_after(cluster_->settings().lease_ttl * 2 + length(300));
  });
}

// A change of voters is delicate between its Seal and its start: some know of it and some don't, and two
// majorities need not overlap. Somewhere in it the cluster is torn in two, or the leader dies.
void Nemesis::strike_at_seal(NodeIndex leader) {
  const Duration delay{static_cast<std::int64_t>(rng_.below(rng_.chance(500'000) ? 3'000'000 : 40'000'000))};
  cluster_->scheduler().after(delay, [this, leader, running = running_] {
    if (!*running) return;
    if (profile_.crashes && rng_.chance(300'000)) {
      cluster_->crash(leader);
      bring_back(leader, length(400));
      return;
    }
    std::vector<NodeIndex> with_leader, others;
    for (NodeIndex node = 0; node < cluster_->size(); ++node)
      (node == leader || rng_.chance(400'000) ? with_leader : others).push_back(node);
    cluster_->split(with_leader, others);
    heal_after(cluster_->settings().lease_ttl * 2 + length(500));
  });
}

// The first one to be installed is parted from the leader before its answer is there: it may go on in the new
// epoch without a leader that knows nothing of it.
void Nemesis::strike_at_install(NodeIndex node, const ShardId& shard, Epoch epoch) {
  auto& newest = installed_[shard];
  if (epoch <= newest) return;
  newest = epoch;
  if (!rng_.chance(profile_.strikes_at_seal_ppm)) return;
  std::vector<NodeIndex> with_leader, others;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    const bool leads = cluster_->node(index).alive() && cluster_->node(index).leads(shard);
    const bool lot = rng_.chance(500'000);
    (leads || (index != node && lot) ? with_leader : others).push_back(index);
  }
  cluster_->split(with_leader, others);
  heal_after(cluster_->settings().lease_ttl * 3 + length(500));
}

void Nemesis::change_machines() {
  if (!operator_->whole()) return;
  std::vector<NodeIndex> spare;
  for (NodeIndex index = 0; index < cluster_->size(); ++index) {
    if (may_lose_data(index)) spare.push_back(index);
  }
  const bool grows = cluster_->size() < formed_->machines + machines_added_max;
  if (grows && rng_.chance(250'000)) return operator_->add_machine();
  if (spare.empty()) return;
  const auto index = spare[rng_.below(spare.size())];
  if (!cluster_->serves(index) && rng_.chance(600'000)) return operator_->take_out(index);
  if (log_survives_without(index)) lose_machine(index);
}

// For good, with all it remembers; only while its shard has the data elsewhere and no other loss waits to be
// repaired: what a shard of this size promises to survive.
void Nemesis::lose_machine(NodeIndex index) {
  auto& coverage = cluster_->oracle().coverage;
  const auto id = cluster_->node(index).id();
  StartOptions options;
  options.with_data = false;
  cluster_->crash(index);
  options.damaged = rng_.chance(500'000) && cluster_->rot_disk(index);
  if (!options.damaged) cluster_->wipe_disk(index);
  ++(options.damaged ? coverage.bad_sectors : coverage.lost_disks);
  operator_->machine_lost(id);
  cluster_->restart(index, options);
}

void Nemesis::disturb() {
  const auto index = victim();
  switch (rng_.below(3)) {
    case 0: cluster_->garbage(index, 20); break;
    case 1:
      ++cluster_->oracle().coverage.disk_stalls;
      cluster_->node(index).disk().stall_until(cluster_->now() + length(150));
      break;
    default:
      for (NodeIndex other = 0; other < cluster_->size(); ++other) {
        cluster_->network().set_extra_loss(index, other,
                                           static_cast<std::uint32_t>(rng_.below(60 * percent)));
      }
  }
}

}  // namespace vswim::sim
