#include "sim/run.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "sim/formation.hpp"
#include "sim/nemesis.hpp"
#include "sim/workload.hpp"

namespace vswim::sim {

namespace {
constexpr std::array lease_ttls{milliseconds(500), seconds(1), seconds(1),
                                seconds(2),        seconds(5), seconds(10)};
constexpr std::uint64_t events_per_second_max = 100'000;  // more means that somebody talks to itself
constexpr Duration slice = milliseconds(200);

Shape draw_shape(Rng& rng) {
  Shape shape;
  const auto shards = 2 + rng.below(2);
  for (std::uint64_t i = 0; i < shards; ++i) {
    shape.data_nodes.push_back(static_cast<std::uint32_t>(rng.chance(150'000) ? 1 : 2 + rng.below(2)));
  }
  return shape;
}

// One seed on its way; the phases share what it has made.
class Run {
 public:
  Run(const RunSettings& settings, Cluster::Tracer tracer)
      : settings_(settings), rng_(settings.seed), tracer_(std::move(tracer)) {}

  RunResult go() {
    ClusterSettings world;
    world.lease_ttl = lease_ttls[rng_.below(lease_ttls.size())];
    world.seed = rng_.next();
    const Shape shape = draw_shape(rng_);
    const Profile profile = draw_profile(rng_, world.lease_ttl);
    describe(world, shape, profile);
    Cluster cluster(world, tracer_);
    const Formed formed = form(cluster, shape);
    if (formed.ok) {
      WorkloadRates rates;
      rates.moves = settings_.moves;
      Workload workload(cluster, formed, rates, Rng(rng_.next()));
      Nemesis nemesis(cluster, formed, profile, Rng(rng_.next()));
      workload.start();
      nemesis.start();
      const bool calm = pass(cluster, settings_.safety);
      workload.stop();
      nemesis.end();
      if (calm) check_liveness(cluster, formed, workload);
      check_final(cluster);
    } else {
      cluster.oracle().violations.add("liveness", "all", cluster.now(), "formation: " + formed.stage);
    }
    return result(cluster);
  }

 private:
  void describe(const ClusterSettings& world, const Shape& shape, const Profile& profile) {
    conditions_ = "T=" + std::to_string(world.lease_ttl.ms()) + "ms shards=";
    for (const auto count : shape.data_nodes) conditions_ += std::to_string(count) + ",";
    conditions_ += " " + profile.name + (profile.crashes ? " crashes" : "") + (profile.cuts ? " cuts" : "") +
                   (profile.pauses ? " pauses" : "") + (profile.disks ? " disks" : "") +
                   " loss=" + std::to_string(profile.weather.loss_ppm);
  }

  // False when a loop of events that never ends was found.
  bool pass(Cluster& cluster, Duration duration) {
    const WorldTime end = cluster.now() + duration;
    while (cluster.now() < end) {
      const auto before = cluster.scheduler().executed();
      const WorldTime until = std::min(end, cluster.now() + slice);
      while (cluster.scheduler().run_one(until)) {
        if (cluster.scheduler().executed() - before <= events_per_second_max) continue;
        cluster.oracle().violations.add("spin", "all", cluster.now(), "more events than a second can hold");
        return false;
      }
    }
    return true;
  }

  bool wait(Cluster& cluster, const std::function<bool()>& condition, Duration limit) {
    const WorldTime end = cluster.now() + limit;
    while (!condition()) {
      if (cluster.now() >= end || !pass(cluster, milliseconds(100))) return false;
    }
    return true;
  }

  void check_liveness(Cluster& cluster, const Formed& formed, Workload& workload) {
    auto& oracle = cluster.oracle();
    const auto limit = seconds(60) + cluster.settings().lease_ttl * 40;
    const auto fail = [&](const std::string& reason) {
      oracle.violations.add("liveness", "all", cluster.now(), reason);
    };
    for (std::size_t shard = 0; shard < formed.ids.size(); ++shard) {
      if (!wait(
              cluster, [&] { return cluster.primary_of(formed.ids[shard]).has_value(); }, limit)) {
        fail("shard " + short_id(formed.ids[shard]) +
             " never serves again: " + describe_shard(cluster, formed.shards[shard]));
      }
    }
    if (!wait(
            cluster, [&] { return oracle.answers.open_count() == 0; }, limit)) {
      fail("proposals stay unanswered: " + oracle.answers.oldest_open(cluster.now()));
    }
    if (!wait(
            cluster, [&] { return workload.unanswered().empty(); }, limit)) {
      fail("commands stay unanswered: " + workload.unanswered());
    }
    for (std::size_t shard = 0; shard < formed.ids.size(); ++shard) {
      const auto before = workload.commits_of(formed.ids[shard]);
      const bool commits = wait(
          cluster,
          [&] {
            if (const auto primary = cluster.primary_of(formed.ids[shard]))
              workload.propose_somewhere(*primary);
            return workload.commits_of(formed.ids[shard]) > before;
          },
          limit);
      if (!commits)
        fail("shard " + short_id(formed.ids[shard]) +
             " commits nothing: " + describe_shard(cluster, formed.shards[shard]));
    }
    if (!wait(
            cluster, [&] { return replicas_follow(cluster, formed); }, limit))
      fail("a replica never follows again");
    if (!wait(
            cluster, [&] { return gossip_agrees(cluster); }, limit))
      fail("gossip never converges");
    if (!wait(
            cluster, [&] { return everyone_ok(cluster); }, limit))
      fail("a live member stays dead: " + unwell(cluster));
  }

  static std::string describe_shard(Cluster& cluster, const std::vector<NodeIndex>& nodes) {
    std::string text;
    for (const auto index : nodes) {
      auto& node = cluster.node(index);
      text += node_name(index);
      if (!node.alive()) {
        text += " dead; ";
        continue;
      }
      const auto report = node.engine().report(cluster.now());
      const auto* seat = node.provider().own_seat();
      text += std::string(node.core().routing().primary_here ? " primary" : "") +
              (report.is_replica ? " replica" : "") + (report.completed_sync ? " synced" : " never-synced") +
              " offset " + std::to_string(report.offset) +
              (node.seen().leased(cluster.now()) ? " leased" : "") + " shard " + short_id(node.seen().shard);
      if (seat != nullptr) {
        const auto status = seat->status();
        text += std::string(status.leading ? " leads" : "") + (status.leader_active ? " active" : "") +
                " epoch " + std::to_string(status.configuration.epoch.value) + " voters " +
                std::to_string(status.configuration.voters.size()) + (status.sealed ? " sealed" : "") +
                " committed " + std::to_string(status.committed) + " settled " +
                std::to_string(status.settled) + " shown " + std::to_string(status.shown);
      }
      text += "; ";
    }
    return text;
  }

  static bool gossip_agrees(Cluster& cluster) {
    std::set<Hash128> roots;
    for (NodeIndex index = 0; index < cluster.size(); ++index) {
      if (cluster.node(index).alive()) roots.insert(cluster.node(index).provider().global_gossip().root());
    }
    return roots.size() <= 1;
  }

  // I20, once everything has had time: no slot is served by two shards.
  static bool slots_disjoint(Cluster& cluster) {
    std::vector<bool> served(core::slot_count);
    for (NodeIndex index = 0; index < cluster.size(); ++index) {
      if (!cluster.serves(index)) continue;
      const auto& table = cluster.node(index).core().routing();
      for (std::size_t slot = 0; slot < core::slot_count; ++slot) {
        if (!table.served[slot]) continue;
        if (served[slot]) return false;
        served[slot] = true;
      }
    }
    return true;
  }

  static std::string unwell(Cluster& cluster) {
    std::string text;
    for (NodeIndex index = 0; index < cluster.size(); ++index) {
      if (!cluster.node(index).alive()) continue;
      const auto& view = cluster.node(index).membership();
      if (view.members.size() != cluster.size()) {
        text += node_name(index) + " knows " + std::to_string(view.members.size()) + " members; ";
      }
      for (const auto& member : view.members) {
        if (member.health == contract::Health::ok) continue;
        text += node_name(index) + " takes " + member.id.hex().substr(0, 8) + " for " +
                (member.health == contract::Health::fail ? "failed; " : "suspect; ");
      }
    }
    return text;
  }
  static bool everyone_ok(Cluster& cluster) { return unwell(cluster).empty(); }

  static void check_final(Cluster& cluster) {
    for (NodeIndex index = 0; index < cluster.size(); ++index) {
      auto& node = cluster.node(index);
      if (!node.alive()) continue;
      const auto* seat = node.provider().own_seat();
      if (seat == nullptr) continue;
      cluster.oracle().commits.check_final(cluster.now(), index, node.provider().shard_id(),
                                           seat->status().committed, seat->registers());
    }
  }

  RunResult result(Cluster& cluster) const {
    RunResult made;
    made.seed = settings_.seed;
    made.conditions = conditions_;
    made.violations = cluster.oracle().violations;
    made.coverage = cluster.oracle().coverage;
    made.hash = cluster.oracle().hash();
    made.events = cluster.scheduler().executed();
    made.virtual_time = cluster.now() - WorldTime{};
    return made;
  }

  RunSettings settings_;
  Rng rng_;
  Cluster::Tracer tracer_;
  std::string conditions_;
};
}  // namespace

RunResult run_shard_seed(const RunSettings& settings, Cluster::Tracer tracer) {
  return Run(settings, std::move(tracer)).go();
}

}  // namespace vswim::sim
