// A thousand nodes in the virtual world.
#include <catch2/catch_test_macros.hpp>

#include "world.hpp"

using namespace vswim;
using namespace vswim::swim;
using namespace vswim::swim::test;

TEST_CASE("a thousand nodes learn of a death by shard evidence within two seconds, and nobody else dies") {
  World world(80);
  world.loss_per_million = 20'000;
  world.add_cluster(1'000);
  world.run_for(seconds(10));
  std::set<NodeId> called_dead;
  world.on_changed = [&](std::size_t observer, const NodeId& member) {
    const auto view = world.swim(observer).find(member);
    if (view && view->record.status == Status::dead) called_dead.insert(member);
  };
  const Life life = world.swim(7).self().life;
  world.kill(7);
  world.run_for(seconds(1));
  world.swim(8).confirm_dead(world.now(), world.id(7), life);
  world.collect(8);
  CHECK(world.run_until_true(seconds(2), [&] { return world.all_see(7, Status::dead); }));
  world.run_for(seconds(44));
  CHECK(called_dead == std::set<NodeId>{world.id(7)});
}

TEST_CASE("half of three hundred die at once and all the others know within a second") {
  World world(82);
  constexpr std::size_t count = 300;
  world.add_cluster(count);
  std::vector<Life> lives;
  for (std::size_t i = 0; i < count; i += 2) {
    lives.push_back(world.swim(i).self().life);
    world.kill(i);
  }
  for (std::size_t i = 0; i < count; i += 2) {
    world.swim(i + 1).confirm_dead(world.now(), world.id(i), lives[i / 2]);
    world.collect(i + 1);
  }
  CHECK(world.run_until_true(seconds(1), [&] {
    for (std::size_t i = 0; i < count; i += 2) {
      if (!world.all_see(i, Status::dead)) return false;
    }
    return true;
  }));
}

TEST_CASE("a thousand nodes find a death alone") {
  World world(81);
  world.add_cluster(1'000);
  world.kill(7);
  CHECK(world.run_until_true(
      seconds(40), [&] { return world.all_see(7, Status::dead); }, seconds(1)));
}
