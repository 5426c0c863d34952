#include "sim/checkers/seat_files.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "base/overloaded.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim {

namespace {
std::vector<EntryPointer> shared(std::vector<shard_log::Entry>& entries) {
  std::vector<EntryPointer> pointers;
  pointers.reserve(entries.size());
  for (auto& entry : entries) pointers.push_back(std::make_shared<const shard_log::Entry>(std::move(entry)));
  entries.clear();
  return pointers;
}

SeatFile without_tail(const SeatFile& seat) {
  return {seat.uuid, seat.ended, seat.epoch, seat.promised, seat.accepted, seat.ttl_max, seat.last(), {}, {}};
}
}  // namespace

std::optional<Hash128> SeatFile::chain_at(shard_log::Revision revision) const {
  if (revision == base) return base_chain;
  if (revision < base || revision > last()) return std::nullopt;
  return tail[static_cast<std::size_t>(revision - base - 1)]->chain;
}

void SeatFiles::on_write(WorldTime now, NodeIndex node, std::uint64_t sequence, bool rewrite,
                         std::string_view bytes) {
  const std::string preamble = wire::file_preamble();
  std::string file(bytes);
  if (!rewrite && !file.starts_with(preamble)) file.insert(0, preamble);
  auto contents = wire::read_file(file);
  if (!contents.ok || contents.torn) {
    violations_->add("disk", node_name(node), now,
                     "a write is not a sequence of whole records: " + contents.error);
    return;
  }
  auto& own = nodes_[node];
  if (rewrite) own.before = std::exchange(own.seats, {});
  Write write{sequence, {}};
  for (auto& file_record : contents.records) apply(now, node, file_record, true, write);
  const auto before = std::exchange(own.before, {});
  for (const auto& [shard, old] : before) {
    const auto found = own.seats.find(shard);
    if (found != own.seats.end() && found->second.uuid == old.uuid)
      each(&SeatFileReader::on_rewritten, now, node, shard, old, found->second);
  }
  own.waiting.push_back(std::move(write));
}

void SeatFiles::on_durable(WorldTime now, NodeIndex node, std::uint64_t sequence) {
  auto& waiting = nodes_[node].waiting;
  while (!waiting.empty() && waiting.front().sequence <= sequence) {
    const Write write = std::move(waiting.front());
    waiting.pop_front();
    settle(now, node, write);
  }
}

void SeatFiles::on_restart(WorldTime now, NodeIndex node, std::string_view file) {
  auto& own = nodes_[node];
  own = {};
  auto contents = wire::read_file(file);
  Write write;
  if (contents.ok) {
    for (auto& file_record : contents.records) apply(now, node, file_record, false, write);
  }
  for (const auto& [shard, seat] : own.seats) {
    own.led[shard] = seat.promised;  // a ballot of the former life is led no more (invariant I2)
    own.led_epoch[shard] = seat.epoch;
  }
  each(&SeatFileReader::on_recovered, now, node, own.seats);
  settle(now, node, write);
}

void SeatFiles::settle(WorldTime now, NodeIndex node, const Write& write) {
  for (const auto& news : write.news) {
    each(&SeatFileReader::on_durable, now, node, news.shard, news.seat);
    if (news.accepted) each(&SeatFileReader::on_accepted, now, node, *news.accepted);
  }
}

void SeatFiles::apply(WorldTime now, NodeIndex node, wire::FileRecord& file_record, bool live, Write& write) {
  auto& own = nodes_[node];
  std::visit(Overloaded{
                 [&](const wire::NodeRecord& record) { own.id = record.node; },
                 [&](const wire::SeatOpenedRecord& opened) {
                   shards_[opened.uuid] = opened.shard;
                   auto& seat = own.seats[opened.shard];
                   if (seat.uuid == opened.uuid) return;
                   seat = {};
                   seat.uuid = opened.uuid;
                   const auto old = own.before.find(opened.shard);
                   const bool kept = old != own.before.end() && old->second.uuid == opened.uuid;
                   if (live && !kept) each(&SeatFileReader::on_opened, now, node, opened.shard, opened.uuid);
                 },
                 [&](const wire::SeatRecord& seat) {
                   if (auto record = wire::decode_seat_record(seat.payload))
                     apply(now, node, seat.shard, std::move(*record), live, write);
                 },
                 [&](const wire::SeatDroppedRecord& dropped) { own.seats.erase(dropped.shard); },
                 [](const wire::KnownMembersRecord&) {},
                 [](const wire::GossipHintRecord&) {},
             },
             file_record);
}

