// Claims about secrets and the ring they are kept in.
#include <catch2/catch_test_macros.hpp>

#include "seal/keyring.hpp"

using namespace vswim::seal;

namespace {

Secret secret(const char* text) {
  std::string error;
  return Secret::of(text, error).value();
}

const Secret first = secret("first-secret-of-ours"), second = secret("second-secret-of-ours");

}  // namespace

TEST_CASE("a secret is one word of sixteen characters and more") {
  std::string error;
  for (const char* bad : {"", "short", "fifteen-letters", "with a space in between",
                          "tab\tin-the-middle-of-it", "umlaut-\xc3\xa4-in-the-middle"}) {
    CHECK_FALSE(Secret::of(bad, error));
  }
  CHECK_FALSE(Secret::of(std::string(257, 'x'), error));
  CHECK(error.find("openssl rand") != std::string::npos);
  CHECK(Secret::of(std::string(256, 'x'), error));
}

TEST_CASE("the same text is the same key everywhere, another text another, and ids give nothing away") {
  CHECK(secret("first-secret-of-ours").id == first.id);
  CHECK(secret("first-secret-of-ours").key.bytes == first.key.bytes);
  CHECK(first.id != second.id);
  CHECK(KeyId::parse(first.id.hex()) == first.id);
  CHECK_FALSE(KeyId::parse("0123"));
  CHECK_FALSE(KeyId::parse("zzzzzzzzzzzzzzzz"));
  CHECK(first.id.hex().find("first") == std::string::npos);
}

TEST_CASE("install, use, remove: in this order only") {
  Keyring ring;
  std::string error;
  REQUIRE(ring.install(first, error));
  CHECK(ring.in_use().id == first.id);
  CHECK_FALSE(ring.use(second.id, error));
  REQUIRE(ring.install(second, error));
  CHECK(ring.in_use().id == first.id);  // installed is not used
  CHECK_FALSE(ring.remove(first.id, error));
  REQUIRE(ring.use(second.id, error));
  CHECK(ring.ids_text() == second.id.hex() + "/" + first.id.hex());
  REQUIRE(ring.install(second, error));  // a second time changes nothing
  CHECK(ring.secrets().size() == 2);
  REQUIRE(ring.remove(first.id, error));
  CHECK(ring.find(first.id) == nullptr);
  CHECK_FALSE(ring.remove(first.id, error));
  CHECK_FALSE(ring.remove(second.id, error));  // the last one is in use
}

TEST_CASE("a ring has room for eight keys") {
  Keyring ring;
  std::string error;
  for (char c = 'a'; c < 'a' + 8; ++c) REQUIRE(ring.install(secret(std::string(20, c).c_str()), error));
  CHECK_FALSE(ring.install(secret("one-secret-too-many"), error));
  CHECK(ring.secrets().size() == 8);
}

TEST_CASE("what nodes tell of their rings is read back, and nonsense is nothing") {
  Keyring ring;
  std::string error;
  ring.install(first, error);
  ring.install(second, error);
  const auto told = KeyIds::parse(ring.ids_text());
  CHECK(told.uses(first.id));
  CHECK(told.has(second.id));
  CHECK_FALSE(told.uses(second.id));
  for (const char* bad :
       {"x", "/", "0123456789abcdef/", "0123456789abcdef/1", "0123456789abcdef0123456789abcdef"}) {
    const auto parsed = KeyIds::parse(bad);
    CHECK((parsed.ids.empty() || parsed.ids.size() == 1));
  }
  CHECK(KeyIds::parse("x").ids.empty());
}
