#include "wire/packet.hpp"

#include <catch2/catch_test_macros.hpp>
#include <iostream>

#include "samples.hpp"
#include "wire/frame.hpp"
#include "wire/limits.hpp"

using namespace vswim;
using namespace vswim::wire;

TEST_CASE("any packet comes back as it was sent") {
  Rng rng(1);
  for (int i = 0; i < 5'000; ++i) {
    const Packet packet = random_packet(rng);
    const Decoded decoded = decode(encode(packet));
    REQUIRE(decoded.error == DecodeError::none);
    REQUIRE(decoded.packet == packet);
  }
}

TEST_CASE("every kind of control message comes back as it was sent") {
  Rng rng(2);
  for (std::size_t kind = 0; kind < std::variant_size_v<Control>; ++kind) {
    for (int i = 0; i < 50; ++i) {
      Packet packet;
      packet.control = random_control(rng, kind);
      REQUIRE(packet.control->index() == kind);
      REQUIRE(decode(encode(packet)).packet == packet);
    }
  }
}

TEST_CASE("a packet with nothing in it comes back") {
  REQUIRE(decode(encode(Packet{})).error == DecodeError::none);
  REQUIRE(decode(encode(Packet{})).packet == Packet{});
}

TEST_CASE("numbers at the edge of the small forms come back") {
  for (const std::uint64_t bit : {6, 9, 10, 12}) {
    for (const std::uint64_t value : {(std::uint64_t{1} << bit) - 1, std::uint64_t{1} << bit}) {
      Packet packet;
      packet.header.life = {{value}, {value}, {value}};
      for (int field = 0; field < 4; ++field) {
        swim::MemberUpdate update;
        update.status = swim::Status::forgotten;
        (field == 0   ? update.life.join.value
         : field == 1 ? update.life.generation.value
         : field == 2 ? update.life.incarnation.value
                      : update.shard_epoch.value) = value;
        if (!packet.swim) packet.swim.emplace();
        packet.swim->updates.push_back(update);
      }
      packet.swim->message = swim::Ping{1, {}, swim::Status::left, {{value}, {1}, {1}}};
      REQUIRE(decode(encode(packet)).packet == packet);
    }
  }
}

TEST_CASE("addresses that look alike stay apart") {
  Packet packet;
  packet.swim.emplace();
  for (const auto& address : {Address::v4(0, 0, 0, 0, 7), Address{{}, 7}, Address::v4(0, 0, 0, 1, 7),
                              Address{}, *Address::parse("::1", 7), *Address::parse("::ffff:1.2.3.4", 7)}) {
    packet.swim->updates.push_back({{}, {}, swim::Status::alive, address, {}, {}});
    packet.header.advertised = address;
    REQUIRE(decode(encode(packet)).packet == packet);
  }
}

TEST_CASE("every single flipped bit of a packet is detected") {
  Rng rng(3);
  for (int i = 0; i < 20; ++i) {
    std::string bytes = encode(random_packet(rng));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
      REQUIRE(decode(bytes).error != DecodeError::none);
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    }
    REQUIRE(decode(bytes).error == DecodeError::none);
  }
}

TEST_CASE("a truncated or lengthened packet is refused") {
  Rng rng(4);
  const std::string bytes = encode(random_packet(rng));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(decode(std::string_view(bytes).substr(0, size)).error != DecodeError::none);
  }
  REQUIRE(decode(bytes + '\0').error != DecodeError::none);
}

TEST_CASE("a packet decodes at any alignment") {
  Rng rng(5);
  const Packet packet = random_packet(rng);
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string bytes = std::string(shift, 'x') + encode(packet);
    REQUIRE(decode(std::string_view(bytes).substr(shift)).packet == packet);
  }
}

TEST_CASE("random garbage is refused and never crashes") {
  Rng rng(6);
  for (int i = 0; i < 100'000; ++i) {
    const std::string garbage = random_bytes(rng, 300);
    REQUIRE(decode(garbage).error != DecodeError::none);
    decode(frame(rng.id<ClusterId>(), garbage));  // past the checksum: only the verifier is left
    peek_cluster(garbage);
  }
}

