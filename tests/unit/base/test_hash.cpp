#include "base/hash.hpp"

#include <catch2/catch_test_macros.hpp>
#include <limits>

using namespace vswim;

TEST_CASE("equal bytes hash alike, others and other seeds do not") {
  CHECK(hash64("slot") == hash64("slot"));
  CHECK(hash64("slot") != hash64("slots"));
  CHECK(hash64("slot", 1) != hash64("slot", 2));
  CHECK(hash128("slot") == hash128("slot"));
  CHECK(hash128("slot") != hash128("slot", 7));
  CHECK(hash64("") ==
        0x2d06800538d394c2ULL);  // XXH3 of nothing: the algorithm itself, for peers of other builds
}

TEST_CASE("a sum of hashes does not depend on the order and gives back what is taken away") {
  const Hash128 a = hash128("a"), b = hash128("b"), c = hash128("c");
  Hash128 one = a, two = c;
  one += b;
  one += c;
  two += a;
  two += b;
  CHECK(one == two);
  one -= b;
  one -= a;
  CHECK(one == c);
  one -= c;
  CHECK(one == Hash128{});
}

TEST_CASE("the sum carries and borrows between its halves") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  Hash128 sum{most, 0};
  sum += Hash128{1, 0};
  CHECK(sum == Hash128{0, 1});
  sum -= Hash128{1, 0};
  CHECK(sum == Hash128{most, 0});
  Hash128 wrapped{most, most};
  wrapped += Hash128{1, 0};
  CHECK(wrapped == Hash128{});
}
