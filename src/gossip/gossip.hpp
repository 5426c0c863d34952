// One gossip namespace: last-writer-wins registers in atomic batches, spread as rumours, checked by roots,
// repaired by what differs. Eventually consistent, never silent: whatever changes here is reported. Design 2,
// section 2. A node runs two of these, one global and one for its shard; they never mix.
//
// Order. A write's revision is (counter, writer), counter = the largest seen anywhere in the namespace + 1,
// the same for every register of a batch. So all batches of all writers have one total order, and the greater
// one wins wherever two meet, on every node alike.
//
// Atomicity. Every state that `find`, `live`, `snapshot` or a group of `changed` can show is what some set of
// *whole* batches leaves behind when applied one after another in that order: the join of these batches. A
// part of a batch is missing only where a greater batch of the set has written the same key; batches over the
// same keys are seen one whole at a time. It holds because three things only ever travel, each applied in one
// step:
//   - batches as their writer made them, also when parts are superseded here: a receiver may lack the
//     superseding batch;
//   - complete snapshots: a join of whole batches, and a join of two joins is one again;
//   - parts of a snapshot, each made against digests that its receiver R gave out earlier. Let J be R's state
//     when it gave them, T the sender's state when it makes the part. The part holds every key of T,
//     tombstones included, whose bucket is not the same in both; in the buckets left out J and T hold the
//     same registers. R only adds to J until the part arrives, so there it holds what T does or something
//     greater, and the part leaves exactly the state that the whole of T would.
//
// The last argument needs three things. R's state must have grown out of J: a restart from an older state
// file or `clear` begins a new *era*, and a part of another one is refused. (A tombstone that expired since
// is no loss: it would not be taken back from a whole snapshot either.) A part must be made against digests:
// "what I had in the buckets that we compared" is a difference between states, for its sender may have learnt
// a batch meanwhile that lies half within them. So both directions of a repair are parts against the other
// side's own digests. And digests must be different where registers are: sums of 64-bit hashes, of keys,
// revisions and values, that members of one cluster do not forge.
//
// Deletion. A deleted register is kept as a tombstone for the horizon after this node learned of it, so that
// an older value cannot come back. Limits: a node cut off for longer than the horizon brings back what was
// deleted meanwhile (refusing it would lose what it wrote itself); the writer, told by `changed`, deletes
// again. A restarted node counts from its start. An expired tombstone is not taken back from a peer that
// still has it.
//
// A writer that lost its memory may give a revision out twice. Then the greater value wins (values are part
// of the root, so the difference is found), and the next write is greater than both.
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
#include "gossip/bucket_digests.hpp"

namespace vswim::gossip {

using contract::Register;
using contract::Revision;

struct Settings {
  std::size_t key_bytes_max = 256;
  std::size_t value_bytes_max = 64 * 1024;
  std::size_t registers_max = 1'000'000;
  std::size_t rumour_bytes_max = 600;       // larger batches are never rumours: they are pulled
  std::uint32_t retransmit_multiplier = 4;  // each rumour is sent this * log10(N + 1) times
  Duration tombstone_horizon = seconds(24 * 3600);
  Duration probe_period = seconds(1);  // a root mismatch that outlives 3 of these starts a pull
  std::size_t rumours_max = 4'096;     // the most often sent one gives way; roots find what was not heard
  std::size_t large_news_bytes_max = 8 * 1024 * 1024;  // batches kept for take_large_batches; above: a repair
};

// A batch as its writer made it. A register in it may have been overwritten since; receivers apply the rest
// atomically.
struct BatchUpdate {
  std::vector<Register> registers;
  friend bool operator==(const BatchUpdate&, const BatchUpdate&) = default;
};

struct Snapshot {  // complete: tombstones included (value absent)
  std::vector<Register> registers;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

struct Part {  // of a snapshot, against digests of that era of its receiver
  RepairEra era;
  std::vector<Register> registers;
  friend bool operator==(const Part&, const Part&) = default;
};

enum class WriteOutcome : std::uint8_t { ok, stale, invalid };

struct Output {
  std::vector<Register> changed;    // to notify Core, own writes included, in order of application
  std::vector<NodeId> repair_with;  // what differs is to be exchanged with these (lasting mismatch)
};

class Gossip {
 public:
  Gossip(const Settings& settings, const NodeId& self, Instant now, Rng rng);
  ~Gossip();
  Gossip(Gossip&&) noexcept;
  Gossip& operator=(Gossip&&) noexcept;

  // Core's own write: all expected revisions match the local values or nothing happens.
  WriteOutcome write(Instant now, const contract::Batch& batch);
  // From a peer; everything is checked here once more. Returns false if refused: then nothing has changed.
  bool apply(Instant now, const BatchUpdate& batch);
  // `other_news`: what came with it (members) was news, so that it was worth asking for.
  bool apply_snapshot(Instant now, const Snapshot& snapshot, bool other_news = false);
  // Refused too if it is against digests of another era.
  bool apply_part(Instant now, const Part& part, bool other_news = false);
  // The peer's root came in a ping or ack.
  void on_root(Instant now, const NodeId& peer, const Hash128& root);
  void on_timer(Instant now);  // tombstone expiry, large news that became due
  Instant next_deadline() const;
  Output take_output();

  // Rumours for one datagram, least sent first, at most `bytes` of encoded size (as the wire layer's estimate
  // below).
  std::vector<BatchUpdate> fill(std::size_t bytes, std::size_t members);
  bool has_rumours() const;
  static std::size_t encoded_bytes(const BatchUpdate& batch);

  // News too large for rumours, own or received, has come: stream it to a few members at once. They do the
  // same if it was news to them, so thousands of slots cross the cluster in a few round trips. Either answer
  // is right: take_large_batches gives the batches themselves (as batches of a gossip part in a stream
  // frame), and clears them; take_large_news afterwards is true when what differs has to be exchanged with
  // them (too many, or the news came by a repair). A caller that only asks take_large_news always exchanges
  // what differs. At most one exchange per tenth of a probe period becomes due.
  std::vector<BatchUpdate> take_large_batches();
  bool take_large_news();

  // Of the live registers, values included. Tombstones are not part of it: they expire on every node at
  // another time, and a register that is deleted here and alive there differs anyway.
  Hash128 root() const;
  Snapshot snapshot() const;
  // For parts (Atomicity, above): what to give out, and what of our own differs from what a peer gave out.
  RepairEra era() const;
  BucketDigests digests() const;
  std::vector<Register> differing(const BucketDigests& theirs) const;
  std::optional<Register> find(const std::string& key) const;  // live registers only
  std::vector<Register> live() const;
  // Forget everything (join of another cluster or shard); the caller notifies Reset. Revisions go on from
  // where they were, so that none handed out before can match again.
  void clear(Instant now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vswim::gossip
