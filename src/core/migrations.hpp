// What a primary remembers of slots on their way, beside what the two logs say: attempts at copying, and how
// past migrations ended. All of it may be lost: the registers decide, and a fresh primary begins a new
// attempt.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"
#include "core/core_messages.hpp"
#include "core/migration_messages.hpp"
#include "core/slot_stream.hpp"

namespace vswim::core {

struct LogWrite {  // of one job, one at a time
  std::optional<Ticket> in_flight;
  Instant retry_at{};
  bool free(Instant now) const { return !in_flight && now >= retry_at; }
};

struct MigrationHolds {   // DEBUG SLOTMIGRATION, of this node
  bool pause = false;     // as source: no fence, however near the end is
  bool failover = false;  // as target: a whole copy is not made active
};

struct ExportJob {  // at the source's primary
  LogWrite log;
  Instant next_offer{}, progress_at{};
  Instant heard_at{};  // anything of the target
  // the attempt
  std::uint64_t session = 0;  // 0: none
  NodeId puller;
  TransferId transfer = 0;
  StreamSender stream;
  bool pulling = false;   // the engine is to answer
  bool drained = false;   // the engine had no more at its last answer
  bool end_told = false;  // behind the fence: how many bytes there are
  bool ready = false;     // and the target was so close behind that the fence will be short
  // Where the stream ended when the engine had no more for the first time: once the target has told that this
  // is applied, its replicas are known to keep up.
  std::optional<std::uint64_t> first_whole;
  // Held before the fence: the target is told that nothing is missing, and has said so itself.
  bool pause_asked = false, at_pause = false;
  Instant next_pull{};     // of what changes while the target catches up
  Instant next_alive{};    // of messages without bytes
  std::uint64_t keys = 0;  // sent in this attempt
  // the end
  std::optional<Instant> fenced_at;
  std::uint64_t abandon_nonce = 0;  // 0: not asked for
  Instant next_abandon{};
  bool cancelled = false;
  std::string reason;  // why it is to end, empty: it is not
};

enum class ImportPhase : std::uint8_t { idle, claiming, emptying, copying, replicating, activating };

struct ImportJob {  // at the target's primary
  LogWrite log;
  ImportPhase phase = ImportPhase::idle;
  std::uint64_t session = 0;
  TransferId transfer = 0;
  StreamReceiver stream;
  std::optional<std::uint64_t> total;
  bool importing = false;  // the engine is to answer
  std::string error;       // of the engine: the copy cannot be made here
  std::uint64_t applied = 0;
  std::uint64_t safe = 0;     // of that: what the source is told, the replicas have it, too
  std::uint64_t mark = 0;     // what they are asked about: so much of the stream,
  std::uint64_t offset = 0;   // which is behind this offset,
  Instant mark_at{};          // since then
  bool replicas_lag = false;  // they did not get that far in time: nobody waits for them
  Instant next_pull{}, heard_at{}, next_tell{}, next_drop{};
  Instant replicate_until{};
  std::map<NodeId, OffsetAnswer> replicas;
  Instant contact_at{};  // with the source, in any attempt
  std::string ended_because;
};

struct MigrationRecord {  // CLUSTER GETSLOTMIGRATIONS
  JobId job;
  bool import = false;
  SlotSet slots;
  NodeId source, target;
  std::int64_t created_s = 0, updated_s = 0, acknowledged_s = 0;  // Unix time
  std::string state, message;
  std::uint64_t remaining_bytes = 0;
  bool over = false;
  bool failed_over = false;  // the target, meanwhile
};

struct CancelWait {  // a client of CANCELSLOTMIGRATIONS, and what it waits for the end of
  std::uint64_t ticket = 0;
  std::set<JobId> jobs;
};

struct Migrations {
  MigrationHolds holds;
  // This primary was made one by hand: it ends what it finds, as natively. Those of a primary that died go
  // on.
  bool ends_inherited = false;
  std::vector<CancelWait> cancels;
  std::map<JobId, ExportJob> exports;
  std::map<JobId, ImportJob> imports;
  std::deque<MigrationRecord> records;  // newest first
  std::map<ShardId, SlotSet> handed;  // given away a moment ago: where their clients go until gossip says so
  // They stay published under their old, lower claim for a moment: nobody sees a slot without an owner.
  std::map<Slot, ClaimNumber> lingering;
  Instant linger_until = Instant::never();
  TransferId last_transfer = 0;
  Instant wake = Instant::never();
  // bandwidth
  Instant paid_at{};
  std::int64_t budget = 0;
};

}  // namespace vswim::core
