// What Cores say to each other over the Core port: text of fixed grammar, "vc1 <kind> <fields>", checked
// strictly; a message that does not parse is dropped by the receiver. Best effort: every use repeats itself
// or has a time limit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "core/metadata.hpp"

namespace vswim::core {

struct OffsetQuestion {  // asked of shard peers before standing, and by a primary that wants to hand over
  ShardId shard;
};
struct OffsetAnswer {
  ShardId shard;
  std::uint64_t offset = 0;
  bool may_stand = false;
  bool synced = false;  // with the present primary, in this life
};
struct RestartNotice {  // the logged primary came back and asks its replicas before it takes up its right
  ShardId shard;
  std::uint64_t loaded_offset = 0;
  std::uint64_t keys = 0;
};
struct RestartAnswer {
  ShardId shard;
  bool stands = false;
  std::uint64_t offset = 0;
  std::uint64_t keys = 0;
  bool completed_sync = false;
};
struct ClaimQuestion {  // from the lower claim's primary to the higher one's
  ShardId shard;        // who is asked
  SlotSet slots;
};
struct ClaimAnswer {  // what the committed and settled log of `shard` says about the slots that were asked
  ShardId shard;
  std::vector<ClaimedRange> held;
};
struct HandOverRequest {  // CLUSTER FAILOVER: from a replica to its primary, repeated while it waits
  ShardId shard;
  std::uint64_t attempt = 0;  // drawn by the replica
};
struct HandOverOffer {  // the primary's writes are held under this revision of primaryship
  ShardId shard;
  std::uint64_t attempt = 0;
  std::uint64_t offset = 0;  // what it ever produced, of this history
  std::uint64_t fence = 0;   // revision of primaryship=<node>:FENCED
  std::string history;
};
// What becomes of a slot's keys that are still at its owner when another shard asks for it.
enum class KeysLeft : std::uint8_t { refuse, stay, go };
struct TakeQuestion {  // may the asker's shard have this slot?
  ShardId shard;       // who is asked
  std::uint64_t number = 0;
  Slot slot = 0;
  KeysLeft keys = KeysLeft::refuse;
};
struct TakeAnswer {  // from a primary with a live lease, of its settled log
  // not_owner: another shard is, as far as that primary knows; unowned: none.
  enum class Verdict : std::uint8_t { granted, not_owner, unowned, has_keys, busy };
  ShardId shard;
  std::uint64_t number = 0;
  Verdict verdict = Verdict::busy;
  ClaimNumber claim = 0;  // what the taker has to outrank
};
struct TakeOffer {  // from the same: this slot is promised to your shard, and empty; ask for it
  ShardId shard;
  Slot slot = 0;
};
// A replica asks both before it goes to an orphaned primary by itself: its own primary whether it may leave,
// the other one whether it is wanted. Silence is a no.
struct MoveQuestion {
  ShardId shard;  // who is asked
  std::uint64_t number = 0;
};
struct MoveConsent {
  ShardId shard;  // who consents
  std::uint64_t number = 0;
};
using CoreMessage = std::variant<OffsetQuestion, OffsetAnswer, RestartNotice, RestartAnswer, ClaimQuestion,
                                 ClaimAnswer, HandOverRequest, HandOverOffer, TakeQuestion, TakeAnswer,
                                 TakeOffer, MoveQuestion, MoveConsent>;

constexpr std::size_t core_message_bytes_max = 256 * 1024;

std::string encode(const CoreMessage& message);
std::optional<CoreMessage> decode(std::string_view bytes);

}  // namespace vswim::core
