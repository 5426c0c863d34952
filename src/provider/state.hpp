// The inside of a Provider, shared by the rooms of src/provider only. One struct, because the procedures
// (join, move, forget) each touch membership, gossip, seats and the state file; one file per idea, because
// nobody should have to read them all.
//
//   provider.cpp     the face: inputs, timers, the pump that drains the machines after every input
//   start.cpp        from a state file to a running node
//   state_file.cpp   records out: appends, compaction, what waits for the disk
//   inbound.cpp      a verified packet to the machines
//   outbound.cpp     machines' messages to packets
//   seats.cpp        shard-log seats: opening, events, ending
//   view.cpp         SWIM + leases -> the contract's membership; witness candidates
//   join.cpp         MEET            move.cpp  REPLICATE, NO ONE           forget.cpp  FORGET, RESET
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "provider/provider.hpp"
#include "provider/repair.hpp"
#include "provider/snapshot_budget.hpp"
#include "wire/file_records.hpp"
#include "wire/packet.hpp"

namespace vswim::provider {

// MEET in progress, as the joiner. `ticket` absent: another node invited us.
struct PendingJoin {
  std::optional<Ticket> ticket;
  std::uint64_t request = 0;
  std::uint64_t inviters_request = 0;  // to answer with JoinResult when we were invited
  std::vector<Address> endpoints;
  std::size_t next_endpoint = 0;
  Instant deadline{};
  Instant ask_again{};
  std::optional<wire::JoinAnswer> answer;  // under Core's review, or accepted and waiting for the disk
  bool invited_peer = false;               // the other side joins us; we wait for its JoinResult
  std::uint64_t write = 0;  // state-file write that must be durable before the switch; 0: none yet
};

// REPLICATE, NO ONE or the landing in a fresh shard, as the mover (design 1, steps 1 to 4).
struct PendingMove {
  enum class Step : std::uint8_t { intent, release, leave_old, enter_new, record };
  Step step = Step::intent;
  std::optional<Ticket> ticket;  // absent: resumed after a crash
  ShardId from;
  bool fresh = false;         // the target is a new shard of our own
  bool may_close = false;     // the old shard had no other member when the move was asked for
  std::uint64_t write = 0;    // the write that must be durable before the next step
  Ticket inner;               // request at the old seat
  std::uint64_t request = 0;  // ShardRequest to the new shard
  std::size_t attempt = 0;
  Instant next_try{};
  Instant give_up{};
  bool left_old = false;
  Epoch epoch;
  std::string refusal;
};

// FORGET of another node: its shard drops it first.
struct PendingForget {
  Ticket ticket;
  NodeId victim;
  std::uint64_t request = 0;
  std::size_t attempt = 0;
  Instant next_try{};
  Instant deadline{};
};

// RESET or FORGET of myself: leave the shard, then be alone.
struct PendingReset {
  std::optional<Ticket> ticket;
  bool new_node_id = false;
  bool told = false;
  Instant deadline{};
  std::uint64_t write = 0;
};

// A voter change asked of one of our seats: by a peer (ShardRequest) or by ourselves.
struct SeatRequestOrigin {
  std::optional<Address> peer;  // answer with ShardAnswer
  std::uint64_t request = 0;
};

struct PeerLeaseState {
  bool ended = false;
  Instant since{};
  Instant
      asserted{};  // evidence is repeated while it holds; what nobody repeats was withdrawn and the news lost
};

// What Core was last told of a member, as far as it decides whether there is news.
struct ShownMember {
  std::uint64_t digest = 0;  // of id, shard, address and health
  Instant heard_at{};
};

// What ProviderStatus' fields are made of.
struct ShownStatus {
  std::optional<NodeId> leader;
  shard_log::Configuration configuration;
  bool majority = false;
  std::size_t seats = 0;
  friend bool operator==(const ShownStatus&, const ShownStatus&) = default;
};

struct Provider::State {
  State(const Settings& settings_in, Instant now, std::uint64_t seed);

  Settings settings;
  Rng rng;
  wire::NodeRecord record;
  std::optional<swim::Swim> swim;
  std::optional<gossip::Gossip> global;
  std::optional<gossip::Gossip> shard_gossip;
  std::map<ShardId, shard_log::ShardLog> seats;
  struct VacantSeat {  // opened and not installed yet; it may be named in a change that is committed already
    Instant asks_at;
    bool doubted = false;  // its shard has been asked whether it still wants it
  };
  std::map<ShardId, VacantSeat> vacant_seats;
  std::map<ShardId, Instant> ended_seats;  // kept for a while to answer late messages, then dropped
  std::uint64_t namespace_number = 1;
  Output out;
  Counters counters;
  Address self_address;  // as advertised; ip learned from peers when not configured

