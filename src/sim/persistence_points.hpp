// The moments at which a crash finds a write half done: what kind of record was on its way to the disk, and
// how far it had come. Every pair is a point that the nemesis crashes nodes at and that coverage counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace vswim::sim {

enum class RecordKind : std::uint8_t {  // the weightiest record of a write
  node,                                 // identity, membership, an intent to move
  members,
  gossip,
  opened,
  dropped,
  state,
  promise,
  ttl,
  accept,
  moved,
  rewrite,  // the whole file anew
};
constexpr std::size_t record_kinds = 11;

enum class WriteStage : std::uint8_t {
  lost,           // nothing of it reached the disk
  torn,           // a part did
  durable,        // all of it did, and nobody was told
  told_unsent,    // the machine was told, but nothing it then wanted to say left the node
  told_and_sent,  // the last thing it did was to say what the write allowed
};
constexpr std::size_t write_stages = 5;

constexpr std::size_t persistence_points = record_kinds * write_stages;
constexpr std::size_t point_index(RecordKind kind, WriteStage stage) {
  return static_cast<std::size_t>(kind) * write_stages + static_cast<std::size_t>(stage);
}
// A rewrite is never torn: the new file takes the old one's place by a rename.
constexpr bool point_exists(std::size_t index) {
  return index != point_index(RecordKind::rewrite, WriteStage::torn);
}
std::string point_name(std::size_t index);  // "accept/torn"

// Bytes as a node hands them to its disk.
RecordKind kind_of_write(bool rewrite, std::string_view bytes);
// How often a write of this kind is worth a crash, in parts per million: rare kinds more often.
constexpr std::uint32_t crash_chance_ppm_max = 900'000;
std::uint32_t crash_chance_ppm(RecordKind kind);

}  // namespace vswim::sim
