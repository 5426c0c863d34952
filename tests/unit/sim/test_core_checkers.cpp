// The checkers of leases, gossip, slots, syncs and histories: green on a good history, red on a bad one.
#include <catch2/catch_test_macros.hpp>

#include <memory>

#include "base/rng.hpp"
#include "sim/checkers/answered_in_time.hpp"
#include "sim/checkers/core_leases.hpp"
#include "sim/checkers/dropped_slots.hpp"
#include "sim/checkers/gossip_reads.hpp"
#include "sim/checkers/history.hpp"
#include "sim/checkers/planned_handovers.hpp"
#include "sim/checkers/restarted_primaries.hpp"
#include "sim/checkers/slot_overlap.hpp"
#include "sim/checkers/sync_sources.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
const WorldTime now{5'000'000'000};
const Instant start{1'000'000'000};
const Duration ttl = seconds(1);

struct Ids {
  Rng rng{3};
  ShardId shard = rng.id<ShardId>(), other_shard = rng.id<ShardId>();
  NodeId a = rng.id<NodeId>(), b = rng.id<NodeId>();
};

bool red(const Violations& violations, const std::string& invariant) {
  return !violations.empty() && violations.first()[0].invariant == invariant;
}
CoreSeen serving(NodeIndex node, const NodeId& id, const ShardId& shard, std::uint64_t shown) {
  return {node, id, shard, true, true, now + seconds(60), now, shown};
}
contract::Register reg(std::string key, std::optional<std::string> value, std::uint64_t revision) {
  return {std::move(key), std::move(value), {0, revision, {}}};
}
}  // namespace

TEST_CASE("I16 goes red when Core's lease outlives its deadline, a clock gap or a stalled Core") {
  Violations violations;
  CoreLeases checker(violations);
  checker.on_start(0, start);
  const contract::Event lease = contract::Heartbeat{start + milliseconds(900)};
  checker.on_turn(0, start + milliseconds(10), ttl);
  checker.on_event(now, 0, lease, ttl);
  checker.on_turn_ended(now, 0);
  checker.on_handed(0, lease);
  checker.on_core(now, 0, start + milliseconds(900));
  CHECK(violations.empty());
  SECTION("the deadline") { checker.on_core(now, 0, start + milliseconds(901)); }
  SECTION("a gap takes it: good, then a lease that did not heed it") {
    checker.on_turn(0, start + milliseconds(300), ttl);
    checker.on_event(now, 0, contract::ClusterDown{"the clock jumped"}, ttl);
    checker.on_turn_ended(now, 0);
    CHECK(violations.empty());
    checker.on_handed(0, contract::ClusterDown{});
    checker.on_core(now, 0, start + milliseconds(900));
  }
  SECTION("a gap does not take it") {
    checker.on_turn(0, start + milliseconds(300), ttl);
    checker.on_turn_ended(now, 0);
  }
  SECTION("a stalled Core is renewed") {
    checker.on_turn(0, start + seconds(5), ttl);
    checker.on_core_alive(0);
    checker.on_event(now, 0, contract::Heartbeat{start + seconds(16)}, ttl);
    CHECK(violations.empty());
    checker.on_event(now, 0, contract::Heartbeat{start + seconds(16) + milliseconds(1)}, ttl);
  }
  CHECK(red(violations, "I16"));
}

TEST_CASE("I17 goes red when a loop that runs leaves a proposal without an answer") {
  Violations violations;
  AnsweredInTime checker(violations);
  checker.on_start(0, start);
  checker.on_proposed(0, 1);
  checker.on_turn(now, 0, start + seconds(30), ttl);  // the loop stood still: that does not count
  CHECK(violations.empty());
  auto reading = start + seconds(30);
  for (int i = 0; i < 12; ++i) checker.on_turn(now, 0, reading = reading + milliseconds(250), ttl);
  CHECK(violations.empty());
  SECTION("answered") {
    checker.on_completed(0, 1);
    for (int i = 0; i < 8; ++i) checker.on_turn(now, 0, reading = reading + milliseconds(250), ttl);
    CHECK(violations.empty());
  }
  SECTION("not answered") {
    for (int i = 0; i < 8; ++i) checker.on_turn(now, 0, reading = reading + milliseconds(250), ttl);
    CHECK(red(violations, "I17"));
  }
}

TEST_CASE("I19 goes red when a key's revision falls or half a batch is visible") {
  const Ids ids;
  Violations violations;
  GossipReads checker(violations);
  checker.on_start(0);
  const auto update = [&](std::vector<std::uint64_t> members, std::optional<std::string> value,
                          std::uint64_t counter) {
    contract::GossipUpdated event{contract::Scope::global, {}};
    for (const auto member : members)
      event.registers.push_back({gossip_family_key(1, member), value, {counter, 0, ids.a}});
    checker.on_event(now, 0, event);
  };
  update({0, 1, 2}, "x", 1);
  update({0, 1, 2}, std::nullopt, 2);
  update({0, 1, 2}, "y", 3);
  CHECK(violations.empty());
  SECTION("falls") { update({0, 1, 2}, "x", 2); }
  SECTION("half a batch") { update({0, 1}, "z", 4); }
  SECTION("half a deletion") { update({2}, std::nullopt, 4); }
  SECTION("after a reset everything is new: good") {
    checker.on_event(now, 0, contract::Reset{contract::Namespace::global, 2, {}, {}});
    update({0, 1, 2}, "x", 1);
    CHECK(violations.empty());
    return;
  }
  CHECK(red(violations, "I19"));
}

TEST_CASE("I20 goes red when two connected shards go on serving one slot") {
  const Ids ids;
  Violations violations;
  SlotOverlap checker(violations);
  bool connected = false;
  checker.connect([&](NodeIndex, NodeIndex) { return connected; });
  const auto one = std::make_unique<core::RoutingTable>(), other = std::make_unique<core::RoutingTable>();
  CoresSeen cores{serving(0, ids.a, ids.shard, 1), serving(1, ids.b, ids.other_shard, 1)};
  const auto step = [&](WorldTime when) {
    for (auto& core : cores) core.lease_until = when + seconds(1);
    checker.on_core(when, cores[0], *one, ttl, cores);
    checker.on_core(when, cores[1], *other, ttl, cores);
  };
  one->served[77] = true;
  other->served[78] = true;
  one->builds = other->builds = 1;
  step(now);
  other->served[77] = true;
  other->builds = 2;
  step(now + seconds(1));
  step(now + seconds(1) + SlotOverlap::limit(ttl) * 2);  // nothing between them: each for itself
  CHECK(violations.empty());
  connected = true;
  step(now + seconds(200));
  step(now + seconds(200) + SlotOverlap::limit(ttl));
  CHECK(violations.empty());
  SECTION("one gives way: good") {
    one->served[77] = false;
    one->builds = 2;
    step(now + seconds(201) + SlotOverlap::limit(ttl));
    step(now + seconds(300) + SlotOverlap::limit(ttl));
    CHECK(violations.empty());
  }
  SECTION("neither does") {
    step(now + seconds(201) + SlotOverlap::limit(ttl));
    CHECK(red(violations, "I20"));
  }
}

TEST_CASE("I21 goes red when keys go before another shard's log holds the slot with a higher claim") {
  const Ids ids;
  Violations violations;
  DroppedSlots checker(violations);
  checker.on_register(ids.shard, reg("slots:0", "5-9=ACTIVE/3", 1));
  checker.on_drop(now, 0, ids.shard, 5, 0);  // there is nothing to remove
  CHECK(violations.empty());
  SECTION("held by a higher claim: good") {
    checker.on_register(ids.other_shard, reg("slots:0", "5=ACTIVE/4", 1));
    checker.on_register(ids.other_shard, reg("slots:0", "6=ACTIVE/9", 2));
    checker.on_drop(now, 0, ids.shard, 5, 2);
    CHECK(violations.empty());
    return;
  }
  SECTION("held by nobody") {}
  SECTION("held by a lower claim") { checker.on_register(ids.other_shard, reg("slots:0", "5=ACTIVE/2", 1)); }
  SECTION("held, not ACTIVE") { checker.on_register(ids.other_shard, reg("slots:0", "5=FENCED/4", 1)); }
  checker.on_drop(now, 0, ids.shard, 5, 2);
  CHECK(red(violations, "I21"));
}

TEST_CASE("I22 goes red when a sync comes from a node that is not the leased primary of its log") {
  const Ids ids;
  Violations violations;
  Primaryships primaryships;
  SyncSources checker(violations, primaryships);
  primaryships.on_register(ids.shard, reg("primaryship", ids.a.hex(), 3));
  auto source = serving(0, ids.a, ids.shard, 3);
  checker.on_sync_given(now, source, 1);
  primaryships.on_register(ids.shard,
                           reg("primaryship", ids.b.hex(), 5));  // known, neither shown nor settled
  checker.on_sync_given(now, source, 1);
  CHECK(violations.empty());
  SECTION("its lease is over") { checker.on_sync_given(now + seconds(60), source, 1); }
  SECTION("it is no primary") {
    source.primary_here = false;
    checker.on_sync_given(now, source, 1);
  }
  SECTION("another one is settled") {
    primaryships.on_settled(ids.shard, 5);
    checker.on_sync_given(now, source, 1);
  }
  CHECK(red(violations, "I22"));
}

TEST_CASE("I22 goes red when a primary resumes with less while a replica has run on with more") {
  const Ids ids;
  Violations violations;
  Primaryships primaryships;
  RestartedPrimaries checker(violations, primaryships);
  bool connected = true;
  checker.connect([&](NodeIndex, NodeIndex) { return connected; });
  primaryships.on_register(ids.shard, reg("primaryship", ids.a.hex(), 3));
  CoresSeen cores{serving(0, ids.a, ids.shard, 3), serving(1, ids.b, ids.shard, 3)};
  cores[1].primary_here = false;
  core::EngineReport primary{false, false, false, false, 100, "h", true, 0, 10, 0, 1};
  core::EngineReport replica{true, true, false, false, 100, "h", true, 0, 10, 0, 0};
  core::EngineReport returned{false, false, false, false, 60, "h", true, 0, 6, 60, 0};
  checker.on_core(now, cores[0], primary, cores);
  checker.on_core(now, cores[1], replica, cores);
  checker.on_turn(now, 1);
  checker.on_crash(0, cores);
  cores[0].primary_here = false;
  bool bad = true;
  SECTION("resumes") {}
  SECTION("resumes, the replica out of reach: good") { connected = bad = false; }
  SECTION("resumes, the replica's node thread stood still: good") {
    checker.on_turn(now - seconds(2), 1);
    bad = false;
  }
  SECTION("nothing was lost: good") {
    returned.loaded_offset = 100;
    bad = false;
  }
  SECTION("named anew: good") {
    primaryships.on_register(ids.shard, reg("primaryship", ids.a.hex(), 7));
    bad = false;
  }
  checker.on_core(now, cores[0], returned, cores);
  cores[0].primary_here = true;
  checker.on_core(now, cores[0], returned, cores);
  CHECK(red(violations, "I22") == bad);
  CHECK(violations.empty() == !bad);
}

namespace {
// One shard whose log is committed entry by entry.
struct Log {
  void commit(const std::string& value, std::optional<std::uint64_t> expected) {
    auto entry = std::make_shared<shard_log::Entry>();
    entry->revision = ++revision;
    entry->batch = batch(value, expected);
    history.on_committed(now, 0, ids.shard, {entry, {1}, {}});
  }
  static contract::Batch batch(const std::string& value, std::optional<std::uint64_t> expected) {
    contract::Write write{"test:a", value, {}};
    if (expected) write.expected = contract::Revision{0, *expected, {}};
    return {write};
  }
  void propose(const std::string& value, std::optional<std::uint64_t> expected) {
    history.on_proposed(value, ids.shard, batch(value, expected));
  }
  void answer(const std::string& value, contract::Outcome outcome, std::uint64_t at = 0) {
    history.on_completed(now, 0, ids.shard, value, outcome, at);
  }
  void show(std::uint64_t at, const std::string& value) {
    history.on_shown(now, 0, ids.shard, {1, {0, at, {}}, false, {reg("test:a", value, at)}});
  }
  const Ids ids;
  Violations violations;
  History history{violations};
  std::uint64_t revision = 0;
};
}  // namespace

TEST_CASE("A history is good when answers, order and reads agree with the committed log") {
  Log log;
  log.propose("v1", std::nullopt);
  log.propose("v2", std::nullopt);
  log.propose("v3", std::nullopt);
  log.commit("v1", std::nullopt);
  log.commit("v2", std::nullopt);
  log.answer("v1", contract::Outcome::ok, 1);
  log.answer("v2", contract::Outcome::stale);
  log.answer("v3", contract::Outcome::unknown);
  log.propose("v4", 1);
  log.commit("v4", 1);
  log.answer("v4", contract::Outcome::ok, 3);
  log.show(1, "v1");
  log.show(3, "v4");
  CHECK(log.violations.empty());
}

TEST_CASE("A history goes red for each way in which an answer can be wrong") {
  Log log;
  log.propose("v1", std::nullopt);
  log.propose("v2", 1);
  log.propose("v3", 1);
  log.commit("v1", std::nullopt);
  std::string expected = "history";
  SECTION("ok, and never committed") { log.answer("v2", contract::Outcome::ok, 2); }
  SECTION("ok at another revision") { log.answer("v1", contract::Outcome::ok, 2); }
  SECTION("ok without a match") {
    log.commit("v2", 1);
    log.commit("v3", 1);
    log.answer("v3", contract::Outcome::ok, 3);
  }
  SECTION("stale, and nothing intervened") { log.answer("v2", contract::Outcome::stale); }
  SECTION("stale, yet it matched") {
    log.commit("v2", 1);
    log.answer("v2", contract::Outcome::stale);
  }
  SECTION("failed, and committed later") {
    log.answer("v2", contract::Outcome::failed);
    log.commit("v2", 1);
  }
  SECTION("committed twice") {
    log.commit("v2", 1);
    log.commit("v2", 1);
  }
  SECTION("committed before what was acknowledged before it was proposed") {
    log.commit("v2", 1);
    log.answer("v2", contract::Outcome::ok, 2);
    log.propose("v9", std::nullopt);
    log.revision = 0;
    log.commit("v9", 2);
  }
  SECTION("shown what the log does not say") {
    log.show(1, "other");
    expected = "I7";
  }
  CHECK(red(log.violations, expected));
}

TEST_CASE("I23 goes red when a planned failover comes without an acknowledged write") {
  Violations violations;
  PlannedHandovers checker(violations);
  Ids ids;
  const auto primary = serving(0, ids.a, ids.shard, 1), heir = serving(1, ids.b, ids.shard, 2);
  const DataSet all{{"x", "2"}, {"y", "1"}}, less{{"x", "1"}, {"y", "1"}};
  checker.on_promoted(now, primary, {});
  checker.on_acknowledged(0, "x", "1");
  checker.on_acknowledged(0, "y", "1");
  checker.on_acknowledged(0, "x", "2");
  SECTION("good: everything is there") {
    checker.on_proposed(1, ids.shard, &ids.a);
    CHECK(checker.on_promoted(now, heir, all));
    CHECK(violations.empty());
  }
  SECTION("good: it was no planned one") {
    checker.on_proposed(1, ids.shard, &ids.a);
    checker.on_proposed(1, ids.shard, nullptr);
    CHECK_FALSE(checker.on_promoted(now, heir, less));
    CHECK(violations.empty());
  }
  SECTION("good: the primary died meanwhile, or removed the key itself") {
    checker.on_proposed(1, ids.shard, &ids.a);
    SECTION("died") { checker.on_crash(0); }
    SECTION("removed") { checker.on_removed(0, core::key_slot("x")); }
    checker.on_promoted(now, heir, less);
    CHECK(violations.empty());
  }
  SECTION("bad: an older value") {
    checker.on_proposed(1, ids.shard, &ids.a);
    CHECK(checker.on_promoted(now, heir, less));
    CHECK(red(violations, "I23"));
  }
}
