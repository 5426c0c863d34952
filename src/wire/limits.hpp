// What the wire refuses before anything is allocated. Generous against the machines' own limits
// (gossip::Settings, shard_log::Settings), which are checked again there: these only keep a hostile packet
// cheap.
#pragma once

#include <cstddef>

namespace vswim::wire {

constexpr std::size_t packet_bytes_max =
    256 * 1024 * 1024;  // a snapshot of a million registers is below this
constexpr std::size_t record_bytes_max = packet_bytes_max;
constexpr std::size_t updates_max =
    100'000;  // members in one packet: ten times the largest cluster we speak of
constexpr std::size_t registers_max = 2'000'000;  // in one batch or snapshot
constexpr std::size_t batches_max = 4'096;        // in one gossip part
constexpr std::size_t shard_log_parts_max = 1'024;
constexpr std::size_t key_bytes_max = 4'096;
constexpr std::size_t value_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t text_bytes_max = 4'096;  // reasons, for people
constexpr unsigned table_depth_max = 16;       // ours nest five deep

}  // namespace vswim::wire
