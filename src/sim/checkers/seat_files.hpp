// What every seat has written and what of it its disk has confirmed, read from the bytes that nodes hand to
// their disks and nothing else. The checkers of I1, I3, I4, I5, I12, I14 and I15 are told from here.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/hash.hpp"
#include "shard_log/records.hpp"
#include "sim/checkers/observations.hpp"
#include "sim/checkers/violations.hpp"
#include "wire/file_records.hpp"

namespace vswim::sim {

using EntryPointer = std::shared_ptr<const shard_log::Entry>;

// One seat as its file tells it.
struct SeatFile {
  VoterUuid uuid;
  bool ended = false;  // no member any more: it keeps its memory, and nothing that it holds counts
  Epoch epoch;
  shard_log::Ballot promised;
  shard_log::Ballot accepted;  // of the whole log; nil: installed, nothing accepted since
  Duration ttl_max;
  shard_log::Revision base = 0;  // of the snapshot
  Hash128 base_chain;
  std::deque<EntryPointer> tail;

  shard_log::Revision last() const { return base + tail.size(); }
  std::optional<Hash128> chain_at(shard_log::Revision revision) const;
};

// A durable fact that no later write takes back: this voter accepted the log up to `last` under `ballot`.
struct Accepted {
  ShardId shard;
  VoterUuid uuid;
  Epoch epoch;
  shard_log::Ballot ballot;
  shard_log::Revision last = 0;
  std::vector<EntryPointer> entries;  // what is new in it
};

class SeatFileReader {
 public:
  virtual ~SeatFileReader() = default;
  virtual void on_opened(WorldTime, NodeIndex, const ShardId&, const VoterUuid&) {}
  // A record was handed to the disk: what the file says with it, and the entries it brought.
  virtual void on_written(WorldTime, NodeIndex, const ShardId&, const SeatFile&,
                          const std::vector<EntryPointer>&) {}
  // A new file replaces one in which this seat was `before`.
  virtual void on_rewritten(WorldTime, NodeIndex, const ShardId&, const SeatFile& /*before*/,
                            const SeatFile& /*after*/) {}
  virtual void on_configuration(WorldTime, NodeIndex, const ShardId&, const shard_log::Configuration&) {}
  virtual void on_leads(WorldTime, NodeIndex, const ShardId&, const SeatFile&) {}  // its first own record
  virtual void on_accepted(WorldTime, NodeIndex, const Accepted&) {}               // durable
  virtual void on_durable(WorldTime, NodeIndex, const ShardId&, const SeatFile&) {}
  // A node starts with these seats in its file.
  virtual void on_recovered(WorldTime, NodeIndex, const std::map<ShardId, SeatFile>&) {}
};

class SeatFiles {
 public:
  explicit SeatFiles(Violations& violations) : violations_(&violations) {}

  void tell(SeatFileReader& reader) { readers_.push_back(&reader); }
  void on_write(WorldTime now, NodeIndex node, std::uint64_t sequence, bool rewrite, std::string_view bytes);
  void on_durable(WorldTime now, NodeIndex node, std::uint64_t sequence);
  // What a restarted node reads: what never became durable is not held against it.
  void on_restart(WorldTime now, NodeIndex node, std::string_view file);

  std::optional<ShardId> shard_of(const shard_log::Configuration& configuration) const;
  const SeatFile* find(NodeIndex node, const ShardId& shard) const;

 private:
  struct Durable {  // waits for the disk
    ShardId shard;
    SeatFile seat;  // without its tail
    std::optional<Accepted> accepted;
  };
  struct Write {
    std::uint64_t sequence = 0;
    std::vector<Durable> news;
  };
  struct NodeFile {
    NodeId id;
    std::map<ShardId, SeatFile> seats, before;  // `before`: while a new file is read that replaces it
    std::deque<Write> waiting;
    std::map<ShardId, shard_log::Ballot> led;  // newest own ballot of which a record was written
    std::map<ShardId, Epoch> led_epoch;
  };
  void apply(WorldTime now, NodeIndex node, wire::FileRecord& file_record, bool live, Write& write);
  void apply(WorldTime now, NodeIndex node, const ShardId& shard, shard_log::Record&& record, bool live,
             Write& write);
  static std::vector<EntryPointer> follow(SeatFile& seat, shard_log::Record& record);
  void settle(WorldTime now, NodeIndex node, const Write& write);
  static void accept(SeatFile& seat, shard_log::Revision base, const std::vector<EntryPointer>& entries);
  template <class... Arguments, class... Given>
  void each(void (SeatFileReader::*told)(Arguments...), const Given&... given) {
    for (auto* reader : readers_) (reader->*told)(given...);
  }

  Violations* violations_;
  std::vector<SeatFileReader*> readers_;
  std::map<NodeIndex, NodeFile> nodes_;
  std::map<VoterUuid, ShardId> shards_;
};

}  // namespace vswim::sim
