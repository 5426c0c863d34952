#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "core/core_messages.hpp"
#include "core/migration_messages.hpp"
#include "core/slot_stream.hpp"

using namespace vswim;
using namespace vswim::core;

namespace {

MovedKey key_of(Rng& rng, int number, std::size_t bytes_max) {
  MovedKey key;
  key.name = "key" + std::to_string(number);
  key.expires_at_ms = rng.chance(500'000) ? static_cast<std::int64_t>(rng.below(1'000'000)) : 0;
  if (rng.chance(100'000)) return key;
  std::string payload(rng.below(bytes_max), '\0');
  for (char& byte : payload) byte = static_cast<char>(rng.next());
  key.payload = payload;
  return key;
}

}  // namespace

TEST_CASE("keys arrive once and in order, whatever is lost, doubled and late") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Rng rng(seed);
    StreamSender sender;
    StreamReceiver receiver;
    std::vector<MovedKey> sent, got;
    std::vector<StreamSender::Chunk> late;
    Instant now{};
    while (got.size() < 200) {
      now = now + milliseconds(20);
      if (sent.size() < 200 && sender.wants_more()) {
        sent.push_back(key_of(rng, static_cast<int>(sent.size()), rng.chance(50'000) ? 300'000 : 2'000));
        sender.append(sent.back());
      }
      while (auto chunk = sender.next(now)) {
        if (rng.chance(200'000)) late.push_back(*chunk);
        if (!rng.chance(200'000)) REQUIRE(receiver.receive(chunk->offset, chunk->bytes));
      }
      if (!late.empty() && rng.chance(300'000)) {
        const auto at = rng.below(late.size());
        REQUIRE(receiver.receive(late[at].offset, late[at].bytes));
      }
      for (auto& key : receiver.take()) got.push_back(std::move(key));
      if (!rng.chance(200'000)) sender.acknowledged(now, receiver.received(), receiver.taken());
    }
    REQUIRE(got == sent);
    REQUIRE(receiver.taken() == sender.end());
  }
}

TEST_CASE("an acknowledgement of what was never sent changes nothing") {
  StreamSender sender;
  sender.append({"a", "b", 0});
  sender.acknowledged(Instant{}, 1'000, 1'000);
  REQUIRE(sender.next(Instant{})->offset == 0);
  REQUIRE(sender.unapplied() == sender.end());
}

TEST_CASE("bytes that are no keys end the attempt, without taking memory") {
  StreamReceiver receiver;
  receiver.receive(0, std::string(64, '\x7f'));
  REQUIRE(receiver.take().empty());
  REQUIRE_FALSE(receiver.receive(64, "more"));
}

TEST_CASE("messages and registers of a migration read back as they were written, and nothing else is read") {
  Rng rng(7);
  const auto shard = rng.id<ShardId>();
  const auto job = rng.id<JobId>();
  SlotSet slots;
  for (const std::size_t slot : {0, 1, 2, 100, 16'383}) slots.set(slot);
  const std::string bytes = std::string("\n \0x", 4) + "vm1";
  const MigrationMessage messages[] = {MigrationOffer{shard, job, slots},
                                       MigrationPull{shard, job, 5},
                                       MigrationData{shard, job, 5, 70, std::nullopt, bytes},
                                       MigrationData{shard, job, 5, 70, 74, ""},
                                       MigrationAck{shard, job, 5, 74, 70},
                                       MigrationGone{shard, job},
                                       MigrationRefusal{shard, job, "no room\nhere"},
                                       MigrationAbandon{shard, job, 9, slots},
                                       MigrationAbandoned{shard, job, 9},
                                       MigrationDone{shard, job}};
  for (const auto& message : messages) {
    const auto text = encode_migration(message);
    const auto back = decode_migration(text);
    REQUIRE(back);
    REQUIRE(back->index() == message.index());
    REQUIRE(encode_migration(*back) == text);
    REQUIRE_FALSE(decode(text));  // the other grammar takes it for nothing
    for (std::size_t size = 0; size < text.size() && size < 90; ++size)
      REQUIRE_FALSE(decode_migration(std::string_view(text).substr(0, size)));
  }
  for (int i = 0; i < 2'000; ++i) {
    auto text = encode_migration(messages[rng.below(std::size(messages))]);
    text[rng.below(text.size())] = static_cast<char>(rng.next());
    if (const auto back = decode_migration(text)) encode_migration(*back);
  }
  const ExportRegister given{shard, slots, true};
  REQUIRE(parse_export(export_text(given)) == given);
  REQUIRE_FALSE(parse_export(export_text(given) + " more"));
  const ImportRegister taken{ImportStage::abandoned, 12, shard, slots};
  REQUIRE(parse_import(import_text(taken)) == taken);
  REQUIRE_FALSE(parse_import("going 1 " + shard.hex() + " 0-1"));
  REQUIRE(export_job(export_key(job)) == job);
  REQUIRE_FALSE(export_job(import_key(job)));
}
