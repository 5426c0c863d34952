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
  std::int64_t count = 0;
};  // answers GETKEYSINSLOT itself
struct SaveConfigDone {};
using EngineAction = std::variant<Follow, Promote, Detach, CutOff, DropSlots, FlushAll, ListKeys>;

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
struct SlotKeyCounts {
  std::array<std::uint32_t, slot_count> keys{};
};

}  // namespace vswim::core
