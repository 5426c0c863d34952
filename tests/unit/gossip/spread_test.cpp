// How news spreads: rumours, large news, repair by roots.
#include <catch2/catch_test_macros.hpp>
#include <iostream>

#include "gossip/root_watch.hpp"
#include "gossip/rumour_queue.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::gossip;

namespace {

contract::Batch slots(int first, int count, const std::string& owner) {
  contract::Batch batch;
  for (int slot = first; slot < first + count; ++slot)
    batch.push_back(put("slot" + std::to_string(slot), owner));
  return batch;
}

const auto always = [](const BatchUpdate&) { return true; };
BatchUpdate rumour(std::uint64_t counter) { return {{{"k", "v", {counter, 0, node_id(0)}}}}; }

}  // namespace

TEST_CASE("rumours leave least sent first, newest before others, and end") {
  RumourQueue queue(100);
  queue.push(rumour(1));
  const std::size_t room = Gossip::encoded_bytes(rumour(1));
  REQUIRE(queue.fill(room, 3, always).front() == rumour(1));
  queue.push(rumour(2));
  queue.push(rumour(3));
  REQUIRE(queue.fill(room, 3, always).front() == rumour(3));
  REQUIRE(queue.fill(room, 3, always).front() == rumour(2));
  int more = 0;
  while (!queue.empty()) more += static_cast<int>(queue.fill(room, 3, always).size());
  REQUIRE(more == 6);
}

