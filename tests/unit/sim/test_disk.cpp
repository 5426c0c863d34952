#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sim/disk.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
struct World {
  Scheduler scheduler;
  Disk disk;
  std::vector<std::uint64_t> persisted;
  explicit World(std::uint64_t seed) : disk(scheduler, Rng(seed)) {}
  void write(std::uint64_t sequence, bool rewrite, std::string bytes) {
    disk.write(sequence, rewrite, std::move(bytes),
               [this](std::uint64_t done) { persisted.push_back(done); });
  }
  void settle() { scheduler.run_until(scheduler.now() + seconds(10)); }
};
}  // namespace

TEST_CASE("writes become durable in order, and a rewrite replaces what was there") {
  World world(1);
  world.write(1, false, "one");
  world.write(2, false, "two");
  world.write(3, true, "three");
  world.write(4, false, "four");
  CHECK(world.disk.contents().empty());
  world.settle();
  CHECK(world.disk.contents() == "threefour");
  CHECK(world.persisted == std::vector<std::uint64_t>{1, 2, 3, 4});
}

TEST_CASE("a crash keeps everything reported and at most a prefix of the rest") {
  bool kept_something = false, lost_everything = false, tore = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    World world(seed);
    world.write(1, false, "AAAA");
    world.settle();
    world.write(2, false, "BBBB");
    world.write(3, false, "CCCC");
    world.disk.crash();
    world.settle();
    CHECK(world.persisted == std::vector<std::uint64_t>{1});
    const std::string whole = "AAAABBBBCCCC";
    REQUIRE(whole.starts_with(world.disk.contents()));
    REQUIRE(world.disk.contents().starts_with("AAAA"));
    kept_something = kept_something || world.disk.contents().size() >= 8;
    lost_everything = lost_everything || world.disk.contents().size() == 4;
    tore = tore || world.disk.contents().size() % 4 != 0;
  }
  CHECK(kept_something);
  CHECK(lost_everything);
  CHECK(tore);
}

TEST_CASE("a rewrite that was under way at a crash happened wholly or not at all") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    World world(seed);
    world.write(1, false, "old");
    world.settle();
    world.write(2, true, "new file");
    world.disk.crash();
    const bool whole = world.disk.contents() == "old" || world.disk.contents() == "new file";
    CHECK(whole);
  }
}

TEST_CASE("a stalled disk reports nothing until it moves again") {
  World world(3);
  world.disk.stall_until(world.scheduler.now() + seconds(5));
  world.write(1, false, "x");
  world.scheduler.run_until(world.scheduler.now() + seconds(4));
  CHECK(world.persisted.empty());
  world.settle();
  CHECK(world.persisted.size() == 1);
}
