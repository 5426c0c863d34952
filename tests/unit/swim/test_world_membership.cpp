// Coming and going in the virtual world: restarts, leaving, forgetting, moving, partitions that heal, seeds.
#include <catch2/catch_test_macros.hpp>

#include "world.hpp"

using namespace vswim;
using namespace vswim::swim;
using namespace vswim::swim::test;

namespace {

bool all_know_generation(World& world, std::size_t member, std::uint64_t generation) {
  for (std::size_t i = 0; i < world.size(); ++i) {
    if (i == member || !world.running(i)) continue;
    const auto view = world.swim(i).find(world.id(member));
    if (!view || view->record.life.generation.value != generation || view->record.status != Status::alive)
      return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a restart is a new life, never mistaken for the old one") {
  World world(21);
  world.add_cluster(10);
  const auto hints = world.swim(1).snapshot();
  MemberUpdate old_life = world.swim(0).self();
  world.restart(0, hints);
  REQUIRE(world.run_until_true(seconds(5), [&] { return all_know_generation(world, 0, 2); }));
  old_life.status = Status::dead;
  world.swim(3).merge(world.now(), std::vector{old_life}, false);
  world.collect(3);
  CHECK(world.sees(3, 0, Status::alive));
  world.run_for(seconds(5));
  CHECK(world.node(0).refutations == 0);
  CHECK(all_know_generation(world, 0, 2));
}

TEST_CASE("a node that restarts without any memory is found again by those who know it") {
  World world(22);
  world.add_cluster(5);
  world.restart(0);
  CHECK(world.run_until_true(seconds(30), [&] { return all_know_generation(world, 0, 2); }));
  CHECK(world.run_until_true(seconds(30), [&] { return world.all_see_all_alive(); }));
}

TEST_CASE("a dead node that comes back under another address is the same node") {
  World world(23);
  world.add_cluster(5);
  const auto hints = world.swim(1).snapshot();
  world.kill(0);
  REQUIRE(world.run_until_true(seconds(60), [&] { return world.all_see(0, Status::dead); }));
  const Address elsewhere = World::address_of(77);
  world.move(0, elsewhere);
  world.restart(0, hints);
  REQUIRE(world.run_until_true(seconds(5), [&] { return all_know_generation(world, 0, 2); }));
  for (std::size_t i = 1; i < 5; ++i) {
    CHECK(world.swim(i).find(world.id(0))->record.address == elsewhere);
    CHECK(world.swim(i).members().size() == 5);
  }
}

TEST_CASE("a new address or shard within one life reaches everybody") {
  World world(24);
  world.add_cluster(10);
  const ShardId shard = Rng(99).id<ShardId>();
  const Address address = world.swim(0).self().address;
  world.swim(0).set_self(world.now(), address, shard, Epoch{4});
  world.collect(0);
  CHECK(world.run_until_true(seconds(3), [&] {
    for (std::size_t i = 1; i < 10; ++i) {
      const auto record = world.swim(i).find(world.id(0))->record;
      if (record.shard != shard || record.shard_epoch != Epoch{4}) return false;
    }
    return true;
  }));
}

TEST_CASE("leaving is told, not detected") {
  World world(25);
  world.add_cluster(20);
  world.swim(0).leave(world.now());
  world.collect(0);
  CHECK(world.swim(0).next_deadline() == Instant::never());
  world.run_for(milliseconds(20));
  world.kill(0);
  bool suspected = false;
  world.on_changed = [&](std::size_t observer, const NodeId& member) {
    const auto status = world.swim(observer).find(member)->record.status;
    if (status == Status::suspect || status == Status::dead) suspected = true;
  };
  CHECK(world.run_until_true(seconds(2), [&] { return world.all_see(0, Status::left); }));
  world.run_for(seconds(60));
  CHECK_FALSE(suspected);
}

TEST_CASE("leaving is heard in a cluster of two that loses every third datagram") {
  std::size_t heard = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    World world(seed);
    world.add_cluster(2);
    world.loss_per_million = 333'333;
    world.swim(0).leave(world.now());
    world.collect(0);
    world.run_for(milliseconds(20));
    heard += world.sees(1, 0, Status::left) ? 1 : 0;
  }
  CHECK(heard == 20);
}

TEST_CASE("a forgotten node stays out though it restarts, until its join number is raised") {
  World world(27);
  world.add_cluster(6);
  world.swim(1).forget(world.now(), world.id(0));
  world.collect(1);
  REQUIRE(world.run_until_true(seconds(3), [&] { return world.all_see(0, Status::forgotten); }));
  CHECK(world.swim(2).is_forgotten(world.id(0), JoinNumber{1}));
  CHECK_FALSE(world.swim(2).is_forgotten(world.id(0), JoinNumber{2}));
  CHECK(world.run_until_true(seconds(3), [&] { return world.node(0).self_forgotten; }));

  // A zombie: same join number, next generation, seeds and all.
  world.restart(0);
  world.swim(0).set_seeds({World::address_of(2), World::address_of(3)});
  world.collect(0);
  world.run_for(seconds(30));
  CHECK(world.all_see(0, Status::forgotten));
  CHECK(world.node(0).self_forgotten);
  CHECK(world.swim(0).next_deadline() == Instant::never());

  world.swim(0).set_self_join(world.now(), JoinNumber{2});
  world.collect(0);
  CHECK(world.run_until_true(seconds(10), [&] { return world.all_see_all_alive(); }));
  world.run_for(seconds(30));
  CHECK(world.all_see_all_alive());
}

TEST_CASE("a zombie that comes back after the rumour has died down is told") {
  World world(28);
  world.add_cluster(6);
  const auto hints = world.swim(0).snapshot();
  world.kill(0);
  world.swim(1).forget(world.now(), world.id(0));
  world.collect(1);
  world.run_for(seconds(60));
  REQUIRE(world.all_see(0, Status::forgotten));
  world.restart(0, hints);
  CHECK(world.run_until_true(seconds(5), [&] { return world.node(0).self_forgotten; }));
  CHECK(world.all_see(0, Status::forgotten));
}

TEST_CASE("a node that missed the tombstone is corrected when it speaks of the forgotten one") {
  World world(29);
  world.add_cluster(6);
  world.kill(0);
  world.partition({5});
  world.swim(1).forget(world.now(), world.id(0));
  world.collect(1);
  world.run_for(seconds(3));
  REQUIRE(world.sees(1, 0, Status::forgotten));
  REQUIRE_FALSE(world.sees(5, 0, Status::forgotten));
  world.heal();
  CHECK(world.run_until_true(seconds(60), [&] { return world.all_see(0, Status::forgotten); }));
}

TEST_CASE("a partition heals to one view within seconds, both ways") {
  for (const std::size_t away : {1u, 5u, 10u}) {
    CAPTURE(away);
    World world(30 + away);
    world.add_cluster(20);
    std::set<std::size_t> side;
    for (std::size_t i = 0; i < away; ++i) side.insert(i);
    world.partition(side);
    world.run_for(seconds(120));
    REQUIRE(world.sees(19, 0, Status::dead));
    // Whoever is alone distrusts itself and condemns nobody.
    REQUIRE(world.sees(0, 19, away == 1 ? Status::suspect : Status::dead));
    world.heal();
    CHECK(world.run_until_true(seconds(6), [&] { return world.all_see_all_alive(); }));
    world.run_for(seconds(60));
    CHECK(world.all_see_all_alive());
  }
}

TEST_CASE("two and three nodes find each other again after a partition") {
  for (const std::size_t count : {2u, 3u}) {
    World world(40 + count);
    world.add_cluster(count);
    world.partition({0});
    world.run_for(seconds(100));
    REQUIRE(world.sees(0, 1, Status::dead));
    REQUIRE(world.sees(1, 0, Status::dead));
    world.heal();
    CHECK(world.run_until_true(seconds(4), [&] { return world.all_see_all_alive(); }));
  }
}

TEST_CASE("what a node cut off alone came to suspect is cleared seconds after it is back") {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    World world(90 + seed);
    world.add_cluster(50);
    world.partition({0});
    world.run_for(seconds(20));
    world.heal();
    CHECK(world.run_until_true(seconds(4), [&] { return world.all_see_all_alive(); }));
  }
}

