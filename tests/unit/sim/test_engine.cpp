#include <catch2/catch_test_macros.hpp>

#include "sim/engine.hpp"

using namespace vswim;
using namespace vswim::sim;

namespace {
// Two engines and a wire between them; messages arrive at once.
struct Pair {
  WorldTime now{1'000'000'000};
  Engine primary{std::nullopt, now, Rng(1)};
  Engine replica{std::nullopt, now, Rng(2)};
  bool may_feed = true;

  void tick(int times) {
    for (int i = 0; i < times; ++i) {
      now = now + Engine::tick_interval;
      primary.on_tick(now);
      replica.on_tick(now);
      for (int round = 0; round < 4; ++round) {
        for (auto& out : replica.take_outgoing()) primary.on_message(now, 1, out.message, may_feed);
        for (auto& out : primary.take_outgoing()) replica.on_message(now, 0, out.message, false);
      }
    }
  }
  void form() {
    primary.apply(now, core::Promote{});
    replica.apply(now, core::Follow{{}, "10.0.0.1", 6379});
    tick(30);
  }
};
}  // namespace

TEST_CASE("a replica syncs fully once, then streams") {
  Pair pair;
  pair.primary.apply(pair.now, core::Promote{});
  pair.primary.write("a", "1");
  pair.form();
  CHECK(pair.replica.report(pair.now).link_up);
  CHECK(pair.replica.report(pair.now).completed_sync);
  CHECK(pair.replica.data() == pair.primary.data());
  const auto full = pair.replica.syncs().full;
  pair.primary.write("b", "2");
  pair.tick(2);
  CHECK(pair.replica.data().at("b") == "2");
  CHECK(pair.replica.report(pair.now).offset == pair.primary.report(pair.now).offset);
  CHECK(pair.replica.syncs().full == full);
}

TEST_CASE("a refused sync leaves the replica its data and its history") {
  Pair pair;
  pair.primary.apply(pair.now, core::Promote{});
  pair.primary.write("a", "1");
  pair.form();
  const auto history = pair.replica.report(pair.now).history;
  pair.primary = Engine(std::nullopt, pair.now, Rng(3));  // restarted empty
  pair.primary.apply(pair.now, core::Promote{});
  pair.may_feed = false;
  pair.tick(100);
  CHECK_FALSE(pair.replica.report(pair.now).link_up);
  CHECK(pair.replica.data().size() == 1);
  CHECK(pair.replica.report(pair.now).history == history);
}

TEST_CASE("a replica of an empty new primary is wiped, and the engine says so") {
  Pair pair;
  pair.primary.apply(pair.now, core::Promote{});
  pair.primary.write("a", "1");
  pair.form();
  pair.primary = Engine(std::nullopt, pair.now, Rng(3));
  pair.primary.apply(pair.now, core::Promote{});
  pair.tick(100);
  CHECK(pair.replica.data().empty());
  CHECK(pair.replica.syncs().wiped == 1);
}

TEST_CASE("after a promotion the old primary resyncs partially if it has nothing more") {
  Pair pair;
  pair.primary.apply(pair.now, core::Promote{});
  pair.primary.write("a", "1");
  pair.form();
  std::swap(pair.primary, pair.replica);
  pair.primary.apply(pair.now, core::Promote{});
  pair.primary.write("b", "2");
  pair.replica.apply(pair.now, core::Follow{{}, "10.0.0.2", 6379});
  pair.tick(30);
  CHECK(pair.replica.syncs().partial == 1);
  CHECK(pair.replica.data() == pair.primary.data());
}

TEST_CASE("counts per slot are exact through writes, deletions and syncs") {
  Pair pair;
  pair.primary.apply(pair.now, core::Promote{});
  for (int i = 0; i < 50; ++i) pair.primary.write("key" + std::to_string(i % 20), "v");
  pair.primary.write("key3", std::nullopt);
  pair.form();
  std::uint32_t total = 0;
  for (const auto count : pair.replica.counts().keys) total += count;
  CHECK(total == 19);
  pair.primary.apply(pair.now, core::DropSlots{{core::key_slot("key4")}});
  pair.tick(2);
  CHECK_FALSE(pair.replica.data().contains("key4"));
}