  // state file
  std::uint64_t last_write = 0;
  std::uint64_t durable_write = 0;
  std::size_t file_bytes = 0;
  std::size_t file_base_bytes = 0;
  struct SeatWrite {
    std::uint64_t write = 0;
    ShardId shard;
    VoterUuid uuid;  // a dropped and reopened seat counts anew
    PersistSequence upto;
  };
  std::deque<SeatWrite> seat_writes;
  bool members_dirty = false;
  bool gossip_dirty = false;
  Instant members_saved{};
  Instant gossip_saved{};

  // operations under way
  std::uint64_t next_request = 1;
  ProposalSequence last_proposal;
  std::map<ProposalSequence, Ticket> proposals;
  std::map<Ticket, SeatRequestOrigin> seat_requests;
  std::optional<PendingJoin> join;
  std::optional<PendingMove> move;
  std::vector<PendingForget> forgets;
  std::optional<PendingReset> reset;
  Instant no_switch_until{};  // we accepted a joiner: our cluster id must not change under it, and we are not
                              // alone
  NodeId accepted_joiner;

  // view
  bool view_dirty = true;
  std::map<NodeId, PeerLeaseState> peer_leases;  // of my shard's members, as its leader has proven
  std::vector<ShownMember> last_view;
  std::optional<ShownStatus> last_status;

  Instant next_tick{};
  Instant next_gossip{};
  Instant next_view = Instant::never();  // changes wait to be shown
  Instant last_view_at = Instant::long_ago();
  bool leaving = false;
  std::vector<NodeId> news_sources;  // members asked for the global namespace since this start
  SnapshotBudget snapshot_budget;
  bool wants_news = false;  // the file's copy of it is as old as the last life

  // ---- provider.cpp
  void pump(Instant now);
  bool busy() const;
  void on_member_changed(const NodeId& node);
  void show_members(std::int64_t patience, bool at_once);
  void on_tick(Instant now);
  void submit(Instant now, const contract::Operation& operation);
  Ticket inner_ticket();
  void complete(const Ticket& ticket, contract::Outcome outcome, std::string text = {});
  void emit(contract::Event event) { out.events.push_back(std::move(event)); }
  void note(NoteLevel level, std::string text) { out.notes.push_back({level, std::move(text)}); }
  Rng fork_rng() { return Rng(rng.next()); }

  // ---- start.cpp
  void start_fresh(Instant now);
  bool start_from(Instant now, const std::vector<wire::FileRecord>& records, std::string& error);
  void start_machines(Instant now);
  swim::MemberUpdate self_record() const;

  // ---- state_file.cpp
  std::uint64_t append(const wire::FileRecord& file_record);
  std::uint64_t append_bytes(std::string bytes);
  std::uint64_t save_node_record() { return append(record); }
  void append_seat_output(const ShardId& shard, const shard_log::Output& output);
  void rewrite_file();
  void compact_if_large();
  void save_hints(Instant now, bool at_once);
  void on_durable(Instant now, std::uint64_t sequence);

  // ---- inbound.cpp
  void on_bytes(Instant now, const Address& from, std::string_view bytes, Transport transport);
  void on_packet(Instant now, const Address& from, wire::Packet& packet);
  void on_gossip(Instant now, wire::Packet& packet);
  void on_shard_log(Instant now, const NodeId& sender, const wire::ShardLogPart& part);
  void on_seat_message(Instant now, const NodeId& sender, const ShardId& shard,
                       const shard_log::Message& message);
  void on_control(Instant now, const Address& peer, const wire::Packet& packet);
  void ask_for_news(const NodeId& sender, const Address& peer);
  void on_repair_request(Instant now, const Address& peer, const wire::SnapshotRequest& request);
  template <class Answer>
  void on_repair(Instant now, const Address& peer, const Answer& answer);
  Holding holding(contract::Scope scope);
  void learn_own_address(Instant now, const Address& observed);

