// What the primaries of two shards say to each other about slots that move (proc_slot_export.cpp,
// proc_slot_import.cpp), over Core's port: a line of text of fixed grammar, "vm1 <kind> <shard> <job> ...",
// and after it, for data, the bytes. Checked strictly; what does not parse is dropped. Best effort: whoever
// waits for an answer asks again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ids.hpp"
#include "core/slot_ranges.hpp"

namespace vswim::core {

using JobId = Id<struct JobTag, 20>;

struct MigrationOffer {  // source: these slots are yours if you will copy them
  ShardId shard;         // in every message: the sender's
  JobId job;
  SlotSet slots;
};
struct MigrationPull {  // target: a fresh attempt, from the beginning; `session` names it
  ShardId shard;
  JobId job;
  std::uint64_t session = 0;
};
struct MigrationData {  // source; empty bytes keep the attempt alive
  ShardId shard;
  JobId job;
  std::uint64_t session = 0;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> total;  // the fence is settled and this is all there will ever be
  std::string bytes;
};
struct MigrationAck {  // target; `applied`: by its replicas, too, unless they take too long
  ShardId shard;
  JobId job;
  std::uint64_t session = 0, received = 0, applied = 0;
};
struct MigrationGone {  // source: my settled log has no such job, and never will again; nobody answers this
  ShardId shard;
  JobId job;
};
struct MigrationRefusal {  // target: I won't, or I have given up
  ShardId shard;
  JobId job;
  std::string reason;
};
struct MigrationAbandon {  // source, fenced for too long: will you commit that you give up?
  ShardId shard;
  JobId job;
  std::uint64_t nonce = 0;  // echoed: the answer is younger than the fence
  SlotSet slots;
};
struct MigrationAbandoned {  // target: my settled log says that I have given up, and never takes it up again
  ShardId shard;
  JobId job;
  std::uint64_t nonce = 0;
};
struct MigrationDone {  // target: my settled log says that the slots are mine
  ShardId shard;
  JobId job;
};
using MigrationMessage =
    std::variant<MigrationOffer, MigrationPull, MigrationData, MigrationAck, MigrationGone, MigrationRefusal,
                 MigrationAbandon, MigrationAbandoned, MigrationDone>;

std::string encode_migration(const MigrationMessage& message);
std::optional<MigrationMessage> decode_migration(std::string_view bytes);

// The registers that both logs keep of a migration. The source's says what is to be given to whom, and exists
// until it is over; the target's what it has taken on, and how that ended.
struct ExportRegister {
  ShardId target;
  SlotSet slots;
  bool fenced = false;
  friend bool operator==(const ExportRegister&, const ExportRegister&) = default;
};
enum class ImportStage : std::uint8_t { taking, done, abandoned };
struct ImportRegister {
  ImportStage stage = ImportStage::taking;
  std::uint64_t session = 0;  // of the newest attempt: its write stops whatever an older one still proposes
  ShardId source;
  SlotSet slots;
  friend bool operator==(const ImportRegister&, const ImportRegister&) = default;
};
std::string export_key(const JobId& job);  // "export:<job>"
std::string import_key(const JobId& job);  // "import:<job>"
std::string export_text(const ExportRegister& reg);
std::string import_text(const ImportRegister& reg);
std::optional<JobId> export_job(std::string_view key);
std::optional<JobId> import_job(std::string_view key);
std::optional<ExportRegister> parse_export(std::string_view text);
std::optional<ImportRegister> parse_import(std::string_view text);

}  // namespace vswim::core
