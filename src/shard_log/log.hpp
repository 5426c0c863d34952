// The entries of one seat: a snapshot, the tail behind it, and the ballot the whole was accepted under (its
// rank in an election, above its length). Dense (invariant I6), linked by a chain of hashes, so that equal
// chain values mean equal prefixes. Knows what of it is durable; knows nothing of quorums or time.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

// Chain value of `entry` behind `previous`.
Hash128 chain_after(const Hash128& previous, const Entry& entry);
std::size_t bytes_of(const Batch& batch);  // of keys and values, with a little for each write

class Log {
 public:
  Revision last() const { return base_ + entries_.size(); }
  const Ballot& accepted() const { return accepted_; }
  const Snapshot& snapshot() const { return snapshot_; }
  // A base below this cannot be served with entries; the snapshot has to go out.
  Revision base() const { return base_; }
  std::optional<Hash128> chain_at(Revision revision) const;
  const Entry* at(Revision revision) const;
  std::vector<Entry> after(Revision base, std::size_t entries_max, std::size_t bytes_max) const;
  std::vector<Entry> tail() const { return after(snapshot_.revision, entries_.size(), ~std::size_t{0}); }
  std::size_t tail_entries() const { return static_cast<std::size_t>(last() - snapshot_.revision); }
  std::size_t tail_bytes() const { return bytes_; }
  // The sealed next configuration when the last entry is the Seal of `epoch`.
  const Configuration* seal_of(Epoch epoch) const;

  // Entries link to what stands at `base` (or to the snapshot): false for anything a peer made up.
  bool links(Revision base, const std::vector<Entry>& entries) const;
  static bool links(const Hash128& base_chain, Revision base, const std::vector<Entry>& entries);

  void restore(const Snapshot& snapshot, const std::vector<Entry>& tail, const Ballot& accepted);
  // Everything behind `base` is replaced; `base` is in [base(), last()].
  void replace(Revision base, const std::vector<Entry>& entries, const Ballot& accepted);
  Entry& append(Entry entry);  // sets revision and chain
  // The snapshot moves up; `keep` entries before it stay in memory for peers that are a little behind.
  void compact(const Snapshot& snapshot, std::size_t keep);

  // What has been handed to the disk so far is numbered `sequence`.
  void mark(PersistSequence sequence);
  void on_persisted(PersistSequence upto);
  // Durable last revision under `ballot`; 0 when the durable log was accepted under another one.
  Revision durable(const Ballot& ballot) const;

 private:
  struct Mark {
    PersistSequence sequence;
    Ballot accepted;
    Revision last = 0;
  };
  Snapshot snapshot_;
  Revision base_ = 0;
  Hash128 base_chain_;
  std::deque<Entry> entries_;
  std::size_t bytes_ = 0;
  Ballot accepted_;
  std::deque<Mark> marks_;
  Mark durable_;
};

}  // namespace vswim::shard_log
