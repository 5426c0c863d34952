// What a seat writes to disk, as values, in the order of the file. Replaying a record that a later
// StateRecord already contains changes nothing that counts: each is idempotent.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

// Everything a seat knows durably; whatever stands before it in the file is superseded. Written by bootstrap,
// by an Install (the copy of seal-copy-start) and by compaction.
struct StateRecord {
  Configuration configuration;
  Ballot installed_by;  // rule S4's "already, with this"
  Ballot promised;
  Ballot accepted;   // rank of the log; nil: installed, nothing accepted in this epoch yet (rule S5)
  Duration ttl_max;  // the largest T this voter ever promised (rule L7)
  Snapshot snapshot;
  std::vector<Entry> tail;
  friend bool operator==(const StateRecord&, const StateRecord&) = default;
};
struct PromiseRecord {
  Ballot ballot;
  friend bool operator==(const PromiseRecord&, const PromiseRecord&) = default;
};
struct TtlRecord {
  Duration ttl;
  friend bool operator==(const TtlRecord&, const TtlRecord&) = default;
};
// The log behind `base` (or all of it, with a snapshot) is replaced by `entries`, accepted under `ballot`.
// The first one of a ballot runs through its no-op (counterexample 10).
struct AcceptRecord {
  Ballot ballot;
  Revision base = 0;
  std::optional<Snapshot> snapshot;
  std::vector<Entry> entries;
  friend bool operator==(const AcceptRecord&, const AcceptRecord&) = default;
};
struct MovedRecord {  // not a voter any more: the epoch that went on without this seat
  Configuration configuration;
  friend bool operator==(const MovedRecord&, const MovedRecord&) = default;
};

using Record = std::variant<StateRecord, PromiseRecord, TtlRecord, AcceptRecord, MovedRecord>;

}  // namespace vswim::shard_log
