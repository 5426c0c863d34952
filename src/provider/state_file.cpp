// Records out: what a node must remember over a crash, in the order it happened. The runtime (or the
// simulator's disk) writes and syncs; nothing here is believed durable before on_durable says so.
#include "provider/state.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::provider {

namespace {
constexpr std::size_t file_slack_bytes = 1024 * 1024;  // below this a compaction is not worth its two syncs
constexpr Duration members_interval = seconds(1);      // hints need not be fresher than this
constexpr Duration members_interval_each = milliseconds(10);  // nor be written more often than this by member
constexpr Duration gossip_interval = seconds(5);

std::string seat_bytes(const ShardId& shard, const VoterUuid& uuid,
                       const std::vector<shard_log::Record>& records) {
  std::string bytes = wire::encode_record(wire::SeatOpenedRecord{shard, uuid});
  for (const auto& seat_record : records) {
    bytes += wire::encode_record(wire::SeatRecord{shard, wire::encode_seat_record(seat_record)});
  }
  return bytes;
}
}  // namespace

std::uint64_t Provider::State::append_bytes(std::string bytes) {
  file_bytes += bytes.size();
  out.writes.push_back({++last_write, false, std::move(bytes)});
  return last_write;
}

std::uint64_t Provider::State::append(const wire::FileRecord& file_record) {
  return append_bytes(wire::encode_record(file_record));
}

void Provider::State::append_seat_output(const ShardId& shard, const shard_log::Output& output) {
  if (output.records.empty()) return;
  const auto& uuid = seats.at(shard).seat().uuid;
  if (output.compacted) {
    // Never as an append: a torn write would leave half of the whole state where all of it was before.
    rewrite_file();
    seat_writes.push_back({last_write, shard, uuid, output.persist_upto});
    return;
  }
  std::string bytes;
  for (const auto& seat_record : output.records) {
    bytes += wire::encode_record(wire::SeatRecord{shard, wire::encode_seat_record(seat_record)});
  }
  const auto write = append_bytes(std::move(bytes));
  seat_writes.push_back({write, shard, uuid, output.persist_upto});
}

// Records still inside another seat are in its whole state already and are appended again later: replaying
// them changes nothing, and what they promise is not told before that later append is durable.
void Provider::State::rewrite_file() {
  std::string bytes = wire::file_preamble();
  bytes += wire::encode_record(record);
  if (swim) bytes += wire::encode_record(wire::KnownMembersRecord{swim->snapshot()});
  if (global) bytes += wire::encode_record(wire::GossipHintRecord{global->snapshot()});
  for (const auto& [shard, seat] : seats) bytes += seat_bytes(shard, seat.seat().uuid, seat.whole_state());
  file_bytes = file_base_bytes = bytes.size();
  out.writes.push_back({++last_write, true, std::move(bytes)});
}

void Provider::State::compact_if_large() {
  if (file_bytes > file_slack_bytes && file_bytes > file_base_bytes * 2) rewrite_file();
}

void Provider::State::save_hints(Instant now, bool at_once) {
  const auto members_rest =
      std::max(members_interval, members_interval_each * static_cast<std::int64_t>(swim->size()));
  if (members_dirty && (at_once || now >= members_saved + members_rest)) {
    members_dirty = false;
    members_saved = now;
    append(wire::KnownMembersRecord{swim->snapshot()});
  }
  if (gossip_dirty && (at_once || now >= gossip_saved + gossip_interval)) {
    gossip_dirty = false;
    gossip_saved = now;
    append(wire::GossipHintRecord{global->snapshot()});
  }
}

void Provider::State::on_durable(Instant now, std::uint64_t sequence) {
  durable_write = std::max(durable_write, sequence);
  while (!seat_writes.empty() && seat_writes.front().write <= sequence) {
    const auto done = seat_writes.front();
    seat_writes.pop_front();
    const auto seat = seats.find(done.shard);
    if (seat != seats.end() && seat->second.seat().uuid == done.uuid)
      seat->second.on_persisted(now, done.upto);
  }
  if (join && join->write != 0 && join->write <= durable_write) switch_cluster(now);
  if (move && move->write != 0 && move->write <= durable_write) advance_move(now);
  if (reset && reset->write != 0 && reset->write <= durable_write) advance_reset(now);
}

}  // namespace vswim::provider
