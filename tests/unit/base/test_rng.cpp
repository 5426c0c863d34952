#include "base/rng.hpp"

#include <array>
#include <catch2/catch_test_macros.hpp>

#include "base/ids.hpp"

using namespace vswim;

TEST_CASE("one seed, one history") {
  Rng a(42), b(42), c(43);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const auto value = a.next();
    CHECK(value == b.next());
    differs = differs || value != c.next();
  }
  CHECK(differs);
}

TEST_CASE("draws stay below their bound and reach all of it evenly") {
  Rng rng(1);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100'000; ++i) ++counts.at(rng.below(10));
  for (const int count : counts) {
    CHECK(count > 9'000);
    CHECK(count < 11'000);
  }
  CHECK(rng.below(0) == 0);
  CHECK(rng.below(1) == 0);
}

TEST_CASE("a chance holds as often as it says") {
  Rng rng(2);
  int held = 0;
  for (int i = 0; i < 100'000; ++i) held += rng.chance(100'000) ? 1 : 0;
  CHECK(held > 9'000);
  CHECK(held < 11'000);
  CHECK_FALSE(rng.chance(0));
  CHECK(rng.chance(1'000'000));
}

TEST_CASE("all bytes of a random id are drawn") {
  Rng rng(3);
  NodeId seen;
  for (int i = 0; i < 64; ++i) {
    const auto id = rng.id<NodeId>();
    for (std::size_t byte = 0; byte < id.bytes.size(); ++byte) seen.bytes[byte] |= id.bytes[byte];
  }
  for (const auto byte : seen.bytes) CHECK(byte == 0xff);
}
