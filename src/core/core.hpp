// Core: the half of RFC 35 that serves clients, sans-IO and provider-agnostic. It turns a provider's events
// and the engine's reports into operations, engine actions, a routing table and replies to CLUSTER commands.
// Main thread only in a server. Design 1, sections 4 and 5; docs/protocol.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/note.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"
#include "core/engine.hpp"
#include "core/reply.hpp"
#include "core/routing_table.hpp"

namespace vswim::core {

struct Settings {  // the server's own cluster-* settings and ports; may change at run time
  std::uint16_t port = 6379;
  std::uint16_t tls_port = 0;
  std::uint16_t bus_port = 16379;
  std::string announce_ip, announce_hostname, announce_human_name;
  std::uint16_t announce_port = 0, announce_tls_port = 0, announce_bus_port = 0;
  // What clients are told instead, by the family of their own address.
  std::string announce_client_ipv4, announce_client_ipv6;
  std::uint16_t announce_client_port = 0, announce_client_tls_port = 0;
  std::string preferred_endpoint_type = "ip";  // ip | hostname | unknown-endpoint
  std::string availability_zone;
  std::string bind_address;  // the single bind address, if there is exactly one
  bool tls_replication = false;
  bool require_full_coverage = true;
  bool allow_reads_when_down = false;
  bool replica_no_failover = false;
  std::int64_t replica_validity_factor = 10;
  bool allow_replica_migration = true;  // this node may go to another shard by itself
  std::int64_t migration_barrier = 1;   // good replicas that a primary keeps when one leaves it by itself
  Duration node_timeout = seconds(15);  // only for replica-validity-factor's arithmetic
  Duration lease_ttl = seconds(1);      // informative: MEET limit and graceful end use their own
  Duration repl_ping_period = seconds(10);
  Duration migration_silence = seconds(60);  // of the other side, before a migration is ended (repl-timeout)
  Duration migration_key_delay{};            // per key of a copy (rdb-key-save-delay, for debugging)
  std::size_t migration_records_max = 1000;  // of those that are over (cluster-slot-migration-log-max-len)
  std::int64_t migration_bytes_per_second = 0;  // of slots that move; 0: as fast as the target takes them
  std::string server_version;
  Duration wall_offset{};  // wall time minus the machines' time; only printed (CLUSTER NODES)
};

struct Caller {
  bool can_block = true;  // false inside MULTI or a script
  bool tls = false;
  int resp = 2;
  bool ipv6 = false;  // its connection
};

struct Traffic {  // of the bus since the start; only printed
  std::uint64_t packets_in = 0, packets_out = 0, bytes_in = 0, bytes_out = 0;
};

struct CommandReply {
  CommandTicket ticket = 0;
  Reply reply;
};

struct Output {
  std::vector<contract::Operation> operations;
  std::vector<EngineAction> actions;
  std::vector<CommandReply> replies;
  std::vector<Note> notes;
  bool graceful_end_done = false;  // answer to begin_graceful_end
  // An EngineReport is wanted as soon as the actions above are carried out: a hand-over waits for it.
  bool report_wanted = false;
};

class Core {
 public:
  Core(const Settings& settings, const SlotKeyCounts& counts, Instant now, Rng rng);
  ~Core();

  void on_event(Instant now, const contract::Event& event);
  void on_engine(Instant now, const EngineReport& report);
  // What CLUSTER SLOT-STATS shows beside keys; null: nothing.
  void show_slot_usage(const SlotUsageTable* usage);
  // DEBUG SLOTMIGRATION: what is given is changed.
  void hold_migrations(Instant now, std::optional<bool> pause, std::optional<bool> failover);
  // Answers to PullExport, and to EmptySlots and ImportKeys (after a fresh report: the offset counts).
  void on_exported(Instant now, TransferId transfer, std::vector<MovedKey> keys, bool drained);
  void on_imported(Instant now, TransferId transfer, const std::string& error = "");
  // The data set was emptied or replaced: what an export knows of it is void.
  void on_emptied(Instant now);
  void on_timer(Instant now);
  Instant next_deadline() const;
  void configure(Instant now, const Settings& settings);
  // A CLUSTER command; arguments[0] is the subcommand. Exactly one CommandReply with this ticket follows, at
  // once or later (MEET, ADDSLOTS, REPLICATE, FORGET, RESET wait for the provider when the caller can block).
  void command(Instant now, CommandTicket ticket, const std::vector<std::string>& arguments,
               const Caller& caller);
  void command_gone(CommandTicket ticket);  // the client disconnected; its reply is dropped
  // SHUTDOWN, SIGTERM: hand primaryship to the best replica, release; ends with Output::graceful_end_done.
  void begin_graceful_end(Instant now);
  void cancel_graceful_end(Instant now);  // the server did not end after all: serve, or follow, again
  Output take_output();

  const RoutingTable& routing() const;
  // Who this node is by its state file: told to whom asks (MYID, MYSHARDID) before the provider's first
  // event.
  void introduce(const NodeId& node, const ShardId& shard);
  void on_traffic(const Traffic& traffic);
  // The wall clock may be set at any time; what is printed follows it, nothing else looks at it.
  void on_wall_clock(Duration offset);
  // CLUSTER INFO's text, also for INFO's own section.
  std::string info_text(Instant now) const;
  // A server that asks to replicate from us (PSYNC, SYNC): only the leased, settled primary may answer (I22).
  bool may_feed_replicas(Instant now) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vswim::core
