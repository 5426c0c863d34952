// What the hot path reads: for every slot its owner, for every shard its primary's address as a client sees
// it. Rebuilt by Core when something changed, then read without asking anybody (main thread only).
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "core/slots.hpp"

namespace vswim::core {

// fenced: the slot is on its way to another shard; its commands, reads too, wait for where it ends up.
// handed_over: promised to the shard at the other end, of which it may be had by ASK until that one owns it.
enum class SlotMode : std::uint8_t { stable, migrating, importing, fenced, handed_over };

struct Route {  // one shard's primary
  ShardId shard;
  NodeId primary;
  std::string endpoint;                              // "host:port" as MOVED prints it for plain clients
  std::string tls_endpoint;                          // the same for TLS clients
  bool known = false;                                // false: no primary known, answer CLUSTERDOWN
  std::string endpoint_ipv6{}, tls_endpoint_ipv6{};  // for clients that came over IPv6
  std::string host{};                                // as its peers reach it, and
  std::uint16_t port = 0;                            // where it feeds replicas
};

struct RoutingTable {
  static constexpr std::uint16_t unowned = 0xffff;

  std::array<std::uint16_t, slot_count> owner{};  // index into routes; `unowned`
  std::array<SlotMode, slot_count> mode{};        // of slots that this node's shard serves or imports
  std::array<std::uint16_t, slot_count> peer{};   // of slots that are not stable: the other end's route
  std::vector<Route> routes;
  std::uint16_t own_route = unowned;  // index of this node's shard

  bool cluster_ok = false;       // CLUSTER INFO cluster_state (its lease part is `lease_until`)
  std::string down_reason;       // text of -CLUSTERDOWN when not cluster_ok
  bool primary_here = false;     // this node holds the settled right of primaryship
  bool replica_here = false;     // this node follows its shard's primary
  bool named_elsewhere = false;  // the shard's log names another node primary, followed already or not
  bool handed_over =
      false;  // shutting down, and the log names another primary already: everything is redirected
  bool writes_held = false;   // primaryship is fenced for a planned hand-over: writes wait, reads go on
  bool flushes_wait = false;  // slots are between two shards: what empties all slots waits for their end
  // The log names this node, which is primary in a moment; or this node hands over because it ends:
  // everything waits for that.
  bool arriving = false;
  Instant lease_until{};     // compare with the clock at every use (rule L6)
  std::uint64_t builds = 0;  // raised whenever the table is built anew
  std::uint64_t lapses = 0;  // raised whenever a lease ended, also when it was renewed later
  // What is in these is a copy of another shard's keys, on its way here: not to be seen yet, or any more.
  std::bitset<slot_count> copies;
  std::array<bool, slot_count>
      served{};  // primary_here and the slot is settled ACTIVE (or MIGRATING) in the log
};

// hold: neither run nor refused; decided anew when the table was rebuilt.
enum class Decision : std::uint8_t { serve, moved, ask, clusterdown, crossslot, tryagain, hold };

struct RouteQuery {
  Slot slot = 0;
  bool write = false;            // or a command that COMMAND does not flag but may write (design 3)
  bool readonly_client = false;  // READONLY was sent on this connection
  bool asking = false;
  bool allow_reads_when_down = false;
};

// Pure; `now` is read by the caller for this very command.
Decision decide(const RoutingTable& table, const RouteQuery& query, Instant now);
// The same for what may write but names no slot (FLUSHALL, a script without keys): serve, hold or
// clusterdown. `flushes`: it may empty all slots.
Decision decide_keyless_write(const RoutingTable& table, Instant now, bool flushes);
// The error of Decision::clusterdown, with its code: "CLUSTERDOWN ...".
std::string clusterdown_text(const RoutingTable& table, const RouteQuery& query, Instant now);
// "<host>:<port>" as such a client is told.
const std::string& endpoint_for(const Route& route, bool tls, bool ipv6);
// "MOVED <slot> <host>:<port>" for a slot whose Decision was `moved`.
std::string moved_text(const RoutingTable& table, Slot slot, bool tls, bool ipv6 = false);

}  // namespace vswim::core
