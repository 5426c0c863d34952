#include <catch2/catch_test_macros.hpp>
#include <set>
#include <type_traits>

#include "base/counter.hpp"
#include "base/ids.hpp"
#include "base/rng.hpp"

using namespace vswim;

TEST_CASE("an id prints as lower-case hex and reads back") {
  Rng rng(1);
  for (int i = 0; i < 100; ++i) {
    const auto id = rng.id<NodeId>();
    CHECK(id.hex().size() == 40);
    CHECK(NodeId::parse(id.hex()) == id);
  }
  CHECK(NodeId{}.hex() == std::string(40, '0'));
  CHECK(NodeId::parse("ABCDEF0123456789abcdef0123456789abcdef01")->hex() ==
        "abcdef0123456789abcdef0123456789abcdef01");
}

TEST_CASE("what is not exactly an id is refused") {
  CHECK_FALSE(NodeId::parse(""));
  CHECK_FALSE(NodeId::parse(std::string(39, 'a')));
  CHECK_FALSE(NodeId::parse(std::string(41, 'a')));
  CHECK_FALSE(NodeId::parse(std::string(39, 'a') + "g"));
  CHECK_FALSE(NodeId::parse(std::string(38, 'a') + "0x"));
}

TEST_CASE("nodes, shards and counters of different meaning do not mix") {
  CHECK_FALSE(std::is_convertible_v<NodeId, ShardId>);
  CHECK_FALSE(std::is_convertible_v<Generation, Incarnation>);
  CHECK(Generation{3}.next() == Generation{4});
  CHECK(Epoch{2} < Epoch{3});
}

TEST_CASE("ids order as their text does") {
  Rng rng(2);
  for (int i = 0; i < 100; ++i) {
    const auto a = rng.id<NodeId>(), b = rng.id<NodeId>();
    CHECK((a < b) == (a.hex() < b.hex()));
  }
}

// Both lengths: comparisons read whole words, the last of which overlaps the one before it in the longer one.
template <class IdType>
void one_byte_decides() {
  Rng rng(4);
  for (std::size_t at = 0; at < IdType{}.bytes.size(); ++at) {
    auto low = rng.id<IdType>();
    low.bytes[at] = 0x7f;
    auto high = low;
    high.bytes[at] = 0x80;
    for (std::size_t later = at + 1; later < high.bytes.size(); ++later) high.bytes[later] = 0;
    CAPTURE(at);
    CHECK(low != high);
    CHECK(low < high);
    CHECK(high > low);
    high = low;
    CHECK(low == high);
    CHECK((low <=> high) == 0);
  }
}

TEST_CASE("the first byte in which two ids differ decides their order, wherever it is") {
  one_byte_decides<NodeId>();
  one_byte_decides<VoterUuid>();
}

TEST_CASE("random ids hash apart") {
  Rng rng(3);
  std::set<std::size_t> hashes;
  for (int i = 0; i < 1'000; ++i) hashes.insert(std::hash<NodeId>{}(rng.id<NodeId>()));
  CHECK(hashes.size() == 1'000);
}
