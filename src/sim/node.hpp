// One simulated server: Provider on a node lane, Core and engine on a main lane, a state file, a clock of its
// own, and the glue between them as the module and the runtime have it: two queues, one timer per lane, a
// routing table that clients are judged by. Restarting keeps what a disk keeps.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.hpp"
#include "core/core.hpp"
#include "provider/provider.hpp"
#include "sim/clock.hpp"
#include "sim/disk.hpp"
#include "sim/engine.hpp"
#include "sim/lane.hpp"
#include "sim/network.hpp"
#include "sim/oracle.hpp"

namespace vswim::sim {

struct NodeConfig {
  NodeIndex index = 0;
  Address bus;  // ip and bus port; clients connect to the same ip
  std::uint16_t client_port = 6379;
  std::vector<Address> seeds;
  std::string host_label, zone_label;
  Duration lease_ttl = seconds(1);
  bool replica_no_failover = false;
};

struct Traps {                               // faults that wait for their moment
  std::uint32_t pause_before_shown_ppm = 0;  // the main thread stops when a committed revision waits for it
  Duration pause_max = seconds(1);
  std::uint32_t crash_after_ack_ppm =
      0;                         // the process dies within a millisecond after it acknowledged a write
  bool crash_at_writes = false;  // and at every stage of a write to its disk (persistence_points.hpp)
  Duration queue_latency_max = microseconds(50);
};

// What a node needs of the world it lives in.
struct Surroundings {
  Scheduler* scheduler = nullptr;
  Network* network = nullptr;
  Oracle* oracle = nullptr;
  std::function<void(NodeIndex to, NodeIndex from, const EngineMessage&)> deliver_engine;
  std::function<std::optional<NodeIndex>(const std::string& host, std::uint16_t port)> client_host;
  std::function<void(NodeIndex)> crash;             // a sprung trap
  std::function<void(NodeIndex)> seals;             // a leader has begun a change of voters
  std::function<void(NodeIndex)> serves_by_others;  // a primary's lease is in another node's book
  std::function<void(NodeIndex, const ShardId&, Epoch)> installs;  // somebody else was installed by it
  std::function<void(NodeIndex, const core::AdoptSlots&)> adopts;  // slots that it has copied
  std::function<void(NodeIndex, std::string_view)> trace;          // may be empty
};

struct StartOptions {
  bool with_data = true;   // the engine loads what its dump file holds
  bool exact_data = true;  // up to the last write (otherwise to the last periodic save)
  bool damaged = false;    // a record of the state file has rotted: the start has to be refused
  std::int64_t rate_error_ppm = 0;
};

class Node {
 public:
  using Replied = std::function<void(const core::Reply&)>;
  using Completed = std::function<void(const contract::Completed&)>;
  using Routed = std::function<void(core::Decision)>;

  Node(const NodeConfig& config, const Surroundings& surroundings, Rng rng);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // False: the state file was refused; recorded as a violation unless it was damaged on purpose.
  bool start(const StartOptions& options);
  void crash();                            // kill -9: both threads are gone, unsynced writes with them
  bool doomed() const { return doomed_; }  // a trap has sprung: it dies once the moment has come
  bool alive() const { return provider_ != nullptr; }
  std::uint64_t life() const { return life_; }

  // ---- from the world
  void on_parcel(const Parcel& parcel);
  void on_stream_failed(std::uint64_t sender_life, const Address& to);
  void on_engine_message(NodeIndex from, const EngineMessage& message);
  void pause_main(Duration duration);
  void pause_node_thread(Duration duration);
  void resume();

  // ---- clients; what is asked while the node is dead is never answered
  void command(std::vector<std::string> arguments, Replied replied);
  void write_key(const std::string& key, const std::string& value, Routed routed);
  void propose(contract::Batch batch, const std::string& unique_value, Completed completed);
  void gossip(contract::Scope scope, contract::Batch batch, Completed completed);
  void flush_data();  // FLUSHALL; a replica refuses

