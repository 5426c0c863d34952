// Claims about sealed streams.
#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "seal/stream_seal.hpp"

using namespace vswim;
using namespace vswim::seal;

namespace {

Secret secret(const std::string& text) {
  std::string error;
  return Secret::of(text, error).value();
}
const Secret ours = secret("the-secret-of-this-cluster"), other = secret("the-secret-of-another-one");

Keyring ring(const std::vector<Secret>& secrets) {
  Keyring keyring;
  std::string error;
  for (const auto& one : secrets) keyring.install(one, error);
  return keyring;
}

Salt salt(std::uint8_t first) { return {first, 2, 3}; }

struct Pair {
  OutgoingStream from{ours, "name", salt(1), 17000};
  IncomingStream to{"name", salt(9)};
  Keyring keyring = ring({ours});

  void meet() {
    const auto step = to.feed(keyring, from.hello());
    REQUIRE_FALSE(step.refusal);
    REQUIRE(step.reply.size() == welcome_bytes);
    REQUIRE(from.feed(step.reply) == OutgoingStream::State::ready);
  }
};

}  // namespace

TEST_CASE("a stream of any size arrives, however it is cut up") {
  Pair pair;
  pair.meet();
  CHECK(pair.to.bus_port() == 17000);
  Rng rng(3);
  std::string sent, arrived;
  for (const std::size_t size : {1UL, 100UL, 16'384UL, 16'385UL, 1'000'000UL}) {
    const std::string plain(size, static_cast<char>('a' + size % 26));
    sent += plain;
    auto sealed = pair.from.seal(plain);
    CHECK(sealed.find("aaaaaaaa") == std::string::npos);
    while (!sealed.empty()) {
      const auto piece = 1 + rng.below(40'000);
      const auto step = pair.to.feed(pair.keyring, std::string_view(sealed).substr(0, piece));
      REQUIRE_FALSE(step.refusal);
      arrived += step.plain;
      sealed.erase(0, piece);
    }
  }
  CHECK(arrived == sent);
  CHECK(pair.to.authentic());
}

TEST_CASE("nothing is welcomed before its hello was authentic, byte for byte") {
  const OutgoingStream from(ours, "name", salt(1), 17000);
  for (std::size_t i = 0; i < hello_bytes * 8; ++i) {
    auto changed = from.hello();
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << (i % 8));
    IncomingStream to("name", salt(9));
    const auto step = to.feed(ring({ours}), changed);
    REQUIRE(step.refusal);
    REQUIRE(step.reply.empty());
    REQUIRE_FALSE(to.greeted());
  }
}

TEST_CASE("a welcome that was changed, or belongs to another hello, is not believed") {
  IncomingStream to("name", salt(9));
  OutgoingStream first(ours, "name", salt(1), 17000);
  const auto welcome = to.feed(ring({ours}), first.hello()).reply;
  OutgoingStream second(ours, "name", salt(2), 17000);
  CHECK(second.feed(welcome) == OutgoingStream::State::broken);
  for (std::size_t i = 0; i < welcome_bytes; ++i) {
    OutgoingStream again(ours, "name", salt(1), 17000);
    auto changed = welcome;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    REQUIRE(again.feed(changed) == OutgoingStream::State::broken);
  }
  CHECK(first.feed(welcome) == OutgoingStream::State::ready);
  CHECK(first.feed("x") == OutgoingStream::State::broken);
}

TEST_CASE("a recorded stream opens nothing a second time") {
  Pair pair;
  pair.meet();
  const auto records = pair.from.seal("a command");
  IncomingStream later("name", salt(10));
  const auto step = later.feed(pair.keyring, pair.from.hello() + records);
  CHECK(step.plain.empty());
  CHECK(step.refusal == Refusal::forged);
  CHECK_FALSE(later.authentic());
}

TEST_CASE("records that are changed, left out, repeated or moved end the stream") {
  const auto fed = [](const auto& change) {
    Pair pair;
    pair.meet();
    std::vector<std::string> records{pair.from.seal("one"), pair.from.seal("two"), pair.from.seal("three")};
    change(records);
    std::string all;
    for (const auto& record : records) all += record;
    return pair.to.feed(pair.keyring, all);
  };
  CHECK(fed([](auto& r) { r.erase(r.begin()); }).refusal == Refusal::forged);
  CHECK(fed([](auto& r) { std::swap(r[0], r[1]); }).refusal == Refusal::forged);
  CHECK(fed([](auto& r) { r[1] = r[0]; }).plain == "one");
  CHECK(fed([](auto& r) { r[1][7] = static_cast<char>(r[1][7] ^ 1); }).plain == "one");
  CHECK(fed([](auto& r) { r[0][0] = '\x7f'; }).refusal == Refusal::malformed);
  CHECK(fed([](auto& r) { r[0][0] = r[0][1] = '\0'; }).refusal == Refusal::malformed);
  const auto cut = fed([](auto& r) { r.back().pop_back(); });
  CHECK(cut.plain == "onetwo");
  CHECK_FALSE(cut.refusal);  // it may still come
}

TEST_CASE("each refusal of a stream is told apart, and told to the peer") {
  const OutgoingStream from(ours, "name", salt(1), 17000);
  IncomingStream stranger("name", salt(9)), elsewhere("another", salt(9)), old("name", salt(9));
  CHECK(stranger.feed(ring({other}), from.hello()).refusal == Refusal::unknown_key);
  CHECK(elsewhere.feed(ring({ours}), from.hello()).refusal == Refusal::wrong_cluster);
  CHECK(old.feed(ring({ours}), std::string("VSWM\x01\0\x42\x68", 8)).refusal == Refusal::unsealed);
  IncomingStream web("name", salt(9));
  CHECK(web.feed(ring({ours}), "GET / HTTP/1.1").refusal == Refusal::malformed);
  OutgoingStream refused(ours, "name", salt(1), 17000);
  CHECK(refused.feed(encode_refusal(Refusal::unknown_key)) == OutgoingStream::State::broken);
  CHECK(refused.reason().find("cluster secret") != std::string::npos);
  CHECK(looks_like_hello(from.hello()));
  CHECK_FALSE(looks_like_hello("VSWM\x01"));
}

TEST_CASE("either key of the ring opens a stream while a secret is changed") {
  IncomingStream first("name", salt(9)), second("name", salt(8));
  const OutgoingStream old_one(ours, "name", salt(1), 1), new_one(other, "name", salt(2), 1);
  CHECK_FALSE(first.feed(ring({other, ours}), old_one.hello()).refusal);
  CHECK(first.key_id() == ours.id);
  CHECK_FALSE(second.feed(ring({other, ours}), new_one.hello()).refusal);
  CHECK(second.key_id() == other.id);
}
