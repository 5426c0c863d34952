#include "gossip/gossip.hpp"

#include <catch2/catch_test_macros.hpp>

#include "gossip/conflict.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::gossip;

namespace {

constexpr Instant t0{1'000'000'000};

Gossip machine(std::size_t index, const Settings& settings = {}) {
  return Gossip(settings, node_id(index), t0, Rng(index));
}
BatchUpdate only_rumour(Gossip& node) {
  auto batches = node.fill(100'000, 10);
  REQUIRE(batches.size() == 1);
  return batches.front();
}
BatchUpdate batch_of(std::string key, std::optional<std::string> value, std::uint64_t counter,
                     std::size_t writer) {
  return {{{std::move(key), std::move(value), {counter, 0, node_id(writer)}}}};
}

}  // namespace

TEST_CASE("an own write is visible, reported and told around") {
  Gossip node = machine(0);
  REQUIRE(node.write(t0, {put("a", "1"), put("b", "2")}) == WriteOutcome::ok);
  REQUIRE(node.find("a")->value == "1");
  const Output output = node.take_output();
  REQUIRE(output.changed.size() == 2);
  REQUIRE(output.changed[0].revision == output.changed[1].revision);
  REQUIRE(only_rumour(node).registers == output.changed);
}

TEST_CASE("a write with a stale revision changes nothing, whichever part is stale") {
  Gossip node = machine(0);
  REQUIRE(node.write(t0, {put("a", "1")}) == WriteOutcome::ok);
  const Revision first = node.find("a")->revision;
  const Hash128 root = node.root();
  node.take_output();
  REQUIRE(node.write(t0, {put("new", "x"), put("a", "2")}) == WriteOutcome::stale);
  REQUIRE(node.write(t0, {put("new", "x", first)}) == WriteOutcome::stale);
  REQUIRE(node.root() == root);
  REQUIRE_FALSE(node.find("new"));
  REQUIRE(node.take_output().changed.empty());
  REQUIRE(node.write(t0, {put("new", "x"), put("a", "2", first)}) == WriteOutcome::ok);
  REQUIRE(node.write(t0, {put("a", "3", first)}) == WriteOutcome::stale);
}

TEST_CASE("an expected absence matches a deleted register, and so does its revision") {
  Gossip node = machine(0);
  node.write(t0, {put("a", "1")});
  REQUIRE(node.write(t0, {erase("a", node.find("a")->revision)}) == WriteOutcome::ok);
  REQUIRE_FALSE(node.find("a"));
  node.take_output();
  REQUIRE(node.write(t0, {put("a", "2")}) == WriteOutcome::ok);
  const Revision again = node.take_output().changed[0].revision;
  REQUIRE(node.write(t0, {erase("a", again)}) == WriteOutcome::ok);
  const Revision deleted = node.take_output().changed[0].revision;
  REQUIRE(node.write(t0, {put("a", "3", deleted)}) == WriteOutcome::ok);
}

TEST_CASE("a conflict has the same winner on both sides, and the loser is told") {
  Gossip left = machine(0), right = machine(1);
  left.write(t0, {put("k", "left")});
  right.write(t0, {put("k", "right")});
  left.take_output();
  right.take_output();
  const BatchUpdate from_left = only_rumour(left), from_right = only_rumour(right);
  REQUIRE(left.apply(t0, from_right));
  REQUIRE(right.apply(t0, from_left));
  REQUIRE(left.find("k")->value == "right");  // equal counters: the greater writer id
  REQUIRE(left.root() == right.root());
  REQUIRE(left.take_output().changed == from_right.registers);
  REQUIRE(right.take_output().changed.empty());
}

TEST_CASE("a batch is applied as one group, without the parts that were superseded") {
  Gossip node = machine(0), other = machine(1);
  other.write(t0, {put("a", "1"), put("b", "1"), put("c", "1")});
  const BatchUpdate batch = only_rumour(other);
  node.apply(t0, batch_of("b", "newer", 9, 2));
  node.take_output();
  REQUIRE(node.apply(t0, batch));
  const Output output = node.take_output();
  REQUIRE(output.changed.size() == 2);
  REQUIRE(node.find("b")->value == "newer");
  REQUIRE(node.apply(t0, batch));
  REQUIRE(node.take_output().changed.empty());
}

TEST_CASE("a relayed batch is whole, also when a part was superseded at the relay") {
  Gossip relay = machine(0), writer = machine(1);
  writer.write(t0, {put("a", "1"), put("b", "1")});
  relay.apply(t0, batch_of("b", "newer", 9, 2));
  relay.fill(10'000, 1);  // told often enough for a cluster of one
  relay.fill(10'000, 1);
  REQUIRE_FALSE(relay.has_rumours());
  relay.apply(t0, only_rumour(writer));
  REQUIRE(only_rumour(relay).registers.size() == 2);
}

TEST_CASE("a write is greater than everything seen, whatever its key") {
  Gossip node = machine(0);
  node.apply(t0, batch_of("other", "x", 41, 1));
  node.write(t0, {put("mine", "1")});
  REQUIRE(node.find("mine")->revision == Revision{42, 0, node_id(0)});
}

TEST_CASE("revisions go on after a reset of the namespace") {
  Gossip node = machine(0);
  node.write(t0, {put("k", "1")});
  const Revision before = node.find("k")->revision;
  node.clear(t0);
  REQUIRE(node.root() == Hash128{});
  REQUIRE_FALSE(node.has_rumours());
  REQUIRE(node.take_output().changed.empty());
  node.write(t0, {put("k", "2")});
  REQUIRE(node.find("k")->revision > before);
}

TEST_CASE(
    "a revision given out twice by a writer without memory has one winner and unequal roots until then") {
  Gossip left = machine(0), right = machine(1);
  left.apply(t0, batch_of("k", "one", 5, 2));
  right.apply(t0, batch_of("k", "two", 5, 2));
  REQUIRE(left.root() != right.root());
  left.apply_snapshot(t0, right.snapshot());
  right.apply_snapshot(t0, left.snapshot());
  REQUIRE(left.root() == right.root());
  REQUIRE(left.find("k")->value == "two");
}

TEST_CASE("the root depends on what is there, not on how it came") {
  Gossip one = machine(0), other = machine(1);
  const auto a = batch_of("a", "1", 1, 2), b = batch_of("b", "2", 2, 3),
             c = batch_of("a", std::nullopt, 3, 3);
  for (const auto* batch : {&a, &b, &c}) one.apply(t0, *batch);
  for (const auto* batch : {&c, &b, &a, &b}) other.apply(t0, *batch);
  REQUIRE(one.root() == other.root());
  REQUIRE(one.root() != Hash128{});
  one.apply(t0, batch_of("b", std::nullopt, 4, 2));
  REQUIRE(one.root() == Hash128{});
}

TEST_CASE("what is over a limit is refused and changes nothing") {
  Settings settings;
  settings.key_bytes_max = 4;
  settings.value_bytes_max = 8;
  settings.registers_max = 3;
  Gossip node = machine(0, settings);
  const std::string long_key(5, 'k'), long_value(9, 'v');
  REQUIRE(node.write(t0, {}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put("", "v")}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put(long_key, "v")}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put("k", long_value)}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put("k", "1"), put("k", "2")}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put("a", ""), put("b", ""), put("c", ""), put("d", "")}) == WriteOutcome::invalid);
  REQUIRE(node.write(t0, {put("a", ""), put("b", ""), put("c", "")}) == WriteOutcome::ok);
  const Hash128 root = node.root();
  REQUIRE(node.write(t0, {put("d", "")}) == WriteOutcome::invalid);

  REQUIRE_FALSE(node.apply(t0, {}));
  REQUIRE_FALSE(node.apply(t0, batch_of(long_key, "v", 9, 1)));
  REQUIRE_FALSE(node.apply(t0, batch_of("a", long_value, 9, 1)));
  REQUIRE_FALSE(node.apply(t0, batch_of("d", "v", 9, 1)));
  REQUIRE_FALSE(node.apply(t0, batch_of("a", "v", 0, 1)));
  REQUIRE_FALSE(node.apply(t0, batch_of("a", "v", counter_max + 1, 1)));
  REQUIRE_FALSE(node.apply(t0, {{{"a", "v", {9, 1, node_id(1)}}}}));
  REQUIRE_FALSE(node.apply(t0, {{{"a", "v", {9, 0, {}}}}}));
  REQUIRE_FALSE(node.apply(t0, {{{"a", "v", {9, 0, node_id(1)}}, {"a", "w", {9, 0, node_id(1)}}}}));
  REQUIRE_FALSE(node.apply(t0, {{{"a", "v", {9, 0, node_id(1)}}, {"b", "w", {8, 0, node_id(1)}}}}));
  REQUIRE_FALSE(node.apply_snapshot(t0, {{{"a", "v", {9, 0, node_id(1)}}, {"d", "w", {8, 0, node_id(1)}}}}));
  REQUIRE(node.root() == root);
  REQUIRE(node.apply(t0, batch_of("a", "v", 9, 1)));
}

