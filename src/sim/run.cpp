#include "sim/run.hpp"

#include <algorithm>
#include <array>

#include "sim/formation.hpp"
#include "sim/nemesis.hpp"
#include "sim/operator.hpp"
#include "sim/recovery.hpp"
#include "sim/workload.hpp"

namespace vswim::sim {

namespace {
constexpr std::array lease_ttls{milliseconds(500), seconds(1), seconds(1),
                                seconds(2),        seconds(5), seconds(10)};
constexpr std::uint64_t events_per_second_max = 100'000;  // more means that somebody talks to itself
constexpr Duration slice = milliseconds(200);

// Data nodes of one shard, out of a hundred: small shards are the common and the delicate ones.
constexpr std::array<std::uint32_t, 6> sizes_percent{12, 46, 24, 7, 6, 5};
constexpr std::uint32_t machines_max = 12;  // more would only be slower

Shape draw_shape(Rng& rng) {
  Shape shape;
  std::uint32_t machines = 0;
  const auto shards = 2 + rng.below(3);
  for (std::uint64_t i = 0; i < shards; ++i) {
    auto lot = rng.below(100);
    std::uint32_t size = 1;
    for (const auto percent : sizes_percent) {
      if (lot < percent) break;
      lot -= percent;
      ++size;
    }
    size = std::min(size, machines_max > machines ? machines_max - machines : 1);
    machines += size;
    shape.data_nodes.push_back(size);
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
    world.clock_error_ppm = settings_.clock_error_ppm;
    const Shape shape = draw_shape(rng_);
    Profile profile = draw_profile(rng_, world.lease_ttl);
    if (settings_.at_writes) profile.crashes = profile.changes = profile.traps.crash_at_writes = true;
    describe(world, shape, profile);
    Cluster cluster(world, tracer_);
    const Formed formed = form(cluster, shape);
    if (formed.ok) {
      WorkloadRates rates;
      rates.moves = settings_.moves;
      Workload workload(cluster, formed, rates, Rng(rng_.next()));
      Operator administrator(cluster, formed, Rng(rng_.next()));
      Nemesis nemesis(cluster, formed, administrator, profile, Rng(rng_.next()));
      workload.start();
      nemesis.start();
      administrator.start(seconds(2));
      const bool calm = pass(cluster, settings_.safety);
      cluster.oracle().coverage.group_ms +=
          static_cast<std::uint64_t>(settings_.safety.ms()) * formed.ids.size();
      workload.stop();
      nemesis.stop();
      administrator.stop();
      Recovery recovery(cluster, formed, workload, administrator, Rng(rng_.next()),
                        [&](Duration duration) { return pass(cluster, duration); });
      if (calm) recovery.check();
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
                   (profile.changes ? " changes" : "") + (profile.traps.crash_at_writes ? " at-writes" : "") +
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
