#include "sim/persistence_points.hpp"

#include <algorithm>
#include <array>
#include <variant>

#include "base/overloaded.hpp"
#include "wire/file_records.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::sim {

namespace {
constexpr std::array<const char*, record_kinds> kind_names{"node",    "members", "gossip",  "opened",
                                                           "dropped", "state",   "promise", "ttl",
                                                           "accept",  "moved",   "rewrite"};
constexpr std::array<const char*, write_stages> stage_names{"lost", "torn", "durable", "told_unsent",
                                                            "told_and_sent"};
// About as many crashes of every kind: the commonest write comes fifty times a second, the rarest once in
// minutes.
constexpr std::array<std::uint32_t, record_kinds> chances{
    900'000, 10'000,  15'000, crash_chance_ppm_max, 900'000, 600'000,
    40'000,  250'000, 1'000,  crash_chance_ppm_max, 40'000};

RecordKind kind_of(const shard_log::Record& record) {
  return std::visit(Overloaded{
                        [](const shard_log::StateRecord&) { return RecordKind::state; },
                        [](const shard_log::PromiseRecord&) { return RecordKind::promise; },
                        [](const shard_log::TtlRecord&) { return RecordKind::ttl; },
                        [](const shard_log::AcceptRecord&) { return RecordKind::accept; },
                        [](const shard_log::MovedRecord&) { return RecordKind::moved; },
                    },
                    record);
}

RecordKind kind_of(const wire::FileRecord& record) {
  return std::visit(Overloaded{
                        [](const wire::NodeRecord&) { return RecordKind::node; },
                        [](const wire::KnownMembersRecord&) { return RecordKind::members; },
                        [](const wire::GossipHintRecord&) { return RecordKind::gossip; },
                        [](const wire::SeatOpenedRecord&) { return RecordKind::opened; },
                        [](const wire::SeatDroppedRecord&) { return RecordKind::dropped; },
                        [](const wire::SeatRecord& seat) {
                          const auto of_seat = wire::decode_seat_record(seat.payload);
                          return of_seat ? kind_of(*of_seat) : RecordKind::accept;
                        },
                    },
                    record);
}
}  // namespace

std::string point_name(std::size_t index) {
  return std::string(kind_names[index / write_stages]) + "/" + stage_names[index % write_stages];
}

RecordKind kind_of_write(bool rewrite, std::string_view bytes) {
  if (rewrite) return RecordKind::rewrite;
  std::string file = wire::file_preamble();
  if (bytes.starts_with(file)) return RecordKind::rewrite;
  file += bytes;
  auto rarest = RecordKind::accept;
  for (const auto& record : wire::read_file(file).records) {
    const auto kind = kind_of(record);
    if (crash_chance_ppm(kind) > crash_chance_ppm(rarest)) rarest = kind;
  }
  return rarest;
}

std::uint32_t crash_chance_ppm(RecordKind kind) { return chances[static_cast<std::size_t>(kind)]; }

}  // namespace vswim::sim
