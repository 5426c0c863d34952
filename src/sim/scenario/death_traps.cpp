#include "sim/scenario/death_traps.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "wire/file_records.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim::scenario {

namespace {
using shard_log::AcceptRecord;
using shard_log::Record;

constexpr std::array<std::string_view, std::variant_size_v<Record>> names = {"State", "Promise", "Ttl",
                                                                             "Accept", "Moved"};

bool seals(const Record& record) {
  const auto* accept = std::get_if<AcceptRecord>(&record);
  return accept != nullptr &&
         std::ranges::any_of(accept->entries, [](const auto& entry) { return entry.seal.has_value(); });
}

bool holds(const DeathTrap& trap, const wire::FileRecord& file_record) {
  const auto* seat = std::get_if<wire::SeatRecord>(&file_record);
  if (seat == nullptr || (trap.shard && *trap.shard != seat->shard)) return false;
  const auto record = wire::decode_seat_record(seat->payload);
  return record && trap.kind(*record);
}
}  // namespace

SeatRecordKind seat_record_of(const std::string& name) {
  if (name == "Seal") return seals;
  if (name == "Plain") {
    return
        [](const Record& record) { return std::holds_alternative<AcceptRecord>(record) && !seals(record); };
  }
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) return {};
  return [index = static_cast<std::size_t>(found - names.begin())](const Record& record) {
    return record.index() == index;
  };
}

void DeathTraps::set(DeathTrap trap) {
  const auto node = trap.node;
  traps_.push_back(std::move(trap));
  cluster_->node(node).disk().set_watch(
      [this, node](bool durable, const std::string& bytes) { on_write(node, durable, bytes); });
}

void DeathTraps::on_write(NodeIndex node, bool durable, const std::string& bytes) {
  std::string file = bytes;
  if (!file.starts_with(wire::file_preamble())) file.insert(0, wire::file_preamble());
  std::optional<wire::FileContents> contents;  // decoded only when a trap is set for this node
  for (auto trap = traps_.begin(); trap != traps_.end(); ++trap) {
    if (trap->node != node || trap->durable != durable) continue;
    if (!contents) contents = wire::read_file(file);
    if (std::ranges::none_of(contents->records, [&](const auto& record) { return holds(*trap, record); }))
      continue;
    // Not from inside the node's own step: at the same instant, before anything that waits for this write.
    cluster_->scheduler().after({}, [this, sprung = std::move(*trap), life = cluster_->node(node).life()] {
      auto& victim = cluster_->node(sprung.node);
      if (!victim.alive() || victim.life() != life) return;
      told_(sprung);
      if (!sprung.durable) victim.disk().lose_waiting();
      cluster_->crash(sprung.node);
    });
    traps_.erase(trap);
    return;
  }
}

}  // namespace vswim::sim::scenario
