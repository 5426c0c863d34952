// A check that nothing can break is no check: each is shown green where it should be, and red.
#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "sim/checkers/acknowledged.hpp"
#include "sim/checkers/answers.hpp"
#include "sim/checkers/commits.hpp"
#include "sim/checkers/failed_peers.hpp"
#include "sim/checkers/leader_leases.hpp"
#include "sim/checkers/one_leader.hpp"
#include "sim/checkers/one_primary.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
const WorldTime now{5'000'000'000};

struct Ids {
  Rng rng{1};
  ShardId shard = rng.id<ShardId>(), other_shard = rng.id<ShardId>();
  NodeId a = rng.id<NodeId>(), b = rng.id<NodeId>();
};

SeatSeen leading(NodeIndex node, const NodeId& id, const ShardId& shard, std::uint64_t round, Duration left) {
  SeatSeen seat{node, id, shard, {}, {}, now + left};
  seat.status.leading = true;
  seat.status.promised = {round, id};
  return seat;
}

CoreSeen serving(NodeIndex node, const ShardId& shard, Duration left, std::uint64_t shown) {
  return {node, {}, shard, true, true, now + left, now, shown};
}

contract::ShardLogUpdated update(std::uint64_t revision, bool snapshot,
                                 std::vector<contract::Register> registers) {
  return {1, {0, revision, {}}, snapshot, std::move(registers)};
}
contract::Register reg(std::string key, std::string value, std::uint64_t revision) {
  return {std::move(key), std::move(value), {0, revision, {}}};
}
}  // namespace

TEST_CASE("I2 goes red when two nodes, or two lives, lead one ballot") {
  const Ids ids;
  Violations violations;
  OneLeader checker(violations);
  checker.on_seat(now, leading(0, ids.a, ids.shard, 3, {}), 1);
  checker.on_seat(now, leading(0, ids.a, ids.shard, 3, {}), 1);
  checker.on_seat(now, leading(1, ids.b, ids.shard, 4, {}), 1);
  CHECK(violations.empty());
  checker.on_seat(now, leading(0, ids.a, ids.shard, 3, {}), 2);
  CHECK(violations.total() == 1);
  auto thief = leading(1, ids.b, ids.shard, 3, {});
  thief.status.promised.node = ids.a;
  checker.on_seat(now, thief, 1);
  CHECK(violations.total() == 2);
}

TEST_CASE("I11 goes red when two deadlines of one shard run at once") {
  const Ids ids;
  Violations violations;
  LeaderLeases checker(violations);
  checker.on_seat(now, leading(0, ids.a, ids.shard, 3, seconds(1)));
  checker.on_seat(now, leading(1, ids.b, ids.other_shard, 3, seconds(1)));
  checker.on_seat(now + seconds(1), leading(1, ids.b, ids.shard, 4, seconds(2)));
  CHECK(violations.empty());
  checker.on_seat(now + seconds(1), leading(0, ids.a, ids.shard, 5, seconds(3)));
  CHECK(violations.total() == 1);
}

TEST_CASE("I10 goes red when two nodes of a shard serve at one instant") {
  const Ids ids;
  Violations violations;
  OnePrimary checker(violations);
  CoresSeen cores{serving(0, ids.shard, seconds(1), 4), serving(1, ids.other_shard, seconds(1), 4)};
  checker.on_core(now, cores[0], cores);
  CHECK(violations.empty());
  cores.push_back(serving(2, ids.shard, milliseconds(1), 5));
  checker.on_core(now + milliseconds(1), cores[2], cores);  // its claim has just ended
  CHECK(violations.empty());
  checker.on_core(now, cores[2], cores);
  CHECK(violations.total() == 1);
}

