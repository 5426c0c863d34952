#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "core/core_messages.hpp"
#include "core/metadata.hpp"
#include "core/slot_table.hpp"

using namespace vswim;
using namespace vswim::core;

TEST_CASE("slots follow the cluster specification") {
  CHECK(key_slot("123456789") == 0x31c3);
  CHECK(key_slot("") == 0);
  CHECK(key_slot("{user1000}.following") == key_slot("{user1000}.followers"));
  CHECK(key_slot("foo{}{bar}") != key_slot("bar"));
  CHECK(key_slot("foo{{bar}}zap") == key_slot("{bar"));
  CHECK(key_slot("foo{bar}{zap}") == key_slot("bar"));
  CHECK(key_slot("foo{bar") != key_slot("bar"));
  CHECK(key_slot("foo") == 12'182);
}

TEST_CASE("ranges are read strictly") {
  CHECK(parse_range("5") == SlotRange{5, 5});
  CHECK(parse_range("5-9") == SlotRange{5, 9});
  for (const auto* text : {"", "-", "5-", "-5", "9-5", "16384", "5-16384", "05", " 5", "5-6-7", "a"}) {
    INFO(text);
    CHECK_FALSE(parse_range(text).has_value());
  }
}

TEST_CASE("a bucket's text and its entries are the same thing") {
  Rng rng(3);
  for (int round = 0; round < 200; ++round) {
    Bucket bucket;
    for (auto& entry : bucket) {
      entry.state = static_cast<SlotState>(rng.below(7));
      entry.claim = rng.below(3);
      const bool has_peer =
          entry.state == SlotState::none ? rng.below(2) == 0 : entry.state != SlotState::active;
      if (has_peer) entry.peer = rng.id<ShardId>();
    }
    const auto number = static_cast<std::uint16_t>(rng.below(bucket_count));
    const auto parsed = parse_bucket(number, bucket_text(number, bucket));
    REQUIRE(parsed);
    CHECK(*parsed == bucket);
  }
}

TEST_CASE("a bucket refuses what does not belong there") {
  for (const auto* text :
       {"0-256=ACTIVE/1", "0=ACTIVE", "0=active/1", "0=ACTIVE/x", "5=ACTIVE/1,4=ACTIVE/1",
        "5=ACTIVE/1,5=ACTIVE/1", "0=ACTIVE/1,", ",", "0=MIGRATING/1", "0=ACTIVE:aa/1", "0=MIGRATING:aa/1",
        "0=NONE", "0", "=ACTIVE/1", "0=ACTIVE/9999999999999999999999"}) {
    INFO(text);
    CHECK_FALSE(parse_bucket(0, text).has_value());
  }
}

TEST_CASE("keys and values of registers survive the way there and back") {
  Rng rng(4);
  const auto node = rng.id<NodeId>();
  const auto shard = rng.id<ShardId>();
  for (const Key& key : {Key(NodeInfoKey{node}), Key(ShardPrimaryKey{shard}), Key(ShardEpochKey{shard}),
                         Key(ShardSlotsKey{shard, 63}), Key(NodeOffsetKey{node})}) {
    const auto parsed = parse_key(key_text(key));
    REQUIRE(parsed);
    CHECK(key_text(*parsed) == key_text(key));
    CHECK(parsed->index() == key.index());
  }
  CHECK_FALSE(parse_key("shard:" + shard.hex() + ":slots:64"));
  CHECK_FALSE(parse_key("node:" + node.hex()));
  CHECK_FALSE(parse_key("node:xyz:info"));
  const NodeInfo info{7'000,       7'001,         17'000, "10.0.0.1", "a.example", "anna",   "zone-1",
                      "192.0.2.7", "2001:db8::7", 7'002,  7'003,      true,        "loading"};
  CHECK(parse_node_info(node_info_text(info)) == info);
  const std::vector<ClaimedRange> claimed = {{{256, 300}, 1}, {{301, 301}, 7}};
  CHECK(claimed_text(claimed) == "1:256-300,7:301");
  CHECK(parse_claimed(1, claimed_text(claimed)) == claimed);
  CHECK_FALSE(parse_claimed(0, claimed_text(claimed)));
  const OffsetRegister offset{12, true, "abc"};
  CHECK(parse_offset(offset_text(offset)) == offset);
}

TEST_CASE("a name that would break a line of CLUSTER NODES is neither sent nor believed") {
  NodeInfo info;
  info.hostname = "a b\nc";
  CHECK(node_info_text(info).find("host=") == std::string::npos);
  for (const auto* text :
       {"port=70000", "port=x", "host=a,b", "host=a\nb", "port", "ip=a\x01", "name=\xff"}) {
    INFO(text);
    CHECK_FALSE(parse_node_info(text).has_value());
  }
  CHECK(parse_node_info("port=1 colour=red")->port == 1);
}

TEST_CASE("Core messages survive the way there and back") {
  Rng rng(5);
  const auto shard = rng.id<ShardId>();
  SlotSet slots;
  slots.set(3).set(4).set(16'383);
  const std::vector<CoreMessage> messages = {OffsetQuestion{shard},
                                             OffsetAnswer{shard, 77, true, false},
                                             RestartNotice{shard, 5, 6},
                                             RestartAnswer{shard, true, 1, 2, false},
                                             ClaimQuestion{shard, slots},
                                             ClaimQuestion{shard, {}},
                                             ClaimAnswer{shard, {{{3, 9}, 4}, {{11, 11}, 1}}},
                                             ClaimAnswer{shard, {}},
                                             HandOverRequest{shard, 7},
                                             HandOverOffer{shard, 7, 123, 9, "abc"},
                                             TakeQuestion{shard, 12, 16'383, KeysLeft::go},
                                             TakeAnswer{shard, 12, TakeAnswer::Verdict::has_keys, 8},
                                             MoveQuestion{shard, 5},
                                             MoveConsent{shard, 5}};
  for (const auto& message : messages) {
    const auto bytes = encode(message);
    INFO(bytes);
    const auto back = decode(bytes);
    REQUIRE(back);
    CHECK(back->index() == message.index());
    CHECK(encode(*back) == bytes);
  }
}

TEST_CASE("bytes that are no Core message are refused, whatever they are") {
  Rng rng(6);
  const auto good = encode(ClaimAnswer{rng.id<ShardId>(), {{{3, 9}, 4}, {{11, 11}, 1}}});
  for (int round = 0; round < 20'000; ++round) {
    auto bytes = good;
    const auto edits = 1 + rng.below(4);
    for (std::uint64_t i = 0; i < edits && !bytes.empty(); ++i) {
      const auto where = rng.below(bytes.size());
      if (rng.chance(300'000))
        bytes.erase(where, 1 + rng.below(5));
      else
        bytes[where] = static_cast<char>(rng.next());
    }
    if (const auto message = decode(bytes)) CHECK(encode(*message).size() <= core_message_bytes_max);
  }
  CHECK_FALSE(decode(""));
  CHECK_FALSE(decode("vc1"));
  CHECK_FALSE(decode("vc2 offset? " + ShardId{}.hex()));
  CHECK_FALSE(decode("vc1 offset " + ShardId{}.hex() + " 1"));
  CHECK_FALSE(decode("vc1 claim " + ShardId{}.hex() + " 1:9-3"));
  CHECK_FALSE(decode(std::string(core_message_bytes_max + 1, 'x')));
}
