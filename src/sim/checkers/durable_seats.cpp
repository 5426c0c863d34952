#include "sim/checkers/durable_seats.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/overloaded.hpp"
#include "wire/file_records.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim {

void DurableSeats::on_write(WorldTime now, NodeIndex node, bool rewrite, std::string_view bytes) {
  const std::string preamble = wire::file_preamble();
  std::string file(bytes);
  if (!rewrite && !file.starts_with(preamble)) file.insert(0, preamble);
  const auto contents = wire::read_file(file);
  if (!contents.ok || contents.torn) {
    violations_->add("disk", node_name(node), now,
                     "a write is not a sequence of whole records: " + contents.error);
    return;
  }
  // A file replays to the highest promise in it, so within one file a promise cannot fall; a new file can
  // lack one.
  std::map<ShardId, Held> before;
  if (rewrite) {
    for (auto& [key, seat] : held_) {
      if (key.first == node) before[key.second] = std::exchange(seat, {});
    }
  }
  for (const auto& file_record : contents.records) {
    if (const auto* opened = std::get_if<wire::SeatOpenedRecord>(&file_record)) {
      shards_[opened->uuid] = opened->shard;
      auto& seat = held_[{node, opened->shard}];
      if (seat.uuid != opened->uuid) seat = {opened->uuid, {}};
    } else if (const auto* seat = std::get_if<wire::SeatRecord>(&file_record)) {
      if (const auto record = wire::decode_seat_record(seat->payload)) {
        on_record(now, {node, seat->shard}, *record);
      }
    }
  }
  for (const auto& [shard, old] : before) {
    const auto& seat = held_[{node, shard}];
    if (seat.uuid != old.uuid || seat.promised >= old.promised) continue;
    violations_->add("I1", node_name(node), now,
                     "shard " + short_id(shard) + ": promised round fell from " +
                         std::to_string(old.promised.round) + " to " + std::to_string(seat.promised.round));
  }
}

void DurableSeats::on_restart(WorldTime now, NodeIndex node, std::string_view file) {
  std::erase_if(held_, [&](const auto& seat) { return seat.first.first == node; });
  const auto contents = wire::read_file(file);
  if (contents.ok && !contents.records.empty())
    on_write(now, node, true, file.substr(0, contents.valid_bytes));
}

std::optional<ShardId> DurableSeats::shard_of(const shard_log::Configuration& configuration) const {
  for (const auto& voter : configuration.voters) {
    if (const auto known = shards_.find(voter.uuid); known != shards_.end()) return known->second;
  }
  return std::nullopt;
}

void DurableSeats::on_record(WorldTime now, const SeatKey& key, const shard_log::Record& record) {
  std::visit(Overloaded{
                 [&](const shard_log::StateRecord& state) {
                   promised(key, state.promised);
                   for (const auto& kept : state.tail) entry(now, key, kept);
                 },
                 [&](const shard_log::PromiseRecord& promise) { promised(key, promise.ballot); },
                 [](const shard_log::TtlRecord&) {},
                 [&](const shard_log::AcceptRecord& accept) {
                   promised(key, accept.ballot);
                   for (const auto& accepted : accept.entries) entry(now, key, accepted);
                 },
                 [](const shard_log::MovedRecord&) {},
             },
             record);
}

void DurableSeats::promised(const SeatKey& key, const shard_log::Ballot& ballot) {
  auto& held = held_[key].promised;
  held = std::max(held, ballot);
}

void DurableSeats::entry(WorldTime now, const SeatKey& key, const shard_log::Entry& entry) {
  const auto [known, first] =
      chains_.try_emplace({key.second, entry.revision, entry.ballot}, std::pair{key.first, entry.chain});
  if (first || known->second.second == entry.chain) return;
  violations_->add("I3", node_name(key.first), now,
                   "shard " + short_id(key.second) + " revision " + std::to_string(entry.revision) +
                       " round " + std::to_string(entry.ballot.round) + ": another chain than " +
                       node_name(known->second.first));
}

}  // namespace vswim::sim