TEST_CASE("a dead member is asked no more beyond the horizon") {
  World world(50);
  world.settings.down_probe_horizon = seconds(100);
  world.add_cluster(2);
  world.kill(1);
  world.run_for(seconds(60));
  REQUIRE(world.sees(0, 1, Status::dead));
  const auto sent_before = world.node(0).sent;
  world.run_for(seconds(30));
  CHECK(world.node(0).sent > sent_before + 20);
  world.run_for(seconds(60));
  CHECK(world.swim(0).next_deadline() == Instant::never());
  CHECK(world.sees(0, 1, Status::dead));
}

TEST_CASE("strangers become a cluster through one seed") {
  for (const std::size_t count : {2u, 3u, 8u}) {
    CAPTURE(count);
    World world(60 + count);
    for (std::size_t i = 0; i < count; ++i) {
      world.add();
      world.swim(i).set_seeds({World::address_of(0)});
      world.collect(i);
    }
    CHECK(world.run_until_true(seconds(10), [&] { return world.all_see_all_alive(); }));
  }
}

TEST_CASE("an announcement to an address makes both sides known") {
  World world(70);
  world.add_cluster(4);
  const std::size_t stranger = world.add();
  world.swim(stranger).announce_to(world.now(), World::address_of(2));
  world.collect(stranger);
  CHECK(world.run_until_true(seconds(10), [&] { return world.all_see_all_alive(); }));
}

TEST_CASE("a seed that was dead is announced to until it is back") {
  World world(71);
  world.add();
  world.add();
  world.kill(1);
  world.swim(0).set_seeds({World::address_of(1)});
  world.collect(0);
  world.run_for(seconds(30));
  world.restart(1);
  CHECK(world.run_until_true(seconds(3), [&] { return world.all_see_all_alive(); }));
}

TEST_CASE("a machine that is alone has nothing to wait for") {
  World world(72);
  world.add();
  CHECK(world.swim(0).next_deadline() == Instant::never());
  world.swim(0).set_seeds({World::address_of(0)});  // itself
  world.collect(0);
  world.run_for(seconds(1));
  CHECK(world.swim(0).next_deadline() == Instant::never());
}

TEST_CASE("a quiet cluster sends one ping and one ack a node and period, whatever its size") {
  for (const std::size_t count : {5u, 50u}) {
    CAPTURE(count);
    World world(73);
    world.add_cluster(count);
    world.run_for(seconds(30));
    const auto before = world.datagrams_sent();
    world.run_for(seconds(100));
    CHECK(world.datagrams_sent() - before <= count * 202);
    CHECK(world.datagrams_sent() - before >= count * 196);
  }
}
