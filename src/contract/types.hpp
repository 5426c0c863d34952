// The contract between Core and a provider (Valkey RFC 35, restated in docs/protocol.md) as C++ values.
// Core hands Operations to a provider and receives Events; both are plain values, so they cross threads, the
// C ABI (include/valkey_swim/cluster_provider.h) and the simulator alike. Every operation that can fail
// carries a Ticket and is answered by exactly one Completed with the same ticket.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "base/counter.hpp"
#include "base/ids.hpp"
#include "base/time.hpp"

namespace vswim::contract {

// Opaque to Core: it copies, compares and prints revisions, it never makes one. Ordered within one register
// of a gossip namespace, and over the whole of one shard log (where `writer` is nil).
struct Revision {
  std::uint64_t major =
      0;  // gossip: counter; shard log: ballot round (informational; order is by minor there)
  std::uint64_t minor = 0;  // gossip: 0; shard log: dense revision counter
  NodeId writer;            // gossip: who wrote; shard log: nil

  friend bool operator==(const Revision&, const Revision&) = default;
  // Shard-log revisions are ordered by their dense counter alone; gossip revisions by (counter, writer).
  friend auto operator<=>(const Revision& a, const Revision& b) {
    if (auto c = a.minor <=> b.minor; c != 0) return c;
    if (auto c = a.major <=> b.major; c != 0) return c;
    return a.writer <=> b.writer;
  }
  std::string text() const {
    return std::to_string(major) + "." + std::to_string(minor) +
           (writer.is_nil() ? "" : "@" + writer.hex().substr(0, 8));
  }
};

enum class Scope : std::uint8_t { shard, global };  // the two gossip namespaces

// One register write inside an atomic batch. `expected` absent: the register must not exist.
struct Write {
  std::string key;
  std::optional<std::string> value;  // absent: delete
  std::optional<Revision> expected;
  friend bool operator==(const Write&, const Write&) = default;
};
using Batch = std::vector<Write>;

// ---- Core -> provider
// -------------------------------------------------------------------------------------------

struct JoinCluster {  // CLUSTER MEET; endpoints are bus addresses, tried in order
  Ticket ticket;
  std::vector<Address> endpoints;
};
struct JoinVerdict {  // Core's answer to JoinReview
  Ticket ticket;
  bool accept = false;
  std::string reason;
};
struct RemoveFromCluster {  // CLUSTER FORGET; myself = leave gracefully, then be alone in a new cluster
                            // (RESET)
  Ticket ticket;
  NodeId node;
  bool new_node_id = false;        // RESET HARD, for myself only
  bool victim_owns_slots = false;  // Core's knowledge: a live owner is refused
};
struct JoinShard {  // CLUSTER REPLICATE
  Ticket ticket;
  ShardId shard;
};
struct RemoveFromShard {  // myself: land in a fresh shard of my own (CLUSTER REPLICATE NO ONE)
  Ticket ticket;
  NodeId node;
};
struct UpdateGossip {
  Ticket ticket;
  Scope scope = Scope::global;
  Batch batch;
};
struct UpdateShardLog {
  Ticket ticket;
  Batch batch;
};
struct StandFirst {  // advisory rank in the next election, 0 = should lead now
  std::uint32_t rank = 0;
};
struct Shown {  // Core's main thread has applied this shard-log revision (rule L5); `incarnation` from the
                // update
  std::uint64_t namespace_number = 0;
  Revision revision;
};
struct Pulse {};       // Core's main thread is alive (rule L8)
struct ReleaseLease {  // Core has stopped serving on purpose: give the lease, and leadership, back (rule L9)
  Ticket ticket;
};
struct ResumeLease {
};  // after ReleaseLease: Core goes on after all (a shutdown that failed); asks for the lease again
struct SendToCore {  // Core to Core; not part of the provider ABI (design 1, section 3): best effort, may be
                     // lost
  NodeId to;
  std::string bytes;
};

using Operation =
    std::variant<JoinCluster, JoinVerdict, RemoveFromCluster, JoinShard, RemoveFromShard, UpdateGossip,
                 UpdateShardLog, StandFirst, Shown, Pulse, ReleaseLease, ResumeLease, SendToCore>;

// ---- provider -> Core
// -------------------------------------------------------------------------------------------

enum class Outcome : std::uint8_t {
  ok,       // done; for UpdateShardLog: committed and settled
  stale,    // an expected revision did not match; nothing was written
  failed,   // refused, `text` says why; it did not happen and never will
  unknown,  // it may or may not have happened (or still happen); look at the notifications
};
struct Completed {
  Ticket ticket;
  Outcome outcome = Outcome::failed;
  std::string text;
  std::optional<Revision> revision;  // UpdateShardLog ok: the batch's revision
};

enum class Health : std::uint8_t { ok, pfail, fail };
struct Member {
  NodeId id;
  ShardId shard;
  Address address;  // ip and bus port as the provider reaches it
  Health health = Health::ok;
  Instant suspected_at{};  // when health left ok; 0 when ok (CLUSTER NODES ping-sent)
  Instant heard_at{};      // last proof of life (CLUSTER NODES pong-recv)
  bool operator==(const Member&) const = default;
};
struct MembershipChanged {  // the whole view, myself included, pushed at every change
  NodeId self;
  ShardId own_shard;
  std::vector<Member> members;
};

struct Register {
  std::string key;
  std::optional<std::string> value;  // absent: deleted
  Revision revision;                 // of this register's last write
  friend bool operator==(const Register&, const Register&) = default;
};
struct GossipUpdated {
  Scope scope = Scope::global;
  std::vector<Register> registers;
};
struct ShardLogUpdated {
  std::uint64_t namespace_number = 0;  // changes with every Reset of the shard namespaces; echo it in Shown
  Revision revision;                   // the log's revision once these registers are applied
  bool snapshot = false;  // the whole map (whatever is not in it does not exist), or entries coalesced
  std::vector<Register> registers;
};
struct Settled {  // no lease holder can still be behind this revision (rule L4b)
  std::uint64_t namespace_number = 0;
  Revision revision;
};
enum class Namespace : std::uint8_t { global, shard };  // shard: shard gossip and shard log together
struct Reset {  // every revision of the namespace handed out before is stale
  Namespace which = Namespace::shard;
  std::uint64_t namespace_number = 0;
  NodeId self;
  ShardId own_shard;
};
struct Heartbeat {  // this node is OK until then
  Instant deadline;
};
struct ClusterDown {
  std::string reason;
};
struct JoinReview {  // the joined cluster's complete global namespace, before anything changed here; answer
                     // JoinVerdict
  Ticket ticket;
  std::vector<Register> registers;
  std::vector<Member> members;
};
struct ReceivedFromCore {
  NodeId from;
  std::string bytes;
};
struct ProviderStatus {  // for INFO fields and people; never for decisions
  std::vector<std::pair<std::string, std::string>> fields;
};

using Event = std::variant<Completed, MembershipChanged, GossipUpdated, ShardLogUpdated, Settled, Reset,
                           Heartbeat, ClusterDown, JoinReview, ReceivedFromCore, ProviderStatus>;

}  // namespace vswim::contract
