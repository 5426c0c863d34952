// One gossip namespace: last-writer-wins registers in atomic batches, spread as rumours, checked by roots, repaired by
// whole snapshots. Eventually consistent, never silent: whatever changes here is reported. Design 2, section 2.
// A node runs two of these, one global and one for its shard; they never mix.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "base/rng.hpp"
#include "base/time.hpp"
#include "contract/types.hpp"

namespace vswim::gossip {

using contract::Register;
using contract::Revision;

struct Settings {
  std::size_t key_bytes_max = 256;
  std::size_t value_bytes_max = 64 * 1024;
  std::size_t registers_max = 1'000'000;
  std::size_t rumour_bytes_max = 600;      // larger batches are never rumours: they are pulled
  std::uint32_t retransmit_multiplier = 4;  // each rumour is sent this * log10(N + 1) times
  Duration tombstone_horizon = seconds(24 * 3600);
  Duration probe_period = seconds(1);       // a root mismatch that outlives 3 of these starts a pull
  std::size_t batches_per_peer_max = 256;
};

// A batch as its writer made it. A register in it may have been overwritten since; receivers apply the rest atomically.
struct BatchUpdate {
  std::vector<Register> registers;
  friend bool operator==(const BatchUpdate&, const BatchUpdate&) = default;
};

struct Snapshot {  // complete: tombstones included (value absent)
  std::vector<Register> registers;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

enum class WriteOutcome : std::uint8_t { ok, stale, invalid };

struct Output {
  std::vector<Register> changed;   // to notify Core, own writes included, in order of application
  std::vector<NodeId> pull_from;   // ask these for a snapshot (lasting mismatch)
  std::vector<NodeId> push_to;     // send these our snapshot
};

class Gossip {
 public:
  Gossip(const Settings& settings, const NodeId& self, Instant now, Rng rng);
  ~Gossip();
  Gossip(Gossip&&) noexcept;
  Gossip& operator=(Gossip&&) noexcept;

  // Core's own write: all expected revisions match the local values or nothing happens.
  WriteOutcome write(Instant now, const contract::Batch& batch);
  // From a peer; values were checked for length by the wire, keys and sizes are checked here. Returns false if refused.
  bool apply(Instant now, const BatchUpdate& batch);
  bool apply_snapshot(Instant now, const Snapshot& snapshot);
  // The peer's root came in a ping or ack.
  void on_root(Instant now, const NodeId& peer, const Hash128& root);
  void on_timer(Instant now);  // tombstone expiry
  Instant next_deadline() const;
  Output take_output();

  // Rumours for one datagram, least sent first, at most `bytes` of encoded size (as the wire layer's estimate below).
  std::vector<BatchUpdate> fill(std::size_t bytes, std::size_t members);
  bool has_rumours() const;
  static std::size_t encoded_bytes(const BatchUpdate& batch);

  Hash128 root() const;
  Snapshot snapshot() const;
  std::optional<Register> find(const std::string& key) const;  // live registers only
  std::vector<Register> live() const;
  // Forget everything (join of another cluster or shard); the caller notifies Reset.
  void clear(Instant now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vswim::gossip
