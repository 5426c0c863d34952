// What the hot path reads: for every slot its owner, for every shard its primary's address as a client sees
// it. Rebuilt by Core when something changed, then read without asking anybody (main thread only).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/slots.hpp"

namespace vswim::core {

enum class SlotMode : std::uint8_t { stable, migrating, importing };

struct Route {  // one shard's primary
  ShardId shard;
  NodeId primary;
  std::string endpoint;      // "host:port" as MOVED prints it for plain clients
  std::string tls_endpoint;  // the same for TLS clients
  bool known = false;        // false: no primary known, answer CLUSTERDOWN
};

struct RoutingTable {
  static constexpr std::uint16_t unowned = 0xffff;

  std::array<std::uint16_t, slot_count> owner{};  // index into routes; `unowned`
  std::array<SlotMode, slot_count> mode{};        // of slots that this node's shard serves or imports
  std::vector<Route> routes;
  std::uint16_t own_route = unowned;  // index of this node's shard

  bool cluster_ok = false;    // CLUSTER INFO cluster_state (its lease part is `lease_until`)
  std::string down_reason;    // text of -CLUSTERDOWN when not cluster_ok
  bool primary_here = false;  // this node holds the settled right of primaryship
  bool replica_here = false;  // this node follows its shard's primary
  bool handed_over =
      false;  // shutting down, and the log names another primary already: everything is redirected
  Instant lease_until{};     // compare with the clock at every use (rule L6)
  std::uint64_t builds = 0;  // raised whenever the table is built anew
  std::uint64_t lapses = 0;  // raised whenever a lease ended, also when it was renewed later
  std::array<bool, slot_count>
      served{};  // primary_here and the slot is settled ACTIVE (or MIGRATING) in the log
};

enum class Decision : std::uint8_t { serve, moved, ask, clusterdown, crossslot, tryagain };

struct RouteQuery {
  Slot slot = 0;
  bool write = false;            // or a command that COMMAND does not flag but may write (design 3)
  bool readonly_client = false;  // READONLY was sent on this connection
  bool asking = false;
  bool allow_reads_when_down = false;
};

// Pure; `now` is read by the caller for this very command.
Decision decide(const RoutingTable& table, const RouteQuery& query, Instant now);
// The error of Decision::clusterdown, with its code: "CLUSTERDOWN ...".
std::string clusterdown_text(const RoutingTable& table, const RouteQuery& query, Instant now);
// "MOVED <slot> <host>:<port>" for a slot whose Decision was `moved`.
std::string moved_text(const RoutingTable& table, Slot slot, bool tls);

}  // namespace vswim::core
