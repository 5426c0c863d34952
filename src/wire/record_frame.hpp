// Frames of the state file: {u32 length, u64 xxh3-64 checksum seeded with the length, payload},
// little-endian. A payload is never empty, so that zeros are not a record. Internal to the wire.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vswim::wire {

constexpr std::size_t record_frame_bytes = 12;

std::string frame_record(std::string_view payload);
// The payload of the record at `offset`; nullopt when it is incomplete or its checksum fails.
std::optional<std::string_view> record_at(std::string_view bytes, std::size_t offset);
// Whether any whole record lies behind the bad one at `offset`. Then the bad one is damage, not a torn end: a
// crash spoils only what was being appended last. Its length cannot be trusted, so every later byte is tried
// as a start.
bool valid_record_behind(std::string_view bytes, std::size_t offset);

}  // namespace vswim::wire
