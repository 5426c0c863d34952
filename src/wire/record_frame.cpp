#include "wire/record_frame.hpp"

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "wire/limits.hpp"

namespace vswim::wire {

namespace {
constexpr std::size_t checksum_at = 4;
}

std::string frame_record(std::string_view payload) {
  VSWIM_ASSERT(!payload.empty() && payload.size() <= record_bytes_max,
               "a record's size is within its limits");
  std::string bytes(record_frame_bytes, '\0');
  const auto length = static_cast<std::uint32_t>(payload.size());
  write_u32(bytes, 0, length);
  write_u64(bytes, checksum_at, hash64(payload, length));
  bytes.append(payload);
  return bytes;
}

std::optional<std::string_view> record_at(std::string_view bytes, std::size_t offset) {
  if (bytes.size() - offset <= record_frame_bytes) return std::nullopt;
  const std::string_view rest = bytes.substr(offset);
  const std::uint32_t length = read_u32(rest);
  if (length == 0 || length > record_bytes_max || length > rest.size() - record_frame_bytes)
    return std::nullopt;
  const std::string_view payload = rest.substr(record_frame_bytes, length);
  if (read_u64(rest.substr(checksum_at)) != hash64(payload, length)) return std::nullopt;
  return payload;
}

bool valid_record_behind(std::string_view bytes, std::size_t offset) {
  for (std::size_t at = offset + 1; at + record_frame_bytes < bytes.size(); ++at) {
    if (record_at(bytes, at)) return true;
  }
  return false;
}

}  // namespace vswim::wire
