// Packets and records of every kind, drawn from a seed: typical, extreme and empty values.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "wire/file_records.hpp"
#include "wire/packet.hpp"

namespace vswim::wire {

constexpr auto u64_max = std::numeric_limits<std::uint64_t>::max();

inline std::string random_bytes(Rng& rng, std::size_t size_max) {
  std::string bytes(rng.below(size_max + 1), '\0');
  for (auto& byte : bytes) byte = static_cast<char>(rng.next());
  return bytes;
}

inline std::uint64_t random_number(Rng& rng) {
  switch (rng.below(4)) {
    case 0: return 0;
    case 1: return rng.below(10);
    case 2: return u64_max - rng.below(3);
    default: return rng.next();
  }
}

inline Address random_address(Rng& rng) {
  const auto port = static_cast<std::uint16_t>(rng.next());
  switch (rng.below(4)) {
    case 0: return Address{};
    case 1: return Address{{}, port};
    case 2: return Address::v4(static_cast<std::uint8_t>(rng.next()), 0, 0, 1, port);
    default: {
      Address address;
      for (auto& byte : address.ip) byte = static_cast<std::uint8_t>(rng.next());
      address.port = port;
      return address;
    }
  }
}

inline swim::Life random_life(Rng& rng) {
  return {{random_number(rng)}, {random_number(rng)}, {random_number(rng)}};
}

inline swim::Status random_status(Rng& rng) { return static_cast<swim::Status>(rng.below(5)); }

// An update as nearly all are: IPv4, small numbers.
inline swim::MemberUpdate typical_update(Rng& rng) {
  const auto byte = [&rng] { return static_cast<std::uint8_t>(rng.next()); };
  const auto address = Address::v4(10, byte(), byte(), byte(), static_cast<std::uint16_t>(rng.next()));
  return {rng.id<NodeId>(),   {{rng.below(4)}, {rng.below(100)}, {rng.below(20)}},
          random_status(rng), address,
          rng.id<ShardId>(),  {rng.below(50)}};
}

inline swim::MemberUpdate random_update(Rng& rng) {
  switch (rng.below(4)) {
    case 0: return typical_update(rng);
    case 1: return {rng.id<NodeId>(), {{1}, {2}, {3}}, random_status(rng), {}, {}, {}};
    case 2: return {};
    default:
      return {rng.id<NodeId>(),    random_life(rng),  random_status(rng),
              random_address(rng), rng.id<ShardId>(), {random_number(rng)}};
  }
}

// Observers travel with suspects only.
inline swim::MemberUpdate observed(swim::MemberUpdate update, Rng& rng) {
  if (update.status == swim::Status::suspect) update.observers = static_cast<std::uint32_t>(rng.next());
  return update;
}

inline std::vector<swim::MemberUpdate> random_updates(Rng& rng, std::size_t count_max) {
  std::vector<swim::MemberUpdate> updates;
  for (std::size_t i = rng.below(count_max + 1); i > 0; --i)
    updates.push_back(observed(random_update(rng), rng));
  return updates;
}

inline std::vector<contract::Register> random_registers(Rng& rng, std::size_t count_max) {
  std::vector<contract::Register> registers;
  const NodeId usual = rng.id<NodeId>();
  for (std::size_t i = rng.below(count_max + 1); i > 0; --i) {
    contract::Register entry;
    entry.key = random_bytes(rng, 40);
    if (rng.below(4) != 0) entry.value = random_bytes(rng, 60);
    entry.revision = {random_number(rng), random_number(rng), rng.below(2) == 0 ? usual : rng.id<NodeId>()};
    registers.push_back(entry);
  }
  return registers;
}

inline swim::Message random_message(Rng& rng) {
  const auto sequence = static_cast<std::uint32_t>(rng.next());
  switch (rng.below(6)) {
    case 0: return swim::Ping{sequence, rng.id<NodeId>(), random_status(rng), random_life(rng)};
    case 1: return swim::Ping{sequence, rng.id<NodeId>(), random_status(rng), {{1}, {7}, {2}}};
    case 2: return swim::PingRequest{sequence, rng.id<NodeId>(), random_address(rng)};
    case 3: return swim::Ack{sequence, rng.id<NodeId>()};
    case 4: return swim::Nack{sequence, rng.id<NodeId>()};
    default: return swim::Rumours{};
  }
}

inline gossip::BucketDigests random_sums(Rng& rng) {
  std::vector<std::uint64_t> sums(std::size_t{16} << rng.below(3));
  for (auto& sum : sums) sum = rng.next();
  return *gossip::BucketDigests::from(std::move(sums));
}
inline std::optional<RepairDigests> random_digests(Rng& rng) {
  if (rng.below(3) == 0) return std::nullopt;
  RepairDigests digests{{random_number(rng)}, random_sums(rng), {}};
  if (rng.below(2) == 0) digests.members = random_sums(rng);
  return digests;
}

// `kind`: index of the alternative.
inline Control random_control(Rng& rng, std::size_t kind) {
  const auto text = random_bytes(rng, 100);
  const auto scope = static_cast<contract::Scope>(rng.below(2));
  switch (kind) {
    case 0: return JoinRequest{random_number(rng), random_update(rng), rng.below(2) == 0, random_number(rng)};
    case 1:
      return JoinAnswer{random_number(rng),     rng.below(2) == 0,         text,
                        rng.below(2) == 0,      rng.id<ClusterId>(),       {random_number(rng)},
                        random_updates(rng, 5), {random_registers(rng, 5)}};
    case 2: return JoinResult{random_number(rng), rng.below(2) == 0, text};
    case 3: return SnapshotRequest{scope, rng.id<ShardId>(), random_digests(rng), rng.below(2) == 0};
    case 4:
      return SnapshotAnswer{scope, rng.id<ShardId>(), {random_registers(rng, 20)}, random_updates(rng, 5)};
    case 5:
      return ShardRequest{random_number(rng), rng.id<ShardId>(), rng.below(2) == 0, rng.id<NodeId>(),
                          rng.id<VoterUuid>()};
    case 6:
      return ShardAnswer{
          random_number(rng), static_cast<contract::Outcome>(rng.below(4)), text, {random_number(rng)}};
    case 7: return CoreBytes{random_bytes(rng, 2'000)};
    case 8: return LeaseEvidence{rng.id<ShardId>(), rng.id<NodeId>(), rng.below(2) == 0};
    default:
      return RepairPart{scope,
                        rng.id<ShardId>(),
                        {{random_number(rng)}, random_registers(rng, 20)},
                        random_updates(rng, 5),
                        random_digests(rng)};
  }
}

inline GossipPart random_gossip(Rng& rng) {
  GossipPart part{{random_number(rng), random_number(rng)}, {}};
  for (std::size_t i = rng.below(4); i > 0; --i) part.batches.push_back({random_registers(rng, 4)});
  return part;
}

inline Header random_header(Rng& rng) {
  return {rng.id<ClusterId>(), rng.id<NodeId>(), random_life(rng), random_address(rng), random_address(rng)};
}

// In the order in which they arrive.
inline std::vector<SmallLogPart> random_small_log(Rng& rng, const NodeId& sender) {
  std::vector<SmallLogPart> parts;
  const auto ballot = [&](const NodeId& node) {
    return shard_log::Ballot{random_number(rng), node, random_number(rng)};
  };
  const auto time = [&] { return std::int64_t{rng.below(2) == 0 ? 0 : 123'456'789'012}; };
  if (rng.below(3) == 0) {
    shard_log::Append beat;
    beat.epoch = {random_number(rng)};
    beat.ballot = ballot(sender);
    beat.sent = Instant{time()};
    beat.ttl = Duration{time()};
    beat.committed = random_number(rng);
    beat.settled = random_number(rng);
    parts.push_back({rng.id<ShardId>(), beat});
  }
  for (auto count = rng.below(3); count > 0; --count) {
    parts.push_back({rng.id<ShardId>(), shard_log::Appended{{random_number(rng)},
                                                            ballot(rng.id<NodeId>()),
                                                            rng.id<VoterUuid>(),
                                                            Instant{time()},
                                                            rng.below(2) == 0,
                                                            random_number(rng),
                                                            random_number(rng)}});
  }
  if (rng.below(3) == 0) {
    parts.push_back({rng.id<ShardId>(), shard_log::LeaseRequest{{random_number(rng)},
                                                                {random_number(rng)},
                                                                {random_number(rng)},
                                                                random_number(rng),
                                                                rng.below(2) == 0,
                                                                static_cast<std::uint32_t>(rng.next())}});
  }
  if (rng.below(3) == 0) {
    parts.push_back({rng.id<ShardId>(), shard_log::LeaseGrant{{random_number(rng)},
                                                              ballot(sender),
                                                              {random_number(rng)},
                                                              {random_number(rng)},
                                                              Duration{time()},
                                                              random_number(rng)}});
  }
  return parts;
}

inline Packet random_packet(Rng& rng) {
  Packet packet;
  packet.header = random_header(rng);
  if (rng.below(2) == 0) packet.swim = SwimPart{random_message(rng), random_updates(rng, 12)};
  if (rng.below(2) == 0) packet.global_gossip = random_gossip(rng);
  if (rng.below(2) == 0) {
    packet.gossip_shard = rng.id<ShardId>();
    packet.shard_gossip = random_gossip(rng);
  }
  for (std::size_t i = rng.below(3); i > 0; --i)
    packet.shard_log.push_back({rng.id<ShardId>(), random_bytes(rng, 99)});
  packet.small_log = random_small_log(rng, packet.header.sender);
  if (rng.below(3) == 0) packet.control = random_control(rng, rng.below(std::variant_size_v<Control>));
  return packet;
}

inline FileRecord random_record(Rng& rng, std::size_t kind) {
  switch (kind) {
    case 0:
      return NodeRecord{rng.id<NodeId>(),
                        rng.id<ClusterId>(),
                        {random_number(rng)},
                        {random_number(rng)},
                        {random_number(rng), rng.id<ShardId>(), {random_number(rng)}},
                        {rng.below(2) == 0, rng.id<ShardId>(), rng.id<VoterUuid>()}};
    case 1: return KnownMembersRecord{random_updates(rng, 5)};
    case 2: return GossipHintRecord{{random_registers(rng, 5)}};
    case 3: return SeatOpenedRecord{rng.id<ShardId>(), rng.id<VoterUuid>()};
    case 4: return SeatRecord{rng.id<ShardId>(), random_bytes(rng, 80)};
    default: return SeatDroppedRecord{rng.id<ShardId>()};
  }
}

}  // namespace vswim::wire