TEST_CASE("a packet spoilt before it was framed never crashes and stays within limits") {
  Rng rng(7);
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes = encode(random_packet(rng));
    std::string payload = bytes.substr(frame_bytes);
    for (auto changes = rng.below(6) + 1; changes > 0; --changes) {
      payload[rng.below(payload.size())] = static_cast<char>(rng.below(3) == 0 ? 0 : rng.next());
    }
    const Decoded decoded = decode(frame({}, payload));
    if (decoded.error != DecodeError::none) continue;
    REQUIRE(decoded.packet.shard_log.size() <= shard_log_parts_max);
    REQUIRE(decoded.packet.small_log.size() <= shard_log_parts_max);
    if (decoded.packet.swim) {
      for (const auto& update : decoded.packet.swim->updates)
        REQUIRE(update.status <= swim::Status::forgotten);
    }
    REQUIRE(decode(encode(decoded.packet)).packet == decoded.packet);
  }
}

TEST_CASE("unknown versions and flags are refused by that name") {
  std::string bytes = encode(Packet{});
  bytes[4] = 2;
  REQUIRE(decode(bytes).error == DecodeError::version);
  REQUIRE_FALSE(peek_cluster(bytes));
  bytes[4] = 1;
  bytes[5] = 1;
  REQUIRE(decode(bytes).error == DecodeError::version);
}

TEST_CASE("the cluster can be read without decoding") {
  Rng rng(8);
  const Packet packet = random_packet(rng);
  REQUIRE(peek_cluster(encode(packet)) == packet.header.cluster);
  REQUIRE_FALSE(peek_cluster(""));
  REQUIRE_FALSE(peek_cluster(encode(packet).substr(0, 32)));
}