TEST_CASE("I9 goes red when a leased member is behind a settled revision") {
  const Ids ids;
  Violations violations;
  Acknowledged checker(violations);
  const CoresSeen cores{serving(0, ids.shard, seconds(1), 7), serving(1, ids.shard, seconds(1), 6)};
  checker.on_settled(now, 0, ids.shard, 6, cores);
  checker.on_settled(now + seconds(1), 0, ids.shard, 7, cores);  // the lease is over
  checker.on_settled(now, 0, ids.other_shard, 9, cores);
  CHECK(violations.empty());
  checker.on_core(now, cores[0]);
  checker.on_core(now + seconds(1), cores[1]);
  CHECK(violations.empty());
  SECTION("when it is settled") { checker.on_settled(now, 0, ids.shard, 7, cores); }
  SECTION("or gets its lease later") { checker.on_core(now, cores[1]); }
  CHECK(violations.total() == 1);
}

TEST_CASE("I16 goes red when a leased peer is reported FAIL") {
  const Ids ids;
  Violations violations;
  FailedPeers checker(violations);
  auto peer = serving(1, ids.shard, seconds(1), 1);
  peer.id = ids.b;
  contract::MembershipChanged view{
      ids.a, ids.shard, {{ids.b, ids.shard, {}, contract::Health::pfail, {}, {}}}};
  checker.on_membership(now, 0, view, {peer}, true);
  view.members[0].health = contract::Health::fail;
  peer.leased_since = now - seconds(1);
  checker.on_membership(now, 3, view, {peer}, false);  // second-hand, overtaken by a new lease
  CHECK(violations.empty());
  checker.on_membership(now, 0, view, {peer}, true);
  CHECK(violations.total() == 1);
}

TEST_CASE("I4 goes red when a committed register changes, vanishes or falls back") {
  const Ids ids;
  Violations violations;
  Commits checker(violations);
  checker.on_shown(now, 0, ids.shard, update(1, false, {reg("test:a", "x", 1)}));
  checker.on_shown(now, 0, ids.shard, update(2, false, {reg("test:b", "y", 2)}));
  checker.on_shown(now, 1, ids.shard, update(2, true, {reg("test:a", "x", 1), reg("test:b", "y", 2)}));
  CHECK(violations.empty());
  SECTION("changes") { checker.on_shown(now, 2, ids.shard, update(1, false, {reg("test:a", "other", 1)})); }
  SECTION("vanishes") { checker.on_shown(now, 2, ids.shard, update(3, true, {reg("test:a", "x", 1)})); }
  SECTION("falls back") { checker.on_shown(now, 0, ids.shard, update(1, true, {reg("test:a", "x", 1)})); }
  SECTION("was acknowledged otherwise") {
    checker.on_acknowledged(now, 1, ids.shard, 2, {{"test:c", "z", std::nullopt}});
  }
  CHECK(violations.first()[0].invariant == "I4");
}

TEST_CASE("I6 goes red when a revision is skipped, I7 when a batch overwrote what it did not expect") {
  const Ids ids;
  Violations violations;
  Commits checker(violations);
  checker.on_shown(now, 0, ids.shard, update(1, false, {reg("test:a", "x", 1)}));
  SECTION("skipped") {
    checker.on_shown(now, 0, ids.shard, update(3, false, {}));
    CHECK(violations.first()[0].invariant == "I6");
  }
  SECTION("overwrote") {
    checker.on_acknowledged(now, 0, ids.shard, 2, {{"test:a", "y", std::nullopt}});
    CHECK(violations.first()[0].invariant == "I7");
  }
}

TEST_CASE("I8 goes red when a refused proposal commits, or a ticket is answered twice") {
  Violations violations;
  Answers checker(violations);
  checker.on_proposed(0, 1, "v1", now);
  checker.on_proposed(0, 2, "v2", now);
  checker.on_completed(now, 0, 1, contract::Outcome::unknown);
  checker.on_completed(now, 0, 2, contract::Outcome::stale);
  checker.on_committed_value(now, 0, "v1");
  CHECK(violations.empty());
  CHECK(checker.open_count() == 0);
  checker.on_committed_value(now, 0, "v2");
  CHECK(violations.total() == 1);
  checker.on_completed(now, 0, 2, contract::Outcome::ok);
  CHECK(violations.total() == 2);
}
