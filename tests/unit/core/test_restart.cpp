#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "cluster.hpp"
#include "core/machine.hpp"
#include "core/restart_rule.hpp"

using namespace vswim;
using namespace vswim::core;
using namespace vswim::core::testing;

namespace {

std::unique_ptr<Cluster> shard_with_data(std::size_t nodes) {
  auto cluster = make_cluster();
  create_cluster(*cluster, nodes, 1);
  for (int i = 0; i < 20; ++i) cluster->write(0, static_cast<Slot>(i));
  cluster->run_for(seconds(2));
  return cluster;
}

bool any_replica_promoted(Cluster& cluster) {
  for (std::size_t i = 1; i < cluster.size(); ++i) {
    if (is_primary(cluster, i)) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a primary that restarts empty gives way to a replica that ran on, and wipes nobody") {
  auto cluster = shard_with_data(3);
  cluster->crash(0);
  cluster->run_for(milliseconds(50));
  cluster->restart(0, {0, 0, false});
  REQUIRE(cluster->run_until(
      [&] {
        CHECK_FALSE(is_primary(*cluster, 0));
        return any_replica_promoted(*cluster);
      },
      seconds(4)));
  cluster->run_for(seconds(2));
  for (std::size_t i = 0; i < 3; ++i) CHECK(cluster->engine(i).report.keys == 20);
  CHECK(noted(*cluster, 0, "asking its replicas"));
}

TEST_CASE("a primary that restarts with its whole data set gives way too: the replica ran on") {
  auto cluster = shard_with_data(2);
  const auto offset = cluster->engine(0).report.offset;
  cluster->crash(0);
  cluster->run_for(milliseconds(50));
  cluster->restart(0, {20, offset, true});
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 1); }, seconds(4)));
  cluster->run_for(seconds(1));
  CHECK(cluster->engine(0).follows);
}

TEST_CASE("when all restarted the logged primary resumes") {
  auto cluster = shard_with_data(3);
  const auto offset = cluster->engine(0).report.offset;
  for (std::size_t i = 0; i < 3; ++i) cluster->crash(i);
  for (std::size_t i = 0; i < 3; ++i) cluster->restart(i, {20, offset, true});
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(4)));
  CHECK_FALSE(any_replica_promoted(*cluster));
  CHECK(cluster->write(0, 1));
}

TEST_CASE("when all restarted and the primary loaded less, the best offset wins") {
  auto cluster = shard_with_data(3);
  for (std::size_t i = 0; i < 3; ++i) cluster->crash(i);
  cluster->restart(0, {10, 100, true});
  cluster->restart(1, {15, 150, true});
  cluster->restart(2, {19, 190, true});
  REQUIRE(cluster->run_until([&] { return any_replica_promoted(*cluster); }, seconds(4)));
  CHECK(is_primary(*cluster, 2));
  CHECK_FALSE(is_primary(*cluster, 0));
}

TEST_CASE("when all restarted and the primary is empty, what a replica loaded from disk is not lost") {
  auto cluster = shard_with_data(3);
  const auto offset = cluster->engine(0).report.offset;
  for (std::size_t i = 0; i < 3; ++i) cluster->crash(i);
  cluster->restart(0, {0, 0, false});
  cluster->restart(1, {0, 0, false});
  cluster->restart(2, {20, offset, false});  // a server's replica has completed no sync in this life
  REQUIRE(cluster->run_until([&] { return any_replica_promoted(*cluster); }, seconds(6)));
  CHECK(is_primary(*cluster, 2));
  CHECK(cluster->engine(2).report.keys == 20);
}

TEST_CASE("a primary that restarts alone resumes with what it has") {
  auto cluster = shard_with_data(1);
  cluster->crash(0);
  cluster->restart(0, {0, 0, false});
  REQUIRE(cluster->run_until([&] { return is_primary(*cluster, 0); }, seconds(3)));
  CHECK(cluster->write(0, 100));
}

TEST_CASE("an empty primary does not resume over a replica that holds data but may not stand") {
  auto cluster = shard_with_data(2);
  auto settings = settings_for(1);
  settings.replica_no_failover = true;
  cluster->configure(1, settings);
  cluster->run_for(seconds(1));
  cluster->crash(0);
  cluster->run_for(milliseconds(50));
  cluster->restart(0, {0, 0, false});
  cluster->run_for(seconds(10));
  CHECK_FALSE(is_primary(*cluster, 0));
  CHECK(cluster->engine(1).report.keys == 20);
  CHECK(noted(*cluster, 0, "stays down"));
}