  // ---- outbound.cpp
  wire::Packet blank_packet(const Address& to) const;
  void transmit(const Address& to, wire::Packet&& packet, bool large = false);
  void send_control(const Address& to, wire::Control control, bool may_be_datagram = false);
  void send_swim(const swim::Datagram& datagram);
  void send_seat(const ShardId& shard, const std::vector<shard_log::Send>& sends);  // none to this node
  void send_gossip_round(Instant now);
  void push_large_news();
  void repair_with(const NodeId& node, contract::Scope scope);
  void send_gossip(const NodeId& node, contract::Scope scope, std::vector<gossip::BatchUpdate> batches,
                   bool large);
  void send_to_core(const contract::SendToCore& operation);
  std::optional<Address> address_of(const NodeId& node) const;

  // ---- seats.cpp
  shard_log::ShardLog* own_seat();
  const shard_log::ShardLog* own_seat() const;
  shard_log::Seat seat_identity(const ShardId& shard, const VoterUuid& uuid, bool has_core) const;
  void bootstrap_own_shard(Instant now, const ShardId& shard);
  void open_vacant_seat(Instant now, const ShardId& shard, const VoterUuid& uuid);
  void await_install(Instant now, const ShardId& shard);
  void tick_vacant_seats(Instant now);
  bool is_unwanted(const ShardId& shard, const shard_log::Message& message) const;
  void drain_seat(Instant now, const ShardId& shard);
  bool is_outdated(const ShardId& shard, const shard_log::Message& message) const;
  void on_seat_event(Instant now, const ShardId& shard, const shard_log::Event& event);
  void on_seat_ended(Instant now, const ShardId& shard, const std::string& reason);
  void drop_seat(ShardId shard);  // by value: callers name it by the map's own key
  void tick_seats(Instant now);
  void ask_seat(Instant now, const ShardId& shard, Ticket inner, bool add, const NodeId& node,
                const VoterUuid& uuid);
  void on_seat_request_done(Instant now, const shard_log::MembershipDone& done);
  void propose(Instant now, const contract::UpdateShardLog& operation);
  // Core's membership moves to `shard` (already in the record and durable): Reset, then everything from the
  // new seat.
  void enter_shard(Instant now, const ShardId& shard);

  // ---- view.cpp
  void publish_view(Instant now, const std::vector<swim::MemberView>& views);
  void publish_status();
  contract::Health health_of(Instant now, const swim::MemberView& view) const;
  void refresh_policies(Instant now, const std::vector<swim::MemberView>& views);
  void on_peer_lease(Instant now, const NodeId& node, bool ended);
  void on_lease_evidence(Instant now, const NodeId& sender, const wire::LeaseEvidence& evidence);
  void accuse(Instant now, const NodeId& node);
  void tell_evidence(const NodeId& node, bool ended);
  void judge_unseated(Instant now);
  void repeat_evidence(Instant now);
  std::vector<NodeId> shard_members(const ShardId& shard) const;

  // ---- join.cpp
  bool alone() const;
  void start_join(Instant now, const contract::JoinCluster& operation);
  void ask_to_join(Instant now);
  void on_join_request(Instant now, const Address& peer, const wire::Packet& packet,
                       const wire::JoinRequest& request);
  void on_join_answer(Instant now, const wire::Packet& packet, const wire::JoinAnswer& answer);
  void on_join_result(Instant now, const wire::JoinResult& result);
  void on_join_verdict(Instant now, const contract::JoinVerdict& verdict);
  void switch_cluster(Instant now);
  void end_join(bool ok, const std::string& text);
  void tick_join(Instant now);
  // Another cluster id, the members and registers that come with it (none: alone).
  void replace_cluster(Instant now, const std::vector<swim::MemberUpdate>& members,
                       const gossip::Snapshot& snapshot);

  // ---- move.cpp
  void start_move(Instant now, std::optional<Ticket> ticket, const ShardId& target, bool fresh);
  void advance_move(Instant now);
  void finish_move(Instant now);
  void undo_move(Instant now, const std::string& reason);
  void resume_move(Instant now);
  void renew_target_seat(Instant now);
  void ask_new_shard(Instant now);
  void on_shard_request(Instant now, const Address& peer, const wire::ShardRequest& request);
  void on_shard_answer(Instant now, const wire::ShardAnswer& answer);

  // ---- forget.cpp
  void start_forget(Instant now, const contract::RemoveFromCluster& operation);
  void ask_to_drop(Instant now, PendingForget& forget);
  void on_drop_answer(Instant now, std::uint64_t request, contract::Outcome outcome, const std::string& text);
  void tick_forgets(Instant now);
  void start_reset(Instant now, std::optional<Ticket> ticket, bool new_node_id);
  void advance_reset(Instant now);
  void say_farewell();
  void become_alone(Instant now);
};

}  // namespace vswim::provider