TEST_CASE("a rumour is sent 4 log10(N + 1) times") {
  REQUIRE(transmissions(4, 9) == 4);
  REQUIRE(transmissions(4, 999) == 12);
  REQUIRE(transmissions(4, 9'999) == 16);
  REQUIRE(transmissions(4, 0) == 1);
}

TEST_CASE("a datagram is never overfilled, and a rumour with nothing left to tell is dropped") {
  RumourQueue queue(100);
  for (std::uint64_t i = 1; i <= 20; ++i) queue.push(rumour(i));
  std::size_t bytes = 0;
  for (const auto& batch : queue.fill(900, 5, always)) bytes += Gossip::encoded_bytes(batch);
  REQUIRE(bytes <= 900);
  REQUIRE(bytes > 600);
  REQUIRE(queue.fill(100'000, 5, [](const BatchUpdate&) { return false; }).empty());
  REQUIRE(queue.empty());
}

TEST_CASE("the queue of rumours is bounded: the most often sent one gives way") {
  RumourQueue queue(3);
  queue.push(rumour(1));
  queue.fill(1'000, 9, always);
  for (std::uint64_t i = 2; i <= 4; ++i) queue.push(rumour(i));
  REQUIRE(queue.size() == 3);
  for (const auto& batch : queue.fill(100'000, 9, always)) REQUIRE(batch != rumour(1));
}

TEST_CASE("a batch too large for rumours is large news, once") {
  Settings settings;
  Gossip writer(settings, node_id(0), Instant{}, Rng(1)), reader(settings, node_id(1), Instant{}, Rng(2));
  REQUIRE_FALSE(writer.take_large_news());
  writer.write(Instant{}, slots(0, 1'000, "me"));
  REQUIRE_FALSE(writer.has_rumours());
  REQUIRE(writer.next_deadline() <= Instant{});
  const auto batches = writer.take_large_batches();
  REQUIRE(batches.size() == 1);
  REQUIRE_FALSE(writer.take_large_news());
  REQUIRE(reader.apply(Instant{}, batches[0]));
  REQUIRE(reader.take_large_batches() == batches);  // it was news: told on
  REQUIRE(reader.apply(Instant{}, batches[0]));
  REQUIRE(reader.take_large_batches().empty());  // it was not
  REQUIRE(reader.root() == writer.root());
}

TEST_CASE("large news by a repair is told on, paced, and a first snapshot is not") {
  Settings settings;
  Gossip writer(settings, node_id(0), Instant{}, Rng(1)), reader(settings, node_id(1), Instant{}, Rng(2));
  writer.write(Instant{}, slots(0, 1'000, "me"));
  REQUIRE(writer.take_large_news());
  REQUIRE_FALSE(writer.take_large_news());
  writer.write(Instant{}, slots(1'000, 1'000, "me"));
  REQUIRE_FALSE(writer.take_large_news());
  writer.on_timer(writer.next_deadline());
  REQUIRE(writer.take_large_news());

  reader.apply_snapshot(Instant{}, writer.snapshot());
  REQUIRE_FALSE(reader.take_large_news());
  writer.write(Instant{} + seconds(1), slots(2'000, 1'000, "me"));
  reader.apply_snapshot(Instant{} + seconds(1), writer.snapshot());
  REQUIRE(reader.take_large_news());
  reader.apply_snapshot(Instant{} + seconds(2), writer.snapshot());
  REQUIRE_FALSE(reader.take_large_news());
}

TEST_CASE("too much large news at once becomes a repair") {
  Settings settings;
  settings.large_news_bytes_max = 200'000;
  Gossip writer(settings, node_id(0), Instant{}, Rng(1));
  for (int i = 0; i < 10; ++i) writer.write(Instant{}, slots(i * 1'000, 1'000, "me"));
  REQUIRE(writer.take_large_batches().empty());
  REQUIRE(writer.take_large_news());
}

TEST_CASE(
    "a peer that differs three times over three periods is repaired with, and where that brings nothing more "
    "and "
    "more rarely") {
  RootWatch watch(seconds(1), Rng(1));
  Instant now{};
  int exchanges = 0;
  const auto next_repair = [&] {
    for (;;) {
      now = now + milliseconds(500);
      ++exchanges;
      if (watch.on_root(now, node_id(1), false)) return;
    }
  };
  next_repair();
  REQUIRE(now >= Instant{} + seconds(3));
  REQUIRE(now <= Instant{} + seconds(4));
  watch.on_repaired(false);
  next_repair();
  Duration last{};
  for (int i = 0; i < 6; ++i) {
    const Instant before = now;
    watch.on_repaired(false);
    next_repair();
    REQUIRE(now - before >= last - seconds(1));
    last = now - before;
  }
  REQUIRE(last >= seconds(90));
  REQUIRE(last <= seconds(100));
}

TEST_CASE("an equal root ends the suspicion against a peer") {
  RootWatch watch(seconds(1), Rng(1));
  for (int i = 0; i < 100; ++i) {
    REQUIRE_FALSE(watch.on_root(Instant{} + seconds(i), node_id(1), i % 3 == 2));
  }
}

TEST_CASE("one who differs from everybody finds out without meeting anybody twice") {
  RootWatch watch(seconds(1), Rng(1));
  bool repaired = false;
  for (std::size_t i = 0; i < 5; ++i) {
    repaired =
        repaired || watch.on_root(Instant{} + seconds(static_cast<std::int64_t>(i)), node_id(i), false);
  }
  REQUIRE(repaired);
}

TEST_CASE("the watch over peers is bounded") {
  RootWatch watch(seconds(1), Rng(1));
  for (std::size_t i = 0; i < 5'000; ++i) watch.on_root(Instant{} + milliseconds(1), node_id(i), false);
  REQUIRE(watch.peers() <= RootWatch::peers_max);
}

TEST_CASE("small writes reach everybody by rumours, under loss too") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world({.nodes = 30, .loss_per_million = 200'000, .seed = seed});
    for (std::size_t i = 0; i < 30; ++i) world.write(i, {put("node" + std::to_string(i), "here")});
    REQUIRE(world.time_to_equal(seconds(30)) < seconds(20));
    REQUIRE(world.nodes[7].live().size() == 30);
    const auto repairs = world.repairs;
    world.run_for(seconds(30));
    REQUIRE(world.repairs == repairs);  // quiet: nobody repairs what is equal
    REQUIRE(world.all_equal());
  }
}

TEST_CASE("what rumours missed is repaired by roots, in parts and by whole snapshots") {
  for (const bool parts : {true, false}) {
    World world({.nodes = 6, .repairs_by_parts = parts, .seed = 3});
    world.write(0, {put("k", "v")});
    while (world.nodes[0].has_rumours()) world.nodes[0].fill(10'000, 6);  // all rumours lost
    REQUIRE(world.time_to_equal(seconds(120)) < seconds(60));
    REQUIRE(world.nodes[5].find("k"));
  }
}

TEST_CASE("16 384 slots cross a small cluster well within a second, as batches and by repairs") {
  for (const bool batches : {true, false}) {
    World world({.nodes = 9, .loss_per_million = 50'000, .streams_batches = batches, .seed = 4});
    for (std::size_t i = 0; i < 9; ++i) world.write(i, {put("node" + std::to_string(i), "here")});
    world.run_for(seconds(20));
    world.write(0, slots(0, 16'384, "owner"));
    const Duration took = world.time_to_equal(seconds(20));
    std::cout << "16 384 registers to 9 nodes as " << (batches ? "batches: " : "repairs: ") << took.ms()
              << " ms, " << world.repairs << " repairs\n";
    REQUIRE(took < milliseconds(1'000));
  }
}

TEST_CASE("sides that wrote apart are equal soon after they meet again") {
  World world({.nodes = 10, .loss_per_million = 100'000, .seed = 5});
  for (std::size_t i = 0; i < 10; ++i) world.write(i, {put("node" + std::to_string(i), "0")});
  world.run_for(seconds(20));
  world.side = {0, 1, 2};
  for (int round = 0; round < 20; ++round) {
    world.write(1, {put("both", "few" + std::to_string(round)), put("few", "x" + std::to_string(round))});
    world.write(8, {put("both", "many" + std::to_string(round))});
    if (round == 5) world.write(8, {erase("node9", std::nullopt)});
    world.run_for(seconds(2));
  }
  REQUIRE_FALSE(world.all_equal());
  world.side.clear();
  REQUIRE(world.time_to_equal(seconds(120)) < seconds(60));
  REQUIRE_FALSE(world.nodes[0].find("node9"));
}