TEST_CASE("the restart rule, case by case") {
  const ShardId shard;
  EngineReport own;
  own.completed_sync = true;
  own.offset = 100;
  own.keys = 10;
  CHECK(stands_after_restart(own, true, false, {shard, 100, 10}));
  CHECK(stands_after_restart(own, true, false, {shard, 0, 0}));
  CHECK_FALSE(stands_after_restart(own, true, true, {shard, 0, 0}));
  CHECK_FALSE(stands_after_restart(own, true, false, {shard, 101, 10}));
  CHECK_FALSE(stands_after_restart(own, false, false, {shard, 100, 10}));
  CHECK(stands_after_restart(own, false, false, {shard, 99, 10}));
  CHECK(stands_after_restart(own, false, false, {shard, 0, 0}));
  own.completed_sync = false;
  CHECK_FALSE(stands_after_restart(own, true, false, {shard, 0, 0}));
  own = EngineReport{};
  own.completed_sync = true;
  CHECK_FALSE(stands_after_restart(own, true, false, {shard, 0, 5}));
  CHECK_FALSE(stands_after_restart(own, false, false, {shard, 0, 0}));

  RestartView view{0, 0, {{shard, false, 0, 0, false}}, 0, false};
  CHECK(judge_restart(view) == RestartVerdict::resume);
  view.answers[0] = {shard, false, 10, 5, true};
  CHECK(judge_restart(view) == RestartVerdict::stay_down);
  view.keys = 5;
  view.unanswered = 1;
  CHECK(judge_restart(view) == RestartVerdict::wait);
  view.patience_over = true;
  CHECK(judge_restart(view) == RestartVerdict::resume);
  view.answers[0].stands = true;
  CHECK(judge_restart(view) == RestartVerdict::wait);
}

TEST_CASE("a log that is replayed names others on the way: that does not excuse from asking the replicas") {
  Rng rng(3);
  const auto self = rng.id<NodeId>(), other = rng.id<NodeId>();
  const auto shard = rng.id<ShardId>();
  const Instant now = Instant{} + seconds(1);
  SlotKeyCounts counts;
  Core core(Settings{}, counts, now, Rng(4));
  const auto named = [&](std::uint64_t revision, const NodeId& primary) {
    const contract::Revision at{0, revision, {}};
    core.on_event(now, contract::ShardLogUpdated{1, at, false, {{"primaryship", primary.hex(), at}}});
  };
  EngineReport empty;
  empty.completed_sync = true;
  core.on_event(now, contract::Reset{contract::Namespace::shard, 1, self, shard});
  core.on_event(now, contract::MembershipChanged{self,
                                                 shard,
                                                 {{self, shard, {}, contract::Health::ok, {}, now},
                                                  {other, shard, {}, contract::Health::ok, {}, now}}});
  core.on_engine(now, empty);
  named(1, other);
  named(2, self);
  core.on_event(now, contract::Settled{1, {0, 2, {}}});
  core.on_event(now, contract::Heartbeat{now + seconds(2)});
  CHECK_FALSE(core.routing().primary_here);
  const auto output = core.take_output();
  CHECK(std::ranges::any_of(output.operations, [](const auto& operation) {
    return std::holds_alternative<contract::SendToCore>(operation);
  }));
}

TEST_CASE(
    "a slot that was given up is never claimed again with a lower number, also when everybody restarted") {
  const SlotKeyCounts counts;
  const auto shown = [&](Machine& m, std::uint64_t revision, const std::string& text) {
    m.primary_here = true;
    m.log.apply({1, {0, revision, {}}, true, {{"slots:0", text, {0, revision, {}}}}});
  };
  const auto written = [&](Machine& m, const SlotSet& add, const SlotSet& remove) {
    SlotJob job;
    job.add = add;
    job.remove = remove;
    job.limit = m.now + seconds(10);
    m.slot_jobs.push_back(std::move(job));
    run_slot_jobs(m);
    REQUIRE(m.out.operations.size() == 1);
    return *std::get<contract::UpdateShardLog>(m.out.operations.front()).batch.front().value;
  };
  const Instant now = Instant{} + seconds(1);
  SlotSet five;
  five.set(5);
  auto before = std::make_unique<Machine>(Settings{}, counts, now, Rng(1));
  shown(*before, 7, "4=ACTIVE/1,5=ACTIVE/6");
  const auto after_delslots = written(*before, {}, five);
  CHECK(after_delslots == "4=ACTIVE/1,5=NONE/6");

  auto fresh = std::make_unique<Machine>(Settings{}, counts, now, Rng(1));  // nothing but the log is left
  shown(*fresh, 8, after_delslots);
  CHECK_FALSE(fresh->log.slots().owned()[5]);
  CHECK(written(*fresh, five, {}) == "4=ACTIVE/1,5=ACTIVE/7");
}

// Seed 352 of an older nemesis: a replica that had come from another shard, with that shard's data loaded,
// promised to stand and did not, and the primary waited for it.
TEST_CASE("what a node loaded in another shard is nothing to stand with in this one") {
  EngineReport report;
  report.keys = 10;
  report.loaded_offset = 100;
  SlotKeyCounts counts;
  Machine m(Settings{}, counts, Instant{}, Rng(1));
  m.engine.report = report;
  CHECK(m.loaded_report().completed_sync);
  m.engine.loaded_elsewhere = true;
  CHECK_FALSE(m.loaded_report().completed_sync);
}