TEST_CASE("the greatest counter ends writing, not the process") {
  Gossip node = machine(0);
  REQUIRE(node.apply(t0, batch_of("a", "v", counter_max, 1)));
  REQUIRE(node.write(t0, {put("b", "1")}) == WriteOutcome::invalid);
}

TEST_CASE("a deleted register does not come back within the horizon, also not by a snapshot") {
  Gossip node = machine(0), old = machine(1);
  old.apply(t0, batch_of("k", "old", 5, 2));
  node.apply(t0, batch_of("k", "old", 5, 2));
  node.apply(t0, batch_of("k", std::nullopt, 6, 2));
  const Instant later = t0 + Settings{}.tombstone_horizon - seconds(1);
  node.on_timer(later);
  REQUIRE(node.apply_snapshot(later, old.snapshot()));
  REQUIRE(node.apply(later, batch_of("k", "old", 5, 2)));
  REQUIRE_FALSE(node.find("k"));
  REQUIRE(old.apply_snapshot(later, node.snapshot()));
  REQUIRE_FALSE(old.find("k"));
}

TEST_CASE("tombstones end after the horizon and do not come back from a peer that still has them") {
  Gossip node = machine(0), slow = machine(1);
  const BatchUpdate deletion = batch_of("k", std::nullopt, 6, 2);
  node.apply(t0, deletion);
  slow.apply(t0 + seconds(3600), deletion);
  const Instant end = t0 + Settings{}.tombstone_horizon;
  REQUIRE(node.next_deadline() == end);
  node.on_timer(end);
  REQUIRE(node.snapshot().registers.empty());
  REQUIRE(node.next_deadline() == Instant::never());
  REQUIRE(node.apply_snapshot(end, slow.snapshot()));
  REQUIRE(node.snapshot().registers.empty());
  REQUIRE(node.root() == slow.root());
}

TEST_CASE("a register written again after its deletion outlives the tombstone") {
  Gossip node = machine(0);
  node.write(t0, {put("k", "1")});
  node.write(t0, {erase("k", node.find("k")->revision)});
  node.write(t0, {put("k", "2")});
  node.on_timer(t0 + Settings{}.tombstone_horizon);
  REQUIRE(node.find("k")->value == "2");
}

TEST_CASE("tombstones are bounded: the oldest gives way") {
  Settings settings;
  settings.registers_max = 10;
  Gossip node = machine(0, settings);
  for (int i = 0; i < 1'000; ++i) {
    const std::string key = std::to_string(i);
    REQUIRE(node.write(t0, {put(key, "v")}) == WriteOutcome::ok);
    REQUIRE(node.write(t0, {erase(key, node.find(key)->revision)}) == WriteOutcome::ok);
  }
  REQUIRE(node.snapshot().registers.size() == 10);
}
