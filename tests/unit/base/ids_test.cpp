#include "base/ids.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

using namespace vswim;

TEST_CASE("an id reads back from its own text") {
  const auto id = NodeId::parse("0123456789abcdef0123456789abcdef01234567");
  REQUIRE(id);
  CHECK(id->hex() == "0123456789abcdef0123456789abcdef01234567");
  CHECK_FALSE(id->is_nil());
}

TEST_CASE("text of the wrong length or with a foreign letter is no id") {
  CHECK_FALSE(NodeId::parse(std::string(39, 'a')));
  CHECK_FALSE(NodeId::parse(std::string(39, 'a') + 'g'));
  CHECK(NodeId{}.is_nil());
}
