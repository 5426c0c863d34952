// Failures in the virtual world: who is called dead, how fast, and who never is.
#include <catch2/catch_test_macros.hpp>

#include "world.hpp"

using namespace vswim;
using namespace vswim::swim;
using namespace vswim::swim::test;

TEST_CASE("a death is known to all of a cluster within the suspicion's bounds") {
  for (const std::size_t count : {2u, 3u, 5u, 10u, 20u}) {
    CAPTURE(count);
    World world(count);
    world.add_cluster(count);
    world.kill(0);
    // A round of probes until the first notices (N periods at most), then at most the longest suspicion.
    REQUIRE(world.run_until_true(seconds(30), [&] {
      for (std::size_t i = 1; i < count; ++i) {
        if (world.sees(i, 0, Status::suspect)) return true;
      }
      return false;
    }));
    const Instant suspected_at = world.now();
    CHECK(world.run_until_true(seconds(27), [&] { return world.all_see(0, Status::dead); }));
    CHECK(world.now() - suspected_at >= milliseconds(1'500));
    for (std::size_t i = 1; i < count; ++i)
      CHECK(world.swim(i).find(world.id(i))->record.status == Status::alive);
  }
}

TEST_CASE("confirmations by independent observers shorten a suspicion") {
  World world(5);
  world.add_cluster(20);
  world.kill(3);
  REQUIRE(world.run_until_true(seconds(30), [&] { return world.all_see(3, Status::suspect); }));
  const Instant suspected_at = world.now();
  REQUIRE(world.run_until_true(seconds(40), [&] { return world.all_see(3, Status::dead); }));
  // Unconfirmed it would take 12 * 2 * log10(20) = 31 s.
  CHECK(world.now() - suspected_at < seconds(20));
}

TEST_CASE("second opinions find deaths in a small cluster a second sooner") {
  Duration with{}, without{};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const bool asks : {true, false}) {
      World world(seed);
      if (!asks) world.settings.second_opinions = 0;
      world.add_cluster(10);
      const Instant killed_at = world.now();
      for (const std::size_t victim : {1u, 4u, 7u}) world.kill(victim);
      REQUIRE(world.run_until_true(seconds(60), [&] {
        return world.all_see(1, Status::dead) && world.all_see(4, Status::dead) &&
               world.all_see(7, Status::dead);
      }));
      (asks ? with : without) = (asks ? with : without) + (world.now() - killed_at);
    }
  }
  CAPTURE(with.ms() / 20, without.ms() / 20);
  CHECK(with + seconds(20) < without);
}

TEST_CASE("in a cluster of two the survivor needs nobody's confirmation") {
  World world(2);
  world.add_cluster(2);
  world.kill(1);
  CHECK(world.run_until_true(seconds(8), [&] { return world.sees(0, 1, Status::dead); }));
}

TEST_CASE("ten percent of loss kills nobody in twenty nodes") {
  World world(7);
  world.add_cluster(20);
  world.loss_per_million = 100'000;
  std::size_t deaths = 0;
  world.on_changed = [&](std::size_t observer, const NodeId& member) {
    const auto view = world.swim(observer).find(member);
    if (view && view->record.status == Status::dead) ++deaths;
  };
  world.run_for(seconds(20 * 60));
  CHECK(deaths == 0);
  world.loss_per_million = 0;
  CHECK(world.run_until_true(seconds(60), [&] { return world.all_see_all_alive(); }));
}

TEST_CASE("a death is found under ten percent of loss too") {
  World world(8);
  world.add_cluster(20);
  world.loss_per_million = 100'000;
  world.kill(4);
  CHECK(world.run_until_true(seconds(60), [&] { return world.all_see(4, Status::dead); }));
}

TEST_CASE("a node that hears but whose direct path to one peer is cut is saved by indirect probes") {
  World world(9);
  world.add_cluster(5);
  world.filter = [&](std::size_t from, const Datagram& datagram) {
    const bool between =
        (from == 0 && datagram.to == world.id(1)) || (from == 1 && datagram.to == world.id(0));
    return !between;
  };
  std::size_t suspicions = 0;
  world.on_changed = [&](std::size_t observer, const NodeId& member) {
    if (world.swim(observer).find(member)->record.status != Status::alive) ++suspicions;
  };
  world.run_for(seconds(120));
  CHECK(suspicions == 0);
}

