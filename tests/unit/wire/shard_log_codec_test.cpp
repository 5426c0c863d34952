// Claims about shard-log messages and records as bytes: nothing is lost, nothing malformed gets through,
// nothing crashes.
#include "wire/shard_log_codec.hpp"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "base/rng.hpp"
#include "unit/wire/shard_log_samples.hpp"

using namespace vswim;
using namespace vswim::shard_log;

namespace {

using Samples = wire::ShardLogSamples;

}  // namespace

TEST_CASE("every message and record comes back as it was") {
  Samples samples;
  std::vector<bool> seen(std::variant_size_v<Message>);
  for (const auto& message : samples.messages()) {
    seen[message.index()] = true;
    const auto back = wire::decode_message(wire::encode_message(message));
    REQUIRE(back);
    CHECK(*back == message);
  }
  CHECK(std::find(seen.begin(), seen.end(), false) == seen.end());
  for (const auto& record : samples.records()) {
    const auto back = wire::decode_seat_record(wire::encode_seat_record(record));
    REQUIRE(back);
    CHECK(*back == record);
  }
}

TEST_CASE("truncated bytes are never a message") {
  Samples samples;
  for (const auto& message : samples.messages()) {
    const auto bytes = wire::encode_message(message);
    for (std::size_t length = 0; length < bytes.size(); length += 1 + bytes.size() / 64) {
      const auto decoded = wire::decode_message(std::string_view(bytes).substr(0, length));
      CHECK((!decoded || *decoded == message));  // only padding may be missing
    }
  }
}

TEST_CASE("flipped bits and garbage never crash, and what gets through is well-formed") {
  Samples samples;
  Rng rng(11);
  const auto messages = samples.messages();
  const auto records = samples.records();
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = round % 4 != 0 ? wire::encode_message(messages[rng.below(messages.size())])
                                : wire::encode_seat_record(records[rng.below(records.size())]);
    for (auto flips = 1 + rng.below(6); flips > 0; --flips) {
      bytes[rng.below(bytes.size())] ^= static_cast<char>(1 << rng.below(8));
    }
    if (const auto message = wire::decode_message(bytes))
      CHECK(wire::decode_message(wire::encode_message(*message)));
    (void)wire::decode_seat_record(bytes);
    std::string garbage(rng.below(300), '\0');
    for (auto& byte : garbage) byte = static_cast<char>(rng.next());
    (void)wire::decode_message(garbage);
    (void)wire::decode_seat_record(garbage);
  }
}

TEST_CASE("values out of range are refused") {
  Samples samples;
  auto refused = [](const Message& message) { return !wire::decode_message(wire::encode_message(message)); };
  CHECK(refused(PreVoted{{1}, {}, {}, false, milliseconds(-1)}));
  CHECK(refused(PreVoted{{1}, {}, {}, false, seconds(100'000)}));
  CHECK(refused(Appended{{1}, {}, {}, Instant{std::numeric_limits<std::int64_t>::min()}, true, 0, 0}));
  CHECK(refused(SeatRequest{static_cast<Role>(9)}));
  CHECK(refused(ChangeAnswer{{1}, {1}, static_cast<contract::Outcome>(9), "", {}}));
  auto unsorted = samples.configuration();
  std::swap(unsorted.voters[0], unsorted.voters[1]);
  CHECK(refused(Moved{unsorted}));
  auto gap = samples.entries(10);
  gap[1].revision = 12;
  CHECK(refused(Append{{3}, {}, {}, {}, true, 9, {}, std::nullopt, gap, 0, 0}));
  CHECK(refused(Append{{3}, {}, {}, {}, true, 8, {}, std::nullopt, samples.entries(10), 0, 0}));
  Propose many{{1}, {}, {}};
  for (std::uint64_t i = 1; i <= proposals_in_flight_max + 1; ++i) many.proposals.push_back({{i}, {}});
  CHECK(refused(many));
}
