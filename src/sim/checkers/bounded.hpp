// I18: files, tails and queues stay bounded, by bounds that are stated here and not read from the code under
// test. A state file: at most a mebibyte or twice what was last rewritten, and one write more. A seat's tail:
// a thousand entries behind a snapshot, as many again that wait for their commit, and some for the turn in
// which it is compacted. Seats of one node, registers of gossip with their tombstones: a count that the
// workload's keys stay far below. Fed with disk writes, records, seats, and the size of gossip now and then.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/checkers/seat_files.hpp"

namespace vswim::sim {

class Bounded : public SeatFileReader {
 public:
  explicit Bounded(Violations& violations) : violations_(&violations) {}

  static constexpr std::size_t file_free_bytes = (1024 + 64) * 1024;  // 1 MiB and what was written across it
  static constexpr std::size_t tail_entries_max = 3 * 1024;
  static constexpr std::size_t seats_max = 16;
  static constexpr std::size_t registers_max = 4'096;

  void on_start(NodeIndex node, std::size_t file_bytes) {
    if (files_.size() <= node) files_.resize(node + 1);
    files_[node] = {file_bytes, file_bytes};
  }
  void on_disk_write(WorldTime now, NodeIndex node, bool rewrite, std::size_t bytes) {
    auto& file = files_[node];
    const auto limit = std::max(file_free_bytes, file.rewritten * 2);
    if (!rewrite && file.bytes > limit)
      broken(now, node, "the state file grows beyond its bound", file.bytes, limit);
    file.bytes = rewrite ? bytes : file.bytes + bytes;
    if (rewrite) file.rewritten = bytes;
  }
  void on_written(WorldTime now, NodeIndex node, const ShardId&, const SeatFile& seat,
                  const std::vector<EntryPointer>&) override {
    if (seat.tail.size() > tail_entries_max)
      broken(now, node, "a seat's tail grows beyond its bound", seat.tail.size(), tail_entries_max);
  }
  void on_seats(WorldTime now, NodeIndex node, std::size_t seats) {
    if (seats > seats_max) broken(now, node, "seats are opened and not given up", seats, seats_max);
  }
  void on_gossip(WorldTime now, NodeIndex node, std::size_t registers) {
    if (registers > registers_max)
      broken(now, node, "registers and tombstones of gossip pile up", registers, registers_max);
  }

 private:
  struct File {
    std::size_t bytes = 0, rewritten = 0;
  };
  void broken(WorldTime now, NodeIndex node, const char* what, std::size_t size, std::size_t limit) {
    violations_->add("I18", node_name(node), now,
                     std::string(what) + ": " + std::to_string(size) + " over " + std::to_string(limit));
  }

  Violations* violations_;
  std::vector<File> files_;
};

}  // namespace vswim::sim
