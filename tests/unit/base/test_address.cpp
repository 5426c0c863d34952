#include "base/address.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace vswim;

TEST_CASE("an IPv4 address reads and prints") {
  const auto address = Address::parse("127.0.0.1", 7000);
  REQUIRE(address);
  CHECK(*address == Address::v4(127, 0, 0, 1, 7000));
  CHECK(address->is_v4());
  CHECK(address->ip_text() == "127.0.0.1");
  CHECK(address->text() == "127.0.0.1:7000");
}

TEST_CASE("an IPv6 address reads and prints in brackets") {
  const auto address = Address::parse("fe80::1", 1);
  REQUIRE(address);
  CHECK_FALSE(address->is_v4());
  CHECK(address->text() == "[fe80::1]:1");
}

TEST_CASE("a v4-mapped IPv6 address is the IPv4 address") {
  CHECK(Address::parse("::ffff:10.1.2.3", 9) == Address::v4(10, 1, 2, 3, 9));
}

TEST_CASE("names and rubbish are not addresses") {
  for (const char* text :
       {"", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "fe80::g", "1.2.3.4 ", "::1%lo"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text, 1));
  }
}

TEST_CASE("an address without an ip has no ip") {
  const Address unset{{}, 7000};
  CHECK_FALSE(unset.has_ip());
  CHECK(unset.ip_text().empty());
  CHECK(unset.text() == ":7000");
  CHECK(Address::v4(0, 0, 0, 0, 1).has_ip());  // mapped: the prefix is there
}
