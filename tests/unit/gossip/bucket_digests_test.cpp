#include "gossip/bucket_digests.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/mutation.hpp"
#include "gossip/register_map.hpp"
#include "world.hpp"

using namespace vswim;
using namespace vswim::gossip;

namespace {

constexpr Instant t0{1'000'000'000};

std::vector<Register> some_registers(Rng& rng, std::size_t count) {
  std::vector<Register> registers;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<std::string> value;
    if (rng.below(5) != 0) value = std::to_string(rng.next());
    registers.push_back({"key" + std::to_string(i), value, {1 + rng.below(1'000), 0, node_id(rng.below(9))}});
  }
  return registers;
}

RegisterMap map_of(const std::vector<Register>& registers) {
  RegisterMap map{Settings{}};
  for (const auto& entry : registers) map.apply(t0, entry);
  return map;
}

std::size_t buckets_that_differ(const BucketDigests& a, const BucketDigests& b) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += a.sums()[i] != b.sums()[i];
  return count;
}

Gossip machine(std::size_t index) { return Gossip({}, node_id(index), t0, Rng(index)); }
BatchUpdate batch(std::initializer_list<std::string> keys, std::uint64_t counter, std::size_t writer) {
  BatchUpdate update;
  for (const auto& key : keys) update.registers.push_back({key, "v", {counter, 0, node_id(writer)}});
  return update;
}
bool holds(const std::vector<Register>& registers, const std::string& key) {
  return std::any_of(registers.begin(), registers.end(), [&](const auto& entry) { return entry.key == key; });
}
Part part_against(const Gossip& from, const Gossip& to) { return {to.era(), from.differing(to.digests())}; }

}  // namespace

TEST_CASE("the number of buckets is a power of two between 16 and 4096, for some 16 entries each") {
  REQUIRE(BucketDigests::buckets_for(0) == 16);
  REQUIRE(BucketDigests::buckets_for(256) == 16);
  REQUIRE(BucketDigests::buckets_for(1'000) == 64);
  REQUIRE(BucketDigests::buckets_for(16'384) == 1'024);
  REQUIRE(BucketDigests::buckets_for(65'536) == 4'096);
  REQUIRE(BucketDigests::buckets_for(2'000'000) == 4'096);
  for (const std::size_t entries : {0, 1, 300, 5'000, 70'000})
    REQUIRE(BucketDigests::is_valid_count(BucketDigests::buckets_for(entries)));
  for (const std::size_t wrong : {0, 1, 8, 15, 17, 100, 4'095, 8'192})
    REQUIRE_FALSE(BucketDigests::from(std::vector<std::uint64_t>(wrong)));
  REQUIRE(BucketDigests::from(std::vector<std::uint64_t>(64)));
}

TEST_CASE("equal sets have equal digests, in whatever order they came") {
  Rng rng(1);
  auto registers = some_registers(rng, 2'000);
  const auto digests = map_of(registers).digests(128);
  for (int turn = 0; turn < 5; ++turn) {
    for (std::size_t i = registers.size(); i > 1; --i) std::swap(registers[i - 1], registers[rng.below(i)]);
    REQUIRE(map_of(registers).digests(128) == digests);
  }
}

TEST_CASE("one register that differs is one bucket that differs, and the part that differs is that bucket") {
  Rng rng(2);
  const auto registers = some_registers(rng, 2'000);
  const auto whole = map_of(registers);
  for (int turn = 0; turn < 50; ++turn) {
    auto other = registers;
    auto& entry = other[rng.below(other.size())];
    const std::string key = entry.key;
    switch (turn % 4) {
      case 0: entry.value = "another"; break;
      case 1: entry.revision.major += 1; break;
      case 2: entry.revision.writer = node_id(77); break;
      default: other.erase(other.begin() + (&entry - other.data())); break;
    }
    const auto theirs = map_of(other).digests(128);
    REQUIRE(buckets_that_differ(whole.digests(128), theirs) == 1);
    const auto part = whole.differing(theirs);
    REQUIRE(holds(part, key));
    REQUIRE(part.size() < 60);
  }
}

TEST_CASE("a tombstone is not nothing, nor the empty value of its revision") {
  const Revision revision{5, 0, node_id(1)};
  const auto deleted = map_of({{"k", std::nullopt, revision}}), emptied = map_of({{"k", "", revision}});
  REQUIRE(buckets_that_differ(deleted.digests(16), map_of({}).digests(16)) == 1);
  REQUIRE(buckets_that_differ(deleted.digests(16), emptied.digests(16)) == 1);
}

TEST_CASE("a deletion is part of a repair, and nothing older comes back by it") {
  Gossip left = machine(0), right = machine(1);
  for (auto* node : {&left, &right}) node->apply(t0, batch({"k", "l"}, 5, 2));
  left.apply(t0, {{{"k", std::nullopt, {6, 0, node_id(2)}}}});
  REQUIRE(left.apply_part(t0, part_against(right, left)));
  REQUIRE_FALSE(left.find("k"));
  REQUIRE(right.apply_part(t0, part_against(left, right)));
  REQUIRE_FALSE(right.find("k"));
  REQUIRE(left.root() == right.root());
  REQUIRE(left.differing(right.digests()).empty());
}

TEST_CASE("what was learnt after the question goes back whole, also outside the buckets of the answer") {
  Gossip asker = machine(0), peer = machine(1);
  peer.apply(t0, batch({"only-theirs"}, 5, 2));
  const auto asked = asker.digests();
  const Part answer{asker.era(), peer.differing(asked)};
  const auto answered = peer.digests();
  BatchUpdate later;  // over every bucket: half of it lies within those of the answer
  for (int i = 0; i < 200; ++i) later.registers.push_back({"k" + std::to_string(i), "v", {6, 0, node_id(3)}});
  asker.apply(t0, later);
  REQUIRE(asker.apply_part(t0, answer));
  const Part back{peer.era(), asker.differing(answered)};
  for (const auto& entry : later.registers) REQUIRE(holds(back.registers, entry.key));
  REQUIRE(peer.apply_part(t0, back));
  REQUIRE(peer.snapshot() == asker.snapshot());
}

TEST_CASE("a part against digests of before a restart or a join is refused") {
  Gossip before = machine(0), peer = machine(1);
  before.apply(t0, batch({"a", "b"}, 5, 2));
  peer.apply(t0, batch({"a", "b"}, 5, 2));
  peer.apply(t0, batch({"b", "c"}, 6, 2));
  const Part part = part_against(peer, before);

  Gossip restarted({}, node_id(0), t0, Rng(99));  // its file is older
  REQUIRE_FALSE(restarted.apply_part(t0, part));
  REQUIRE(restarted.snapshot().registers.empty());
  before.clear(t0);
  REQUIRE_FALSE(before.apply_part(t0, part));
  REQUIRE(before.snapshot().registers.empty());
  REQUIRE(before.apply_part(t0, part_against(peer, before)));
  REQUIRE(before.snapshot() == peer.snapshot());
}

TEST_CASE("a part of what is not valid is refused as a whole") {
  Gossip node = machine(0);
  REQUIRE_FALSE(
      node.apply_part(t0, {node.era(), {{"a", "v", {5, 0, node_id(1)}}, {"b", "v", {0, 0, node_id(1)}}}}));
  REQUIRE(node.snapshot().registers.empty());
}

#ifdef VSWIM_MUTATIONS
TEST_CASE("without its rules a repair forgets deletions and believes parts for another life") {
  mutation::switched_off() = "repair_tombstones";
  Gossip left = machine(0), right = machine(1);
  for (auto* node : {&left, &right}) node->apply(t0, batch({"k"}, 5, 2));
  left.apply(t0, {{{"k", std::nullopt, {6, 0, node_id(2)}}}});
  Gossip nothing = machine(2);
  REQUIRE(left.differing(nothing.digests()).empty());
  mutation::switched_off() = "repair_era";
  nothing.apply_part(t0, {{1}, right.snapshot().registers});
  mutation::switched_off().clear();
  REQUIRE(nothing.find("k"));
}
#endif
