#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "sim/network.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
struct World {
  Scheduler scheduler;
  std::vector<std::pair<std::int64_t, std::string>> arrived;  // when, what
  int failures = 0;
  Network network;
  Address a = Address::v4(10, 0, 0, 1, 1), b = Address::v4(10, 0, 0, 2, 1);

  explicit World(std::uint64_t seed)
      : network(scheduler, Rng(seed),
                {[this](NodeIndex, const Parcel& parcel) {
                   arrived.emplace_back(scheduler.now().ns, parcel.bytes);
                 },
                 [this](NodeIndex, std::uint64_t, const Address&) { ++failures; }}) {
    network.bind(a, 0);
    network.bind(b, 1);
  }
  void datagram(std::string bytes) { network.send_datagram({0, a, b, false, std::move(bytes)}); }
  void frame(std::string bytes) { network.send_frame({0, a, b, true, std::move(bytes)}, 1); }
  void pass(Duration duration) { scheduler.run_until(scheduler.now() + duration); }
};

Weather foul() {
  Weather weather;
  weather.loss_ppm = 200'000;
  weather.duplicate_ppm = 100'000;
  weather.straggler_ppm = 100'000;
  weather.corrupt_ppm = 50'000;
  weather.delay_max = milliseconds(20);
  return weather;
}
}  // namespace

TEST_CASE("one seed gives one history of the network, another seed another") {
  const auto history = [](std::uint64_t seed) {
    World world(seed);
    world.network.set_weather(foul());
    for (int i = 0; i < 300; ++i) {
      world.datagram("datagram " + std::to_string(i));
      if (i % 10 == 0) world.frame("frame " + std::to_string(i));
      world.pass(milliseconds(1));
    }
    world.pass(seconds(10));
    return world.arrived;
  };
  CHECK(history(5) == history(5));
  CHECK(history(5) != history(6));
}

TEST_CASE("foul weather loses, duplicates, reorders and corrupts datagrams") {
  World world(9);
  world.network.set_weather(foul());
  for (int i = 0; i < 500; ++i) world.datagram(std::to_string(1'000 + i));
  world.pass(seconds(10));
  CHECK(world.network.counts().lost > 50);
  CHECK(world.network.counts().duplicated > 20);
  CHECK(world.network.counts().corrupted > 5);
  bool reordered = false;
  for (std::size_t i = 1; i < world.arrived.size(); ++i) {
    reordered = reordered || world.arrived[i].second < world.arrived[i - 1].second;
  }
  CHECK(reordered);
}

TEST_CASE("streams keep order and lose nothing in the same weather") {
  World world(9);
  world.network.set_weather(foul());
  for (int i = 0; i < 100; ++i) world.frame(std::to_string(1'000 + i));
  world.pass(seconds(120));
  REQUIRE(world.arrived.size() == 100);
  for (std::size_t i = 1; i < world.arrived.size(); ++i)
    CHECK(world.arrived[i - 1].second < world.arrived[i].second);
}

TEST_CASE("a stream waits out a short cut and fails after a long one") {
  World world(2);
  world.network.cut(0, 1);
  world.frame("patient");
  world.pass(seconds(1));
  CHECK(world.arrived.empty());
  world.network.mend(0, 1);
  world.pass(seconds(1));
  CHECK(world.arrived.size() == 1);
  world.network.cut(1, 0);  // no acknowledgement comes back
  world.frame("lost");
  world.pass(seconds(10));
  CHECK(world.arrived.size() == 1);
  CHECK(world.failures == 1);
}

TEST_CASE("a cut is one-way for datagrams") {
  World world(2);
  world.network.cut(1, 0);
  world.datagram("through");
  world.pass(seconds(1));
  CHECK(world.arrived.size() == 1);
  world.network.cut(0, 1);
  world.datagram("stopped");
  world.pass(seconds(1));
  CHECK(world.arrived.size() == 1);
}

TEST_CASE("a parcel reaches whoever has the address when it arrives") {
  World world(2);
  world.datagram("to the address");
  world.network.unbind(world.b);
  world.pass(seconds(1));
  CHECK(world.arrived.empty());
  world.frame("refused");
  world.pass(seconds(1));
  CHECK(world.failures == 1);
}
