// The nested values of shard-log messages and records between the machine's types and FlatBuffers
// (schemas/shard_log.fbs). Internal to the wire.
#pragma once

#include <optional>
#include <vector>

#include "generated/shard_log_generated.h"
#include "shard_log/types.hpp"
#include "wire/flat.hpp"

namespace vswim::wire {

namespace fbl = fbs::log;

fbl::Ballot to_flat(const shard_log::Ballot& ballot);
shard_log::Ballot ballot_from_flat(const fbl::Ballot* flat);  // absent: nil

flatbuffers::Offset<fbl::Configuration> add_configuration(flatbuffers::FlatBufferBuilder& builder,
                                                          const shard_log::Configuration& configuration);
flatbuffers::Offset<fbl::Snapshot> add_snapshot(flatbuffers::FlatBufferBuilder& builder,
                                                const std::optional<shard_log::Snapshot>& snapshot);
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbl::Write>>> add_batch(
    flatbuffers::FlatBufferBuilder& builder, const shard_log::Batch& batch);
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbl::Entry>>> add_entries(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<shard_log::Entry>& entries);

// Reads verified tables. The first value out of its range spoils the whole: the caller asks `ok()` at the
// end.
class LogReader {
 public:
  explicit LogReader(Budget budget) : budget_(budget) {}
  bool ok() const { return ok_; }

  shard_log::Configuration configuration(const fbl::Configuration* flat);
  shard_log::Snapshot snapshot(const fbl::Snapshot* flat);
  std::optional<shard_log::Snapshot> maybe_snapshot(const fbl::Snapshot* flat);
  shard_log::Batch batch(const flatbuffers::Vector<flatbuffers::Offset<fbl::Write>>* flat);
  std::vector<shard_log::Entry> entries(const flatbuffers::Vector<flatbuffers::Offset<fbl::Entry>>* flat);
  Duration duration(std::int64_t ns);  // 0 to a day
  Instant instant(std::int64_t ns);    // an echo: far from the ends, so that arithmetic cannot overflow
  shard_log::Role role(std::uint8_t number);
  contract::Outcome outcome(std::uint8_t number);
  std::string text(const flatbuffers::String* flat);
  void require(bool condition) { ok_ = ok_ && condition; }
  // Room for `count` elements that take at least `bytes_each` on the wire.
  bool take(std::size_t count, std::size_t bytes_each);

 private:
  std::string key(const flatbuffers::Vector<std::uint8_t>* flat);
  std::optional<std::string> value(const flatbuffers::Vector<std::uint8_t>* flat);
  shard_log::Entry entry(const fbl::Entry& flat);

  Budget budget_;
  bool ok_ = true;
};

}  // namespace vswim::wire
