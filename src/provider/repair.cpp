#include "provider/repair.hpp"

#include <string>
#include <string_view>

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
  std::string bytes(key_of(member));
  const auto append = [&bytes](const auto& value) { bytes.append(value.begin(), value.end()); };
  const auto append_number = [&bytes](std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) bytes.push_back(static_cast<char>(number >> shift & 0xff));
  };
  append_number(member.life.join.value);
  append_number(member.life.generation.value);
  append_number(member.life.incarnation.value);
  append_number(static_cast<std::uint64_t>(member.status));
  append(member.address.ip);
  append_number(member.address.port);
  append(member.shard.bytes);
  append_number(member.shard_epoch.value);
  return hash64(bytes);
}

BucketDigests digests_of(const Members& members, std::size_t buckets) {
  BucketDigests digests(buckets);
  for (const auto& member : members) digests.add(key_of(member), share_of(member));
  return digests;
}

wire::RepairDigests digests_of(const Holding& ours) {
  wire::RepairDigests digests{ours.registers.era(), ours.registers.digests(), {}};
  if (ours.members != nullptr) {
    const auto members = ours.members->snapshot();
    digests.members = digests_of(members, BucketDigests::buckets_for(members.size()));
  }
  return digests;
}

wire::RepairPart part_against(const Holding& ours, const wire::RepairDigests& theirs) {
  wire::RepairPart part;
  part.scope = ours.scope;
  part.shard = ours.shard;
  part.part = {theirs.era, ours.registers.differing(theirs.registers)};
  if (ours.members == nullptr || theirs.members.empty()) return part;
  part.members = ours.members->snapshot();
  const auto digests = digests_of(part.members, theirs.members.size());
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
  auto part = part_against(ours, *request.digests);
  if (request.both_ways) part.digests = digests_of(ours);
  return part;
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
    auto back = part_against(ours, *part.digests);
    if (!is_empty(back)) repaired.back = std::move(back);
  }
  return repaired;
}

}  // namespace vswim::provider
