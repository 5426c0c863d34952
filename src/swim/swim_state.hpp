// What the root of the machine holds, for its own files only: swim.cpp (the face), membership.cpp (records
// in, what follows from them), receive.cpp (messages in), detector.cpp (timers), dissemination.cpp (datagrams
// out).
//
// Invariants: `up` holds exactly the other members believed alive or suspect, `down` only dead ones,
// `suspicions` one entry per suspect. A member's status changes in `store` alone. Slot 0 is this node.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "swim/broadcast_queue.hpp"
#include "swim/lifeguard.hpp"
#include "swim/member_table.hpp"
#include "swim/precedence.hpp"
#include "swim/probe.hpp"
#include "swim/probe_order.hpp"
#include "swim/suspicion.hpp"
#include "swim/swim.hpp"
#include "swim/update_bytes.hpp"

namespace vswim::swim {

constexpr std::int64_t self_news_periods = 5;  // several times what a rumour takes to reach everybody
constexpr std::size_t bulk_merge_min = 16;  // records merged at once from here on are a snapshot: not spread
constexpr std::size_t quick_pings_max = 8;  // dead members asked at once because others call them alive
constexpr std::size_t suspect_pings_max = 8;     // own suspects pinged again at once
constexpr std::size_t second_opinions_from = 8;  // members: in fewer, nearly everybody would ask
constexpr std::size_t second_opinions_max = 2;   // waiting at once: each may take a period
constexpr std::int64_t suspicion_checks = 8;     // a period; deaths in between are found together
constexpr std::size_t revival_pings = 2;         // further dead members asked when one turned out alive
constexpr std::size_t down_probe_share = 8;  // all nodes together ping each dead member this often a period
constexpr std::int64_t healing_periods =
    10;                                   // dead members are asked every period after one turned out alive
constexpr std::int64_t burst_speed = 8;   // times faster rounds of gossip while many deaths are to be told
constexpr std::size_t farewells_min = 8;  // datagrams a leaver sends, repeated in small clusters
constexpr std::int64_t seed_periods = 5;  // seeds are looked after this often while others are up
constexpr std::size_t tombstones_max = 10'000;  // above, those older than the horizon may go (I18)

struct Suspicion {
  Slot slot = no_slot;
  Instant started_at{};
  Instant asked_at = Instant::long_ago();  // when it was last told, by a ping, that we suspect it
  bool observed_here = false;  // this node's own probe missed it: counted among the observers once
};

struct Seed {
  Address address;
  Slot slot = no_slot;  // who was last seen there
};

// Where a record came from. `from` nil: not from a datagram.
struct Source {
  NodeId from;
  Address address;
  bool spread = true;
};

struct Swim::State {
  State(const Settings& given, const MemberUpdate& self, Instant now, Rng random);

  // membership.cpp
  Verdict apply(Instant now, const MemberUpdate& update, const Source& source);
  void apply_to_self(Instant now, const MemberUpdate& claim);
  Verdict arrive(Instant now, const MemberUpdate& record, bool spread);
  void store(Instant now, Slot slot, const MemberUpdate& record, bool spread);
  void begin_suspicion(Instant now, Slot slot);
  bool shares_shard(Slot slot) const;
  void maybe_ask_too(Instant now, Slot slot);
  void spread_self(Instant now);
  void enlist(Instant now, Slot slot);
  void refute(Instant now, const Life& claimed);
  void set_self(Instant now, const MemberUpdate& record);
  void suspect(Instant now, Slot slot);  // by own observation
  void fill_address(Instant now, Slot slot, const Address& address);

  // receive.cpp
  void receive(Instant now, const NodeId& from, const Address& address, const Message& message,
               std::span<const MemberUpdate> updates);
  void on_message(Instant now, Slot from, const Address& address, const Ping& ping);
  void on_message(Instant now, Slot from, const Address& address, const PingRequest& request);
  void on_message(Instant now, Slot from, const Address& address, const Ack& ack);
  void on_message(Instant now, Slot from, const Address& address, const Nack& nack);
  void on_message(Instant now, Slot from, const Address& address, const Rumours& rumours);

  // detector.cpp
  void on_timer(Instant now);
  Instant next_deadline() const;
  void end_period(Instant now);
  Slot next_target();
  void begin_probe(Instant now);
  void ask_relays(Instant now);
  void ping_again(Instant next);
  void check_suspicions(Instant now);
  Duration suspicion_lasts(std::uint32_t confirmations) const;
  Suspicion* suspicion_of(Slot slot);
  void probe_down(Instant now);
  void expire_one(Instant now);

  // dissemination.cpp
  void send(Slot to, const Address& address, Message message, bool with_self);
  void ping_untracked(Slot to);
  void ask_for_record(Slot of, const Address& address);
  void tell(Instant now, Slot slot, const Address& address);
  void greet(Instant now, Slot slot, const Address& address);
  void introduce(Slot slot);
  Duration gossip_pause() const;
  void gossip(Instant now);
  void announce(const Address& address);
  void announce_to_seeds(Instant now);
  bool seed_is_up(Seed& seed) const;
  void leave(Instant now);
  std::vector<MemberUpdate> pack(Slot to, bool with_self);
  MemberUpdate rumour_of(Slot slot) const;
  // Own words and members to talk to: all in full.
  std::size_t introduced_max() const {
    return std::max<std::size_t>(settings.updates_bytes_max / full_update_bytes, 1);
  }
  // Whether a first word to this member should carry the own record: it may lack it, and rumours may not have
  // brought it yet. Who lacks it later is told when it does not answer.
  bool introduces_self(Instant now, Slot to) const { return !table.knows_us(to) && now < self_news_until; }

  const MemberUpdate& self() const { return table.self(); }
  MemberView view_of(Slot slot) const {
    return {table.record(slot), table.changed_at(slot), table.heard_at(slot)};
  }
  bool is_active() const { return !has_left && !is_forgotten; }
  void note(NoteLevel level, std::string text) { output.notes.push_back({level, std::move(text)}); }

  Settings settings;
  Rng rng;
  MemberTable table;
  BroadcastQueue rumours;
  ProbeOrder up;
  ProbeOrder down;
  LocalHealth health;
  std::optional<Probe> probe;
  std::vector<Slot> second_opinions;  // suspects that the next probes ask, before whose turn it is
  Errands errands;
  std::vector<Suspicion> suspicions;
  std::vector<Seed> seeds;
  std::vector<Slot> corrections;  // of the datagram being received: the sender is wrong about them
  std::size_t quick_pings = 0;    // of the input being handled
  Slot expiry_cursor = 0;
  std::uint32_t last_sequence = 0;
  bool has_left = false;
  bool is_forgotten = false;

  Instant next_probe_at = Instant::never();
  Instant next_down_at = Instant::never();
  Instant next_gossip_at = Instant::long_ago();
  Instant next_seed_at = Instant::never();
  Instant healing_until = Instant::long_ago();
  Instant next_suspicion_at = Instant::never();
  Instant self_news_until = Instant::long_ago();
  Output output;
};

}  // namespace vswim::swim
