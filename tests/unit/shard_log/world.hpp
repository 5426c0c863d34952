// A small deterministic world for shard-log seats: virtual time, clocks that drift, a network that drops,
// delays, duplicates and parts, disks that lose what was not synced, and a Core per node that follows rule
// L4b. An oracle looks at every step with true time and reports the first invariant that is broken.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "oracle.hpp"
#include "shard_log/shard_log.hpp"

namespace vswim::shard_log::test {

struct Faults {
  std::uint32_t drop_ppm = 0;
  std::uint32_t duplicate_ppm = 0;
  Duration delay_min = microseconds(50);
  Duration delay_max = microseconds(500);
  std::uint32_t slow_ppm = 0;  // a message that takes up to delay_slow
  Duration delay_slow = milliseconds(300);
  Duration sync_max = milliseconds(2);
  std::uint32_t slow_sync_ppm = 0;  // a sync that takes up to 300 ms
  Duration core_max = milliseconds(3);
  std::uint32_t slow_core_ppm = 0;  // an update that Core applies only after up to core_slow
  Duration core_slow = milliseconds(700);
  std::int64_t clock_ppm = 10'000;
};

// This node's Core: one register that matters, taken by CAS, held by rule L4b.
struct FakeCore {
  bool on = false;
  std::map<std::string, Register> registers;
  Revision applied = 0;
  Revision settled = 0;
  Instant lease = Instant::long_ago();  // on the node's clock
  bool right = false;                   // primaryship, taken up
  std::set<NodeId> failed;              // FAIL, as a leader has proven
  bool wants_primaryship = false;
  std::optional<ProposalSequence> bid;
};

struct Node {
  NodeId id;
  VoterUuid uuid;
  std::int64_t rate_ppm = 0;
  Duration offset;
  bool up = true;
  std::uint64_t life = 1;
  std::optional<ShardLog> seat;
  FakeCore core;
  std::vector<Record> disk;
  struct Write {
    std::vector<Record> records;
    bool compacted = false;
    PersistSequence upto;
  };
  std::deque<Write> writes;
  Instant disk_free{};
  Instant core_free{};
  Instant silent_until = Instant::long_ago();  // rule L7, from what is on the disk
  ProposalSequence last_proposal;
  std::uint64_t timer_token = 0;
  Instant timer_at = Instant::never();
  Instant spin_since{};
  int spins = 0;
  bool wants_seat = false;  // to be added by its own request, through a member
  std::optional<Ticket> asking;
};

class World {
 public:
  World(std::uint64_t seed, std::size_t nodes, const Settings& settings = {});

  // ---- acting ----
  void bootstrap(std::size_t node);
  void add_member(std::size_t node);     // opens a vacant seat and asks until it is in
  void remove_member(std::size_t node);  // asked of any member
  void crash(std::size_t node);
  void restart(std::size_t node);
  void lose_memory(std::size_t node);  // crash, empty disk, a new voter uuid
  void part(std::set<std::size_t> side);
  void heal();
  void cut(std::size_t from, std::size_t to, bool is_cut = true);
  void run_for(Duration time);
  bool run_until(const std::function<bool()>& condition, Duration limit);
  ProposalSequence propose(std::size_t node, const Batch& batch);
  void bid(std::size_t node);  // primaryship = node
  void set_candidates(const std::vector<std::size_t>& nodes);
  void tell_dead();  // what both detectors say, to everybody

  // ---- looking ----
  Instant now() const { return now_; }
  Instant local(const Node& node) const;
  Node& node(std::size_t index) { return nodes_[index]; }
  std::size_t index_of(const NodeId& id) const;
  std::size_t size() const { return nodes_.size(); }
  std::optional<std::size_t> leader() const;   // active
  std::optional<std::size_t> primary() const;  // serving
  bool serves(const Node& node) const;
  bool leased(const Node& node) const { return node.up && node.core.on && node.core.lease > local(node); }
  const Configuration& newest() const { return newest_; }  // no voters: the shard was closed
  Oracle& oracle() { return oracle_; }
  const std::string& broken() const { return oracle_.broken(); }
  std::optional<contract::Outcome> outcome(std::size_t node, ProposalSequence sequence) const;
  std::size_t unanswered() const { return open_.size(); }

  Faults faults;
  Settings settings;
  bool auto_failover = true;
  std::function<void(std::size_t, const Event&)> on_event;  // after the world's own handling
  std::uint64_t sent = 0;
  std::ostream* trace = nullptr;  // what happens, for a person

 private:
  struct Happening {
    Instant at;
    std::uint64_t order;
    std::function<void()> act;
    bool operator<(const Happening& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };
  void after(Duration delay, std::function<void()> act);
  void at(Instant when, std::function<void()> act);
  void drain(std::size_t index);
  void arm(std::size_t index);
  void write(std::size_t index, const Output& output);
  void transmit(std::size_t from, const Send& send);
  void deliver(std::size_t from, std::size_t to, const Message& message);
  void handle(std::size_t index, const Event& event);
  void core_update(std::size_t index, const Updated& update);
  void core_evaluate(std::size_t index);
  void core_round();
  void core_consider_bid(std::size_t index);
  void drop_seat(Node& node);
  void ask_membership(std::size_t index);
  void look(std::size_t index);
  void tell(std::size_t index, const std::string& what);
  bool node_silent(const Node& node) const { return local(node) < node.silent_until; }
  Seat seat_of(const Node& node) const { return {node.id, shard_, node.uuid, {node.life}, node.core.on}; }

  Rng rng_;
  Instant now_{};
  std::uint64_t order_ = 0;
  std::priority_queue<Happening> queue_;
  ShardId shard_;
  std::vector<Node> nodes_;
  std::vector<std::vector<bool>> cut_;
  std::map<std::pair<std::size_t, std::uint64_t>, contract::Outcome> answers_;
  std::set<std::tuple<std::size_t, std::uint64_t, std::uint64_t>> open_;
  Ticket last_ticket_;
  std::vector<NodeId> candidates_;
  std::map<std::size_t, Instant> deadlines_;  // D of each leader, on its clock
  Configuration newest_;
  Oracle oracle_;
};

}  // namespace vswim::shard_log::test
