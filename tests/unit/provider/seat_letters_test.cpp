// What a seat says at once: what shares a datagram, and what must not.
#include "provider/seat_letters.hpp"

#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "wire/shard_log_codec.hpp"

using namespace vswim;
using namespace vswim::provider;

namespace {

constexpr std::size_t datagram_bytes_max = 1'400;

shard_log::Append heartbeat(const NodeId& leader) {
  shard_log::Append append;
  append.ballot.node = leader;
  return append;
}

}  // namespace

TEST_CASE("an answer and the request of a lease go to the leader in one datagram") {
  Rng rng(1);
  const auto self = rng.id<NodeId>(), leader = rng.id<NodeId>();
  const auto letters = seat_letters(self, rng.id<ShardId>(),
                                    {{leader, shard_log::Appended{}}, {leader, shard_log::LeaseRequest{}}},
                                    datagram_bytes_max);
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].to == leader);
  REQUIRE(letters[0].small.size() == 2);
  REQUIRE_FALSE(letters[0].grants_only());
}

TEST_CASE("every receiver has a letter of its own, and a stream stays apart") {
  Rng rng(2);
  const auto self = rng.id<NodeId>(), one = rng.id<NodeId>(), two = rng.id<NodeId>();
  const auto letters = seat_letters(self, rng.id<ShardId>(),
                                    {{one, heartbeat(self)},
                                     {two, heartbeat(self)},
                                     {one, shard_log::Install{}, true},
                                     {one, shard_log::LeaseGrant{{}, heartbeat(self).ballot, {}, {}, {}, 0}}},
                                    datagram_bytes_max);
  REQUIRE(letters.size() == 3);
  REQUIRE(letters[0].small.size() == 2);
  REQUIRE(letters[1].to == two);
  REQUIRE(letters[2].large);
  REQUIRE(letters[2].whole.size() == 1);
}

TEST_CASE("a message of another's ballot travels whole") {
  Rng rng(3);
  const auto self = rng.id<NodeId>(), other = rng.id<NodeId>();
  const auto letters = seat_letters(self, rng.id<ShardId>(), {{other, heartbeat(other)}}, datagram_bytes_max);
  REQUIRE(letters.size() == 1);
  REQUIRE(letters[0].small.empty());
  REQUIRE(wire::decode_message(letters[0].whole[0].payload) == shard_log::Message(heartbeat(other)));
}

TEST_CASE("what does not fit one datagram takes another") {
  Rng rng(4);
  const auto self = rng.id<NodeId>(), to = rng.id<NodeId>();
  const std::vector<shard_log::Send> sends(20, {to, shard_log::Appended{}});
  const auto letters = seat_letters(self, rng.id<ShardId>(), sends, datagram_bytes_max);
  REQUIRE(letters.size() > 1);
  std::size_t messages = 0;
  for (const auto& letter : letters) {
    REQUIRE(letter.bytes <= datagram_bytes_max);
    messages += letter.small.size();
  }
  REQUIRE(messages == sends.size());
}

TEST_CASE("a grant alone needs no root") {
  Rng rng(5);
  const auto self = rng.id<NodeId>();
  const auto letters =
      seat_letters(self, rng.id<ShardId>(),
                   {{rng.id<NodeId>(), shard_log::LeaseGrant{{}, heartbeat(self).ballot, {}, {}, {}, 0}}},
                   datagram_bytes_max);
  REQUIRE(letters.at(0).grants_only());
}
