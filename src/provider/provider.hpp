// The provider: SWIM, two gossip namespaces and this node's shard-log seats behind one sans-IO face. Bytes,
// timers and contract operations in; bytes, records and contract events out. One node, one Provider; the
// runtime, the simulator and the benchmarks drive it alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "base/note.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"
#include "gossip/gossip.hpp"
#include "shard_log/shard_log.hpp"
#include "swim/swim.hpp"

namespace vswim::provider {

struct Settings {
  swim::Settings swim;
  gossip::Settings gossip;
  shard_log::Settings shard_log;
  Address advertised;          // ip may be unset until a peer tells us; the port is the bus port
  std::vector<Address> seeds;  // bus addresses, resolved by the runtime (set_seeds refreshes)
  std::string host_label;      // for witness placement: another host and zone preferred
  std::string zone_label;
  std::size_t datagram_bytes_max = 1'400;
};

enum class Transport : std::uint8_t { datagram, stream };

struct Transmit {
  Address to;
  Transport transport = Transport::datagram;
  std::string bytes;
};

// The state file is a sequence of framed records. `append`: write bytes after what is there, sync, then
// on_persisted(sequence). `rewrite`: write a new file with exactly these bytes, sync, rename, sync the
// directory, then on_persisted(sequence). Writes are done in order; appends that wait may be joined under one
// sync.
struct DiskWrite {
  std::uint64_t sequence = 0;
  bool rewrite = false;
  std::string bytes;
};

struct Output {
  std::vector<Transmit> transmits;
  std::vector<DiskWrite> writes;
  std::vector<contract::Event> events;
  std::vector<Note> notes;
};

struct Counters {  // what was refused or dropped, by reason; read by INFO
  std::uint64_t packets_in = 0, packets_out = 0, bytes_in = 0, bytes_out = 0;
  std::uint64_t bad_checksum = 0, bad_format = 0, bad_version = 0, wrong_cluster = 0, unknown_sender = 0,
                oversize = 0;
  std::uint8_t newest_minor = 0;  // of those who were heard
};

class Provider {
 public:
  // `file`: the whole state file as read, empty for a fresh node. On damage returns nullptr and sets `error`.
  static std::unique_ptr<Provider> start(const Settings& settings, std::string_view file, Instant now,
                                         std::uint64_t seed, std::string& error);
  ~Provider();

  void on_datagram(Instant now, const Address& from, std::string_view bytes);
  // One frame of a stream. `from` is the peer's ip with the bus port the runtime's stream preface named.
  void on_frame(Instant now, const Address& from, std::string_view bytes);
  void on_stream_failed(Instant now, const Address& to);  // a frame could not be delivered
  void on_timer(Instant now);
  void on_persisted(Instant now, std::uint64_t sequence);
  Instant next_deadline() const;
  void submit(Instant now, const contract::Operation& operation);
  void set_seeds(Instant now, std::vector<Address> seeds);
  void on_clock_gap(Instant now);  // L8: two readings in the loop further apart than T/4
  void leave(Instant now);         // graceful stop: told, not detected
  Output take_output();

  const NodeId& node_id() const;
  const ShardId& shard_id() const;
  const Counters& counters() const;

  // For the simulator's checkers and INFO.
  std::vector<shard_log::Status> seat_statuses() const;
  bool is_moving() const;  // to another shard
  const shard_log::ShardLog* own_seat() const;
  const swim::Swim& membership() const;
  const gossip::Gossip& global_gossip() const;

 private:
  struct State;
  explicit Provider(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace vswim::provider