TEST_CASE("a node whose own network fails suspects itself before it calls the others dead") {
  World world(10);
  world.add_cluster(20);
  world.partition({0});
  world.run_for(seconds(15));
  // By now the others have confirmed each other's suspicion of node 0; it has nobody to confirm its own.
  for (std::size_t i = 1; i < world.size(); ++i) CHECK_FALSE(world.sees(0, i, Status::dead));
  CHECK(world.swim(0).local_health() > 1);
}

TEST_CASE("when everybody looks dead at once the fault is looked for here first") {
  World world(15);
  world.add_cluster(4);
  world.partition({0});
  // Three suspects and nobody left to confirm: the minimum (4 s) would hold if there were only one.
  world.run_for(seconds(20));
  for (std::size_t i = 1; i < 4; ++i) CHECK_FALSE(world.sees(0, i, Status::dead));
  CHECK(world.sees(1, 0, Status::dead));
  // It believes it in the end.
  CHECK(world.run_until_true(seconds(60), [&] { return world.sees(0, 1, Status::dead); }));
}

TEST_CASE("a member that has never heard of this node is told who asks and suspected by nobody") {
  World world(16);
  world.add();
  world.add();
  world.swim(0).merge(world.now(), std::vector{world.node(1).identity}, true);
  world.collect(0);
  bool suspected = false;
  world.on_changed = [&](std::size_t observer, const NodeId& member) {
    suspected = suspected || world.swim(observer).find(member)->record.status != Status::alive;
  };
  // Even when the rumours of the first seconds are lost.
  world.filter = [&](std::size_t, const Datagram& datagram) {
    return !std::holds_alternative<Rumours>(datagram.message);
  };
  CHECK(world.run_until_true(seconds(10), [&] { return world.all_see_all_alive(); }));
  CHECK_FALSE(suspected);
}

TEST_CASE("a suspect refutes by raising its incarnation") {
  World world(11);
  world.add_cluster(10);
  const auto before = world.swim(0).self().life;
  MemberUpdate rumour = world.swim(0).self();
  rumour.status = Status::suspect;
  rumour.observers = 1;
  world.swim(5).merge(world.now(), std::vector{rumour}, false);
  world.collect(5);
  REQUIRE(world.sees(5, 0, Status::suspect));
  CHECK(world.run_until_true(seconds(2), [&] {
    return world.all_see(0, Status::alive) && world.swim(0).self().life.incarnation > before.incarnation;
  }));
  CHECK(world.swim(0).self().life.generation == before.generation);
}

TEST_CASE("shard evidence is believed at once and outruns suspicion") {
  World world(12);
  world.add_cluster(50);
  const Life life = world.swim(0).self().life;
  world.kill(0);
  world.run_for(milliseconds(500));
  world.swim(1).confirm_dead(world.now(), world.id(0), life);
  world.collect(1);
  CHECK(world.sees(1, 0, Status::dead));
  const Instant told_at = world.now();
  REQUIRE(world.run_until_true(seconds(3), [&] { return world.all_see(0, Status::dead); }));
  CHECK(world.now() - told_at < seconds(2));
}

TEST_CASE("a live node refutes shard evidence against it") {
  World world(13);
  world.add_cluster(20);
  world.swim(1).confirm_dead(world.now(), world.id(0), world.swim(0).self().life);
  world.collect(1);
  REQUIRE(world.sees(1, 0, Status::dead));
  CHECK(world.run_until_true(seconds(3), [&] { return world.all_see(0, Status::alive); }));
  CHECK(world.node(0).refutations == 1);
  world.run_for(seconds(10));
  CHECK(world.all_see_all_alive());
}

TEST_CASE("evidence about an earlier life says nothing about the present one") {
  World world(14);
  world.add_cluster(5);
  const Life old_life = world.swim(0).self().life;
  world.restart(0, world.swim(1).snapshot());
  REQUIRE(world.run_until_true(seconds(10), [&] {
    return world.all_see(0, Status::alive) &&
           world.swim(1).find(world.id(0))->record.life.generation.value == 2;
  }));
  world.swim(1).confirm_dead(world.now(), world.id(0), old_life);
  world.collect(1);
  CHECK(world.sees(1, 0, Status::alive));
}