void SeatFiles::apply(WorldTime now, NodeIndex node, const ShardId& shard, shard_log::Record&& record,
                      bool live, Write& write) {
  auto& own = nodes_[node];
  auto& seat = own.seats[shard];
  const auto ballot_before = seat.accepted;
  const auto epoch_before = seat.epoch;
  auto fresh = follow(seat, record);
  const auto* state = std::get_if<shard_log::StateRecord>(&record);
  if (state != nullptr && !seat.ended)
    each(&SeatFileReader::on_configuration, now, node, shard, state->configuration);
  if (live) each(&SeatFileReader::on_written, now, node, shard, seat, fresh);
  Durable news{shard, without_tail(seat), std::nullopt};
  const bool accepts = std::holds_alternative<shard_log::AcceptRecord>(record) ||
                       std::holds_alternative<shard_log::StateRecord>(record);
  if (accepts && !seat.ended && seat.accepted.round != 0) {
    const bool same = seat.accepted == ballot_before && seat.epoch == epoch_before;
    if (!same) fresh.assign(seat.tail.begin(), seat.tail.end());
    news.accepted = Accepted{shard, seat.uuid, seat.epoch, seat.accepted, seat.last(), std::move(fresh)};
    auto& led = own.led[shard];
    auto& led_epoch = own.led_epoch[shard];
    if (live && seat.accepted.node == own.id && (led < seat.accepted || led_epoch < seat.epoch)) {
      led = seat.accepted;
      led_epoch = seat.epoch;
      each(&SeatFileReader::on_leads, now, node, shard, seat);
    }
  }
  write.news.push_back(std::move(news));
}

// What `record` makes of the seat, and the entries that it brought.
std::vector<EntryPointer> SeatFiles::follow(SeatFile& seat, shard_log::Record& record) {
  std::vector<EntryPointer> fresh;
  std::visit(
      Overloaded{
          [&](shard_log::StateRecord& state) {
            seat.epoch = state.configuration.epoch;
            seat.ended = std::ranges::none_of(state.configuration.voters,
                                              [&](const auto& voter) { return voter.uuid == seat.uuid; });
            seat.promised = std::max(seat.promised, state.promised);
            seat.ttl_max = std::max(seat.ttl_max, state.ttl_max);
            seat.accepted = state.accepted;
            seat.base = state.snapshot.revision;
            seat.base_chain = state.snapshot.chain;
            fresh = shared(state.tail);
            seat.tail.assign(fresh.begin(), fresh.end());
          },
          [&](const shard_log::PromiseRecord& promise) {
            seat.promised = std::max(seat.promised, promise.ballot);
          },
          [&](const shard_log::TtlRecord& longest) { seat.ttl_max = std::max(seat.ttl_max, longest.ttl); },
          [&](shard_log::AcceptRecord& accepted) {
            seat.promised = std::max(seat.promised, accepted.ballot);
            fresh = shared(accepted.entries);
            if (accepted.snapshot) {
              seat.base = accepted.snapshot->revision;
              seat.base_chain = accepted.snapshot->chain;
              seat.tail.assign(fresh.begin(), fresh.end());
            } else if (accepted.base >= seat.base && accepted.base <= seat.last()) {
              accept(seat, accepted.base, fresh);
            } else {
              fresh.clear();  // a compaction written since contains it
              return;
            }
            seat.accepted = accepted.ballot;
          },
          [&](const shard_log::MovedRecord& moved) {
            seat.epoch = moved.configuration.epoch;
            seat.ended = true;
          },
      },
      record);
  return fresh;
}

void SeatFiles::accept(SeatFile& seat, shard_log::Revision base, const std::vector<EntryPointer>& entries) {
  while (seat.last() > base) seat.tail.pop_back();
  seat.tail.insert(seat.tail.end(), entries.begin(), entries.end());
}

std::optional<ShardId> SeatFiles::shard_of(const shard_log::Configuration& configuration) const {
  for (const auto& voter : configuration.voters) {
    if (const auto known = shards_.find(voter.uuid); known != shards_.end()) return known->second;
  }
  return std::nullopt;
}

const SeatFile* SeatFiles::find(NodeIndex node, const ShardId& shard) const {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return nullptr;
  const auto seat = found->second.seats.find(shard);
  return seat == found->second.seats.end() ? nullptr : &seat->second;
}

}  // namespace vswim::sim