TEST_CASE("24 full member updates and a ping fit a datagram of 1 400 bytes") {
  Rng rng(9);
  Packet packet;
  packet.header = {rng.id<ClusterId>(),
                   rng.id<NodeId>(),
                   {{1}, {20}, {3}},
                   Address::v4(10, 0, 0, 1, 17'000),
                   Address::v4(10, 0, 0, 2, 17'000)};
  packet.swim = SwimPart{swim::Ping{77, rng.id<NodeId>(), swim::Status::suspect, {{1}, {4}, {2}}}, {}};
  packet.swim->updates.assign(24, {});
  for (auto& update : packet.swim->updates) update = typical_update(rng);
  const std::size_t full = encode(packet).size();
  for (auto& update : packet.swim->updates) update.address = {}, update.shard = {}, update.shard_epoch = {};
  const std::size_t brief = encode(packet).size();
  packet.global_gossip.emplace();
  packet.shard_gossip.emplace();
  packet.gossip_shard = rng.id<ShardId>();
  packet.swim->updates.clear();
  const std::size_t none = encode(packet).size();
  std::cout << "ping with 24 full updates: " << full << " bytes; 24 without address and shard: " << brief
            << " bytes; no updates, both roots: " << none << " bytes\n";
  REQUIRE(full <= 1'400);
  REQUIRE(brief <= 800);
  REQUIRE(none <= 240);
}

TEST_CASE("the sizes told to the sender are upper bounds") {
  Rng rng(10);
  for (int i = 0; i < 5'000; ++i) {
    Packet packet = random_packet(rng);
    packet.control.reset();
    std::size_t bound = encoded_bytes_base();
    if (packet.swim) {
      for (const auto& update : packet.swim->updates) bound += encoded_bytes(update);
    }
    for (const auto* part : {&packet.global_gossip, &packet.shard_gossip}) {
      if (!*part) continue;
      for (const auto& batch : (*part)->batches) bound += encoded_bytes(batch);
    }
    for (const auto& part : packet.shard_log) bound += encoded_bytes(part);
    for (const auto& part : packet.small_log) bound += encoded_bytes(part);
    REQUIRE(encode(packet).size() <= bound);
  }
}

TEST_CASE("the base size holds for the widest packet") {
  Rng rng(12);
  Packet packet;
  packet.header = {rng.id<ClusterId>(),
                   rng.id<NodeId>(),
                   {{u64_max}, {u64_max}, {u64_max}},
                   *Address::parse("::1", 1),
                   *Address::parse("::2", 2)};
  packet.swim = SwimPart{swim::Ping{~0u, rng.id<NodeId>(), swim::Status::left, packet.header.life}, {}};
  packet.swim->updates = {typical_update(rng), {}, typical_update(rng)};
  packet.swim->updates[2].life = packet.header.life;
  packet.global_gossip = GossipPart{{u64_max, u64_max}, {}};
  packet.shard_gossip = packet.global_gossip;
  packet.gossip_shard = rng.id<ShardId>();
  std::size_t bound = encoded_bytes_base();
  for (const auto& update : packet.swim->updates) bound += encoded_bytes(update);
  std::cout << "widest packet: " << encode(packet).size() << " bytes, bound " << bound << "\n";
  REQUIRE(encode(packet).size() <= bound);
  packet.shard_log = {{rng.id<ShardId>(), ""}, {rng.id<ShardId>(), "x"}};
  for (const auto& part : packet.shard_log) bound += encoded_bytes(part);
  REQUIRE(encode(packet).size() <= bound);
}

TEST_CASE("what leases cost fits small packets") {
  Rng rng(13);
  Packet packet;
  packet.header = {rng.id<ClusterId>(),
                   rng.id<NodeId>(),
                   {{1}, {20}, {3}},
                   Address::v4(10, 0, 0, 1, 17'000),
                   Address::v4(10, 0, 0, 2, 17'000)};
  const auto shard = rng.id<ShardId>();
  shard_log::Append beat;
  beat.ballot.node = packet.header.sender;
  shard_log::Message entry = beat;
  std::get<shard_log::Append>(entry).entries.emplace_back();
  REQUIRE_FALSE(has_small_form(entry, packet.header.sender));
  REQUIRE_FALSE(has_small_form(beat, rng.id<NodeId>()));
  REQUIRE(has_small_form(beat, packet.header.sender));
  packet.small_log = {{shard, beat}};
  REQUIRE(encode(packet).size() <= 190);
  packet.small_log = {{shard, shard_log::Appended{}}, {shard, shard_log::LeaseRequest{}}};
  REQUIRE(encode(packet).size() <= 290);
}

TEST_CASE("texts for people are cut, not refused") {
  Packet packet;
  packet.control = JoinResult{1, false, std::string(100'000, 'x')};
  const Decoded decoded = decode(encode(packet));
  REQUIRE(decoded.error == DecodeError::none);
  REQUIRE(std::get<JoinResult>(*decoded.packet.control).reason.size() == text_bytes_max);
}

TEST_CASE("a key longer than the wire allows is refused") {
  Packet packet;
  packet.global_gossip = GossipPart{{}, {{{{std::string(key_bytes_max, 'k'), "v", {}}}}}};
  REQUIRE(decode(encode(packet)).error == DecodeError::none);
  packet.global_gossip->batches[0].registers[0].key.push_back('k');
  REQUIRE(decode(encode(packet)).error == DecodeError::format);
}

TEST_CASE("a snapshot of a whole slot map survives") {
  Rng rng(11);
  const NodeId writer = rng.id<NodeId>();
  SnapshotAnswer answer;
  for (int slot = 0; slot < 16'384; ++slot) {
    answer.snapshot.registers.push_back({"slot" + std::to_string(slot) + ":owner",
                                         rng.id<ShardId>().hex() + ":1",
                                         {static_cast<std::uint64_t>(slot), 0, writer}});
  }
  Packet packet;
  packet.control = answer;
  const std::string bytes = encode(packet);
  std::cout << "snapshot of 16 384 slot owners: " << bytes.size() << " bytes\n";
  REQUIRE(decode(bytes).packet == packet);
}
