#include <catch2/catch_test_macros.hpp>

#include "module/arguments.hpp"

using namespace vswim::module;

namespace {

struct Parsed {
  bool ok = false;
  OwnSettings settings;
  std::string error;
};

Parsed parse(const std::vector<std::string_view>& arguments) {
  Parsed parsed;
  parsed.ok = parse_arguments(arguments, parsed.settings, parsed.error);
  return parsed;
}

}  // namespace

TEST_CASE("no arguments leave every default", "[module]") {
  const auto parsed = parse({});
  REQUIRE(parsed.ok);
  CHECK(parsed.settings.lease_ttl_ms == 1'000);
  CHECK(parsed.settings.core_stall_limit_ms == 10'000);
}

TEST_CASE("arguments are pairs of a known name and a value in range", "[module]") {
  const auto parsed = parse({"lease-ttl-ms", "500", "seeds", "10.0.0.1:17000 host:17001"});
  REQUIRE(parsed.ok);
  CHECK(parsed.settings.lease_ttl_ms == 500);
  CHECK(parsed.settings.seeds == "10.0.0.1:17000 host:17001");

  CHECK_FALSE(parse({"lease-ttl-ms"}).ok);
  CHECK_FALSE(parse({"lease-ttl-ms", "99"}).ok);
  CHECK_FALSE(parse({"lease-ttl-ms", "500x"}).ok);
  CHECK_FALSE(parse({"lease-ttl-ms", ""}).ok);
}

TEST_CASE("a refused argument is named together with what would be allowed", "[module]") {
  CHECK(parse({"lease-ttl", "500"}).error.find("'lease-ttl'") != std::string::npos);
  CHECK(parse({"lease-ttl", "500"}).error.find("lease-ttl-ms") != std::string::npos);
  CHECK(parse({"lease-ttl-ms", "1"}).error.find("100 to 60000") != std::string::npos);
}

TEST_CASE(
    "seeds are host and the server's port, the bus port where it differs; IPv6 addresses stand in brackets",
    "[module]") {
  std::vector<std::pair<std::string, std::uint16_t>> seeds;
  std::string error;
  REQUIRE(parse_seeds("a:1, [::1]:7000  10.1.2.3:60000@60001", seeds, error));
  REQUIRE(seeds.size() == 3);
  CHECK(seeds[0] == std::pair<std::string, std::uint16_t>("a", 10001));
  CHECK(seeds[1] == std::pair<std::string, std::uint16_t>("::1", 17000));
  CHECK(seeds[2].second == 60001);
  for (const char* bad : {"a", "a:", ":1", "a:0", "a:65536", "a:1x", "a:-1", "a:99999999999"}) {
    CHECK_FALSE(parse_seeds(bad, seeds, error));
  }
}

TEST_CASE("bind: a star means everywhere, optional addresses only count alone", "[module]") {
  CHECK(parse_bind("* -::*").empty());
  CHECK(parse_bind("").empty());
  CHECK(parse_bind("127.0.0.1 -::1") == std::vector<std::string>{"127.0.0.1"});
  CHECK(parse_bind("-::1") == std::vector<std::string>{"::1"});
  CHECK(parse_bind("10.0.0.1 10.0.0.2").size() == 2);
}
