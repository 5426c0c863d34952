// What providers ask each other outside SWIM, gossip rumours and shard logs: joining, snapshots, voter-change
// requests, and Core's own bytes. Carried by streams (CoreBytes by either transport). Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/counter.hpp"
#include "base/ids.hpp"
#include "contract/types.hpp"
#include "gossip/gossip.hpp"
#include "swim/messages.hpp"

namespace vswim::wire {

struct JoinRequest {  // let me into your cluster; `joiner` is the sender's own record
  std::uint64_t request = 0;
  swim::MemberUpdate joiner;
  bool alone = true;          // the joiner knows no other member of its present cluster
  std::uint64_t members = 1;  // of the joiner's present cluster
  bool operator==(const JoinRequest&) const = default;
};
struct JoinAnswer {
  std::uint64_t request = 0;
  bool accepted = false;
  std::string reason;
  bool invites = false;  // not accepted because the answerer is alone and joins the asker's cluster instead
  ClusterId cluster;
  JoinNumber join_min;  // the joiner's record must carry at least this (a tombstone of an earlier FORGET)
  std::vector<swim::MemberUpdate> members;
  gossip::Snapshot global;
  bool operator==(const JoinAnswer&) const = default;
};
struct JoinResult {  // the invited node tells the inviter how its join went
  std::uint64_t request = 0;
  bool ok = false;
  std::string reason;
  bool operator==(const JoinResult&) const = default;
};
// What the sender holds of a namespace, by buckets; of members too in scope global.
struct RepairDigests {
  RepairEra era;
  gossip::BucketDigests registers, members;
  bool operator==(const RepairDigests&) const = default;
};
struct SnapshotRequest {
  contract::Scope scope = contract::Scope::global;
  ShardId shard;                         // scope shard
  std::optional<RepairDigests> digests;  // absent: for the whole snapshot
  bool both_ways = false;                // the answer brings digests, for a part that goes back
  bool operator==(const SnapshotRequest&) const = default;
};
struct SnapshotAnswer {
  contract::Scope scope = contract::Scope::global;
  ShardId shard;
  gossip::Snapshot snapshot;
  std::vector<swim::MemberUpdate> members;  // scope global: who the answerer knows
  bool operator==(const SnapshotAnswer&) const = default;
};
struct RepairPart {  // against digests that the receiver gave out
  contract::Scope scope = contract::Scope::global;
  ShardId shard;
  gossip::Part part;
  std::vector<swim::MemberUpdate> members;
  std::optional<RepairDigests> digests;  // present: a part is asked for in return
  bool operator==(const RepairPart&) const = default;
};
struct ShardRequest {  // change the voters of `shard`, sent to one of its members
  std::uint64_t request = 0;
  ShardId shard;
  bool add = true;
  NodeId node;
  VoterUuid uuid;  // when adding
  bool operator==(const ShardRequest&) const = default;
};
struct ShardAnswer {
  std::uint64_t request = 0;
  contract::Outcome outcome = contract::Outcome::unknown;
  std::string text;
  Epoch epoch;
  bool operator==(const ShardAnswer&) const = default;
};
struct CoreBytes {  // Core to Core
  std::string bytes;
  bool operator==(const CoreBytes&) const = default;
};

struct LeaseEvidence {  // the leader of a shard tells its members what it has proven about one member's lease
                        // (rule L10)
  ShardId shard;
  NodeId node;
  bool ended = false;
  bool operator==(const LeaseEvidence&) const = default;
};

using Control = std::variant<JoinRequest, JoinAnswer, JoinResult, SnapshotRequest, SnapshotAnswer,
                             ShardRequest, ShardAnswer, CoreBytes, LeaseEvidence, RepairPart>;

}  // namespace vswim::wire
