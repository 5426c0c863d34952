#include "provider/repair.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/hash.hpp"
#include "base/mutation.hpp"
#include "provider/snapshot_budget.hpp"

namespace vswim::provider {

namespace {

using gossip::BucketDigests;
using Members = std::vector<swim::MemberUpdate>;

std::string_view key_of(const swim::MemberUpdate& member) {
  return {reinterpret_cast<const char*>(member.id.bytes.data()), member.id.bytes.size()};
}

// Of all that precedence joins; who observed a suspicion is of the moment.
std::uint64_t share_of(const swim::MemberUpdate& member) {
  std::array<char, 128> bytes;  // 104 are used; on the stack, for every exchange hashes all members
  char* end = bytes.data();
  const auto append = [&end](const auto& value) { end = std::copy(value.begin(), value.end(), end); };
  const auto append_number = [&end](std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) *end++ = static_cast<char>(number >> shift & 0xff);
  };
  append(member.id.bytes);
  append_number(member.life.join.value);
  append_number(member.life.generation.value);
  append_number(member.life.incarnation.value);
  append_number(static_cast<std::uint64_t>(member.status));
  append(member.address.ip);
  append_number(member.address.port);
  append(member.shard.bytes);
  append_number(member.shard_epoch.value);
  return hash64({bytes.data(), static_cast<std::size_t>(end - bytes.data())});
}

BucketDigests digests_of(const Members& members, std::size_t buckets) {
  BucketDigests digests(buckets);
  for (const auto& member : members) digests.add(key_of(member), share_of(member));
  return digests;
}

wire::RepairDigests digests_of(const Holding& ours, BucketDigests members) {
  return {ours.registers.era(), ours.registers.digests(), std::move(members)};
}
wire::RepairDigests digests_of(const Holding& ours) {
  if (ours.members == nullptr) return digests_of(ours, {});
  const auto members = ours.members->snapshot();
  return digests_of(ours, digests_of(members, BucketDigests::buckets_for(members.size())));
}

// With its own digests if asked for.
wire::RepairPart part_against(const Holding& ours, const wire::RepairDigests& theirs, bool with_digests) {
  wire::RepairPart part;
  part.scope = ours.scope;
  part.shard = ours.shard;
  part.part = {theirs.era, ours.registers.differing(theirs.registers)};
  if (ours.members == nullptr || theirs.members.empty()) {
    if (with_digests) part.digests = digests_of(ours);
    return part;
  }
  part.members = ours.members->snapshot();
  const auto buckets = BucketDigests::buckets_for(part.members.size());
  const auto digests = digests_of(part.members, theirs.members.size());
  if (with_digests) {
    const bool fits = digests.size() == buckets;  // most often: both know about as many
    part.digests = digests_of(ours, fits ? digests : digests_of(part.members, buckets));
  }
  std::erase_if(part.members,
                [&](const auto& member) { return digests.is_same_at(key_of(member), theirs.members); });
  return part;
}

bool is_empty(const wire::RepairPart& part) { return part.part.registers.empty() && part.members.empty(); }

// Members first, so that gossip knows whether anything at all came of it.
template <class Apply>
Repaired apply(Instant now, const Holding& ours, const Members& members, const Apply& apply_registers) {
  Repaired repaired;
  if (ours.members == nullptr) {
    apply_registers(false);
    return repaired;
  }
  const auto known = ours.members->size(), digest = ours.members->digest();
  ours.members->merge(now, members, false);
  apply_registers(ours.members->digest() != digest);
  repaired.brought_many = brought_many(known, ours.members->size());
  return repaired;
}

}  // namespace

wire::SnapshotRequest repair_request(const Holding& ours, bool both_ways) {
  return {ours.scope, ours.shard, digests_of(ours), both_ways};
}

wire::Control repair_answer(const Holding& ours, const wire::SnapshotRequest& request) {
  if (!request.digests) {
    return wire::SnapshotAnswer{ours.scope, ours.shard, ours.registers.snapshot(),
                                ours.members == nullptr ? Members{} : ours.members->snapshot()};
  }
  return part_against(ours, *request.digests, request.both_ways);
}

Repaired apply_repair(Instant now, Holding ours, const wire::SnapshotAnswer& answer) {
  return apply(now, ours, answer.members,
               [&](bool other_news) { ours.registers.apply_snapshot(now, answer.snapshot, other_news); });
}

Repaired apply_repair(Instant now, Holding ours, const wire::RepairPart& part) {
  if (VSWIM_RULE(repair_era) && part.part.era != ours.registers.era()) return {};
  auto repaired = apply(now, ours, part.members,
                        [&](bool other_news) { ours.registers.apply_part(now, part.part, other_news); });
  if (part.digests) {
    auto back = part_against(ours, *part.digests, false);
    if (!is_empty(back)) repaired.back = std::move(back);
  }
  return repaired;
}

}  // namespace vswim::provider
