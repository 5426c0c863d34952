// Repair of what rumours missed, both ways in one exchange, of what differs only:
//   1. who finds that its root differs asks, with digests of what it holds;
//   2. the answer is the part of the answerer's that differs from these, with the answerer's own digests;
//   3. the asker applies the part and sends back what of its own differs from those.
// Then both hold the same, unless they heard something meanwhile. gossip/gossip.hpp says why no reader sees
// half of a batch by it; members are independent of each other and joined by precedence one by one. Apart
// from the provider so that the simulator of ten thousand nodes does the same.
#pragma once

#include <optional>

#include "gossip/gossip.hpp"
#include "swim/swim.hpp"
#include "wire/control.hpp"

namespace vswim::provider {

// One namespace as a node holds it; members belong to the global one.
struct Holding {
  contract::Scope scope = contract::Scope::global;
  ShardId shard;  // scope shard
  gossip::Gossip& registers;
  swim::Swim* members = nullptr;  // scope global
};

// One way for who has only just started: it has nothing that others lack, and thousands may start together.
wire::SnapshotRequest repair_request(const Holding& ours, bool both_ways);
// A part, or the whole snapshot to who gave no digests.
wire::Control repair_answer(const Holding& ours, const wire::SnapshotRequest& request);

struct Repaired {
  bool brought_many = false;             // members (snapshot_budget.hpp)
  std::optional<wire::RepairPart> back;  // to who sent the part
};
Repaired apply_repair(Instant now, Holding ours, const wire::SnapshotAnswer& answer);
// A part that is against digests of another era is passed over, members included: it is not for this life.
Repaired apply_repair(Instant now, Holding ours, const wire::RepairPart& part);

}  // namespace vswim::provider