  // ---- to look at
  NodeConfig& config() { return config_; }
  const NodeConfig& config() const { return config_; }
  Traps& traps() { return traps_; }
  Disk& disk() { return disk_; }
  const NodeClock& clock() const { return clock_; }
  Instant clock_now() const { return clock_.read(around_.scheduler->now()); }
  const provider::Provider& provider() const { return *provider_; }
  const core::Core& core() const { return *core_; }
  core::Core& core() { return *core_; }
  const Engine& engine() const { return *engine_; }
  const CoreSeen& seen() const { return seen_; }
  bool leads(const ShardId& shard) const;  // that shard's log
  const NodeId& id() const { return id_; }
  // What Core was told, as a client of the contract sees it: the newest value of every register.
  const std::map<std::string, contract::Register>& shard_registers() const { return shard_registers_; }
  const std::map<std::string, contract::Register>& global_registers() const { return global_registers_; }
  const contract::MembershipChanged& membership() const { return membership_; }

 private:
  void start_core();
  void on_node_thread(const std::function<void(Instant)>& work);
  void drain_provider(Instant now);
  void arm_node_timer();
  void on_main_thread(const std::function<void(Instant)>& work);
  void drain_core(Instant now);
  void arm_main_timer();
  void main_tick();
  void on_event(Instant now, const contract::Event& event,
                Duration waited);  // in the queue between the threads
  void note_event(const contract::Event& event);
  bool completes_own(const contract::Completed& completed);
  void submit(contract::Operation operation);
  void apply(const core::EngineAction& action);
  void tell_proposal(const contract::Operation& operation);
  struct ClientWrite {
    std::string key, value;
    Routed routed;
  };
  bool run_write(Instant now, ClientWrite&& write);  // false: it is held
  void run_held_writes(Instant now);
  void drain_engine();
  void drain_transfers();
  CoreSeen core_seen() const;
  void observe_core();
  void report_engine(Instant now, bool always);
  void spring_traps(bool acknowledged);
  void tell_seals(const std::vector<shard_log::Status>& statuses);
  void write_to_disk(provider::DiskWrite& write);
  void die_soon(Duration delay);
  Duration queue_latency();
  void violate(const char* invariant, const char* reason);
  void count_spins(std::uint32_t& spins, bool overdue, const char* reason);
  void trace(std::string_view text) const {
    if (around_.trace) around_.trace(config_.index, text);
  }

  NodeConfig config_;
  Surroundings around_;
  Rng rng_;
  Traps traps_;
  NodeClock clock_;
  Disk disk_;
  Lane node_lane_, main_lane_;
  std::map<ShardId, Epoch> sealed_, installed_;  // newest epoch seen here: sealing as leader, as another
  bool doomed_ = false;
  bool mute_ = false;  // a trap has sprung: nothing leaves this node any more
  std::unique_ptr<provider::Provider> provider_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<core::Core> core_;
  std::optional<EngineImage> saved_, at_death_;  // dump files: of the last periodic save, of the last write
  NodeId id_;
  ShardId told_shard_;  // of the shard namespaces that events leaving the provider speak of
  std::uint64_t life_ = 0;
  Instant last_reading_{};
  WorldTime node_timer_, main_timer_;  // when the armed timer rings; never() when none
  std::uint32_t node_spins_ = 0,
                main_spins_ = 0;  // timer turns in a row after which the machine was overdue still
  WorldTime last_report_, last_save_;
  core::EngineReport reported_;
  bool report_wanted_ = false;  // by Core, once its actions are carried out

  std::uint64_t next_ticket_ = 0, next_command_ = 0;
  struct Own {
    Completed completed;
    contract::Batch batch;
    std::string unique_value;
    bool log = false;
  };
  std::map<std::uint64_t, Own> own_;
  Replied watched(const std::vector<std::string>& arguments, Replied replied);

  std::map<core::CommandTicket, Replied> commands_;
  std::vector<ClientWrite> held_;  // in order of arrival
  CoreSeen seen_;
  contract::MembershipChanged membership_;
  std::uint64_t namespace_ = 0;
  std::map<std::string, contract::Register> shard_registers_, global_registers_;
};

}  // namespace vswim::sim
