// The node's state file as values: one append-only file of framed records {length, xxh3-64 checksum,
// payload}, the payload by schemas/record.fbs. A first record carries magic, format version, and the minor
// version of who began the file unless that is 0.
//
// What is bad with no whole record behind it is a torn end (a crash while appending; zeros count) and is cut
// by `read_file`. What is bad with a whole record behind it is damage, and so is a whole record of an unknown
// kind that does not say that it may be skipped: reported, never repaired silently. Limits: a bit that rots
// in the very last record looks like a torn end; a crash that persists the later of several unsynced appends
// but not the earlier looks like damage (refused rather than believed).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/counter.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"
#include "gossip/gossip.hpp"
#include "swim/messages.hpp"

namespace vswim::wire {

// Which shard's member this node's Core is. The highest number counts after a crash (design 1, REPLICATE step
// 4).
struct ShardMembership {
  std::uint64_t number = 0;
  ShardId shard;
  Epoch epoch;
  bool operator==(const ShardMembership&) const = default;
};
struct MoveIntent {  // durable step (1) of REPLICATE; finished or undone after a crash
  bool active = false;
  ShardId target;
  VoterUuid uuid;  // of the seat opened in the target
  bool operator==(const MoveIntent&) const = default;
};

struct NodeRecord {  // the newest one counts
  NodeId node;
  ClusterId cluster;
  Generation generation;
  JoinNumber join;
  ShardMembership membership;
  MoveIntent move;
  bool operator==(const NodeRecord&) const = default;
};
struct KnownMembersRecord {  // a hint: whom to announce to after a restart; the newest one counts
  std::vector<swim::MemberUpdate> members;
  bool operator==(const KnownMembersRecord&) const = default;
};
struct GossipHintRecord {  // a hint: the global namespace when it was written; the newest one counts
  gossip::Snapshot global;
  bool operator==(const GossipHintRecord&) const = default;
};
struct SeatOpenedRecord {  // a seat and the voter uuid it speaks with; erases earlier records of that shard
  ShardId shard;
  VoterUuid uuid;
  bool operator==(const SeatOpenedRecord&) const = default;
};
struct SeatRecord {
  ShardId shard;
  std::string payload;  // wire/shard_log_codec.hpp, a shard_log::Record
  bool operator==(const SeatRecord&) const = default;
};
struct SeatDroppedRecord {
  ShardId shard;
  bool operator==(const SeatDroppedRecord&) const = default;
};

using FileRecord = std::variant<NodeRecord, KnownMembersRecord, GossipHintRecord, SeatOpenedRecord,
                                SeatRecord, SeatDroppedRecord>;

std::string file_preamble();                          // magic and versions, at the very start of a file
std::string encode_record(const FileRecord& record);  // framed

struct FileContents {
  bool ok = false;
  std::string error;  // what is damaged, at which offset, when not ok
  std::vector<FileRecord> records;
  std::size_t valid_bytes = 0;  // the torn tail starts here
  bool torn = false;
};
FileContents read_file(std::string_view bytes);  // empty input: ok, no records

}  // namespace vswim::wire
