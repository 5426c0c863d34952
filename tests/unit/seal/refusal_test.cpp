// Claims about what is said of refusals.
#include <catch2/catch_test_macros.hpp>

#include "seal/refusal.hpp"

using namespace vswim;
using namespace vswim::seal;

TEST_CASE("a flood is counted one by one and named once a minute") {
  Refusals refusals;
  const auto from = Address::v4(10, 0, 0, 9, 4000);
  int said = 0;
  for (int i = 0; i < 120'000; ++i) {
    if (refusals.tell(Instant{} + milliseconds(i), Refusal::forged, from, "")) ++said;
  }
  CHECK(said == 2);
  CHECK(refusals.of(Refusal::forged) == 120'000);
  const auto other = refusals.tell(Instant{} + seconds(120), Refusal::unknown_key, from, "key 1234");
  REQUIRE(other);
  CHECK(other->text.find("10.0.0.9:4000") != std::string::npos);
  CHECK(other->text.find("key 1234") != std::string::npos);
  CHECK_FALSE(refusals.tell(Instant{}, Refusal::replayed, from, ""));  // counted only
}

TEST_CASE("every reason has a name of its own") {
  for (std::size_t a = 0; a < refusal_count; ++a) {
    for (std::size_t b = 0; b < a; ++b)
      CHECK(std::string(name_of(static_cast<Refusal>(a))) != name_of(static_cast<Refusal>(b)));
  }
}
