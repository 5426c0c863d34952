// Between Core and the thing that holds the data (a valkey-server, the simulator's engine): plain actions one
// way, plain reports the other. Core never touches keys or sockets.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/ids.hpp"
#include "core/reply.hpp"
#include "core/slots.hpp"

namespace vswim::core {

using CommandTicket = std::uint64_t;

// ---- Core -> engine ----
struct Follow {  // REPLICAOF that node; ip and client port (tls_port when the server replicates over TLS)
  NodeId primary;
  std::string host;
  std::uint16_t port = 0;
};
struct Promote {};  // REPLICAOF NO ONE: writable as far as the engine is concerned
struct Detach {     // not serving and following nobody: clients' writes are refused, blocked clients cut off
  std::string reason;
};
struct CutOff {};  // lease lost: blocked, held and paused clients end (design 3, the fence, 4)
struct DropSlots {
  std::vector<Slot> slots;
};                   // delete all keys of these slots (lost for good: rule I21)
struct FlushAll {};  // RESET or REPLICATE of an emptied replica
struct ListKeys {
  CommandTicket ticket = 0;
  Slot slot = 0;
  std::int64_t count = 0;  // below 0: FLUSHSLOT, all of them go and the answer is OK
};                         // answers GETKEYSINSLOT itself

// Slots on their way to another shard (proc_slot_export.cpp, proc_slot_import.cpp). A transfer is one attempt
// on one side; answers that name another one are ignored.
using TransferId = std::uint64_t;
struct MovedKey {  // a key as it is now
  std::string name;
  std::optional<std::string> payload;  // the engine's own form, a server's DUMP; absent: there is no such key
  std::int64_t expires_at_ms = 0;      // Unix time; 0: never
  friend bool operator==(const MovedKey&, const MovedKey&) = default;
};
struct BeginExport {  // from now on every change in these slots is noted; Promote, Follow and Detach end it
  TransferId transfer = 0;
  std::vector<Slot> slots;
};
struct PullExport {  // about so many bytes of keys not sent yet, or changed since; answer: Core::on_exported
  TransferId transfer = 0;
  std::size_t bytes = 0;
  bool behind_fence = false;  // no command can change these slots any more: what is uncertain goes once more
};
struct EndExport {
  TransferId transfer = 0;
};
struct EmptySlots {  // before a copy: what an earlier attempt left; answer: Core::on_imported
  TransferId transfer = 0;
  std::vector<Slot> slots;
};
struct ImportKeys {  // keys of slots that are not served here yet; answer: Core::on_imported
  TransferId transfer = 0;
  std::vector<MovedKey> keys;
};
struct AdoptSlots {  // the copy is this shard's data now: what is in these slots stays
  std::vector<Slot> slots;
  ShardId from;
};
using EngineAction = std::variant<Follow, Promote, Detach, CutOff, DropSlots, FlushAll, ListKeys, BeginExport,
                                  PullExport, EndExport, EmptySlots, ImportKeys, AdoptSlots>;

// ---- engine -> Core ----
struct EngineReport {  // pushed at every change of role or link, and at least each second
  bool is_replica = false;
  bool link_up = false;           // replica: the link to the followed primary is up
  bool sync_in_progress = false;  // replica: a full sync runs
  bool loading = false;           // the data set is being loaded from disk
  std::uint64_t offset = 0;       // own replication offset (primary: produced; replica: processed)
  std::string history;            // replication id of the data set's history
  bool completed_sync =
      false;  // replica: has completed a sync of the followed primary's history, or was primary
  std::uint64_t down_since_ms = 0;  // replica: how long the link has been down
  std::uint64_t keys = 0;           // keys in the data set
  std::uint64_t loaded_offset =
      0;                       // what the data set held when this process started (from RDB), 0 when empty
  std::uint32_t replicas = 0;  // primary: connected replicas
};

// Keys per slot, kept exact by the engine; Core only reads.
struct SlotUsage {  // of the commands about a slot
  std::uint64_t cpu_us = 0, bytes_in = 0, bytes_out = 0;
};
using SlotUsageTable = std::array<SlotUsage, slot_count>;

struct SlotKeyCounts {
  std::array<std::uint32_t, slot_count> keys{};
};

}  // namespace vswim::core
