// The SWIM machine with Lifeguard: one node's view of who is in the cluster. Sans-IO: messages and timers in,
// datagrams and events out. Sources: SWIM (DSN'02), Lifeguard (arXiv 1707.00788); design 2, section 1.
//
// It does not know of shards' leases, metadata, packets or the network: the provider frames its datagrams,
// adds gossip to the spare bytes, and maps statuses to the contract's health.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/note.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "swim/messages.hpp"

namespace vswim::swim {

class Descriptions;

struct Settings {
  Duration probe_period = seconds(1);
  Duration probe_timeout = milliseconds(500);
  Duration gossip_interval = milliseconds(200);
  std::uint32_t gossip_fanout = 5;
  std::uint32_t indirect_probes = 3;
  std::uint32_t suspicion_multiplier = 2;   // minimum suspicion = this * max(1, log10(N)) * probe_period
  std::uint32_t suspicion_max_factor = 12;  // maximum = this * minimum
  // Each rumour is sent this * log10(N + 1) times. Some of the members that are told of a death have died as
  // well: 4 left a few views of a hundred deaths to repair. Who is alive says so itself.
  std::uint32_t retransmit_multiplier = 6;
  std::uint32_t retransmit_alive_multiplier = 4;
  std::uint32_t local_health_max = 8;
  std::uint32_t confirmations = 3;  // K independent confirmations that shorten a suspicion
  // Of those who hear of a new suspicion, so many on average ask the suspect at once themselves: they confirm
  // it, or bring the refutation. Their turns in the order of probes come later by one period.
  std::uint32_t second_opinions = 6;
  Duration down_probe_horizon = seconds(24 * 3600);
  std::shared_ptr<Descriptions> descriptions;  // shared by nodes simulated in one process; null: its own
  // Space for member updates in one datagram, counted by update_bytes.hpp: 24 that name address and shard,
  // 41 that do not, with the frame and the roots fill 1 400 bytes.
  std::size_t updates_bytes_max = 1'250;
};

// One member as this node sees it.
struct MemberView {
  MemberUpdate record;
  Instant changed_at{};  // when the status last changed here
  Instant heard_at{};    // last direct or relayed proof of life
};

struct Datagram {
  NodeId to;  // nil when only the address is known (seed)
  Address address;
  Message message;
  std::vector<MemberUpdate> updates;  // at most Settings::updates_bytes_max worth
};

struct MemberChanged {  // status, address, shard or life of a member changed
  NodeId id;
};
struct SelfRefuted {  // this node's incarnation (or join number) was raised: persisting is not needed,
                      // spreading is done
  Life life;
};
struct SelfForgotten {};  // this node heard that the cluster forgot it (join number and up)
using Event = std::variant<MemberChanged, SelfRefuted, SelfForgotten>;

struct Output {
  std::vector<Datagram> datagrams;
  std::vector<Event> events;
  std::vector<Note> notes;
};

class Swim {
 public:
  // `self` carries this life's join number and generation; incarnation starts at 0.
  Swim(const Settings& settings, const MemberUpdate& self, Instant now, Rng rng);
  ~Swim();
  Swim(Swim&&) noexcept;
  Swim& operator=(Swim&&) noexcept;

  // A verified datagram of a peer: `from` is its id, `address` where it came from, `life` the sender's own.
  void step(Instant now, const NodeId& from, const Address& address, const Message& message,
            std::span<const MemberUpdate> updates);
  void on_timer(Instant now);
  Instant next_deadline() const;
  Output take_output();

  // Member records learned otherwise (join snapshot, state file): merged by the same precedence, not spread
  // when they come from the state file (`hint`).
  void merge(Instant now, std::span<const MemberUpdate> updates, bool hint);

  // Shard evidence (design 2, section 0): the leader of its shard has proven that this life of `node` is
  // over. Believed at once and spread as a rumour; refuted like any other death.
  void confirm_dead(Instant now, const NodeId& node, const Life& life);
  // First-hand proof of life by other traffic (a shard-log message of that node).
  void heard(Instant now, const NodeId& node, const Address& address);
  // `node` sent something from `address` in this life. If a later one than is held here, it is asked for its
  // record: relays may reach a member that is not where this node believes it to be.
  void compare(Instant now, const NodeId& node, const Life& life, const Address& address);

  void forget(Instant now, const NodeId& node);  // spread a tombstone (node id, join number)
  bool is_forgotten(const NodeId& node, JoinNumber join) const;
  void leave(Instant now);  // tell everybody; the caller keeps the machine until output is sent
  void set_seeds(std::vector<Address> seeds);  // announced to while unknown or down
  // Announce this node's record to an address of which no id is known (address hint, restart under new
  // addresses).
  void announce_to(Instant now, const Address& address);
  void set_self(Instant now, const Address& address, const ShardId& shard, Epoch shard_epoch);
  void set_self_join(Instant now, JoinNumber join);

  const MemberUpdate& self() const;
  std::vector<MemberView> members() const;  // myself and every member that is not forgotten, in id order
  std::vector<NodeId> in_shard(const ShardId& shard) const;  // of those: the ids, without copying all
  std::optional<MemberView> find(const NodeId& node) const;  // nothing when unknown or forgotten
  std::vector<MemberUpdate> snapshot() const;                // everything a joiner needs, tombstones included
  std::size_t size() const;                // how many members() would give, without making them
  std::size_t count(Status status) const;  // this node included
  // Equal on two nodes that know the same starts of the same members and hold the same of them for dead; gone
  // ones do not count. Part of the root that packets carry, so that who has missed a member, a start (it may
  // be at another address) or a death finds out.
  std::uint64_t digest() const;
  // Up to `count` distinct others that are believed alive or suspect, at random.
  std::vector<NodeId> sample(std::size_t count, Rng& random) const;
  std::uint32_t local_health() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vswim::swim
