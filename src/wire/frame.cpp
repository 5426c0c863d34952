#include "wire/frame.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/hash.hpp"
#include "wire/limits.hpp"

namespace vswim::wire {

namespace {

constexpr std::string_view magic = "vswm";
constexpr std::size_t version_at = 4, flags_at = 5, reserved_at = 6, checksum_at = 8, cluster_at = 16;

std::uint64_t checksum_of(std::string_view bytes) {
  return hash64(bytes.substr(cluster_at), read_u64(bytes));
}

FrameError check_head(std::string_view bytes) {
  if (bytes.size() <= frame_bytes || bytes.size() > packet_bytes_max) return FrameError::format;
  if (bytes.substr(0, magic.size()) != magic) return FrameError::format;
  if (static_cast<std::uint8_t>(bytes[version_at]) != frame_version || bytes[flags_at] != 0)
    return FrameError::version;
  if (bytes[reserved_at] != 0 || bytes[reserved_at + 1] != 0) return FrameError::format;
  return FrameError::none;
}

ClusterId cluster_of(std::string_view bytes) {
  ClusterId cluster;
  std::copy_n(bytes.begin() + cluster_at, cluster.bytes.size(), cluster.bytes.begin());
  return cluster;
}

}  // namespace

std::string frame(const ClusterId& cluster, std::string_view payload) {
  std::string bytes;
  bytes.reserve(frame_bytes + payload.size());
  bytes.append(magic);
  bytes.push_back(static_cast<char>(frame_version));
  bytes.append(cluster_at - bytes.size(), '\0');
  bytes.append(reinterpret_cast<const char*>(cluster.bytes.data()), cluster.bytes.size());
  bytes.append(payload);
  write_u64(bytes, checksum_at, checksum_of(bytes));
  return bytes;
}

Framed unframe(std::string_view bytes) {
  Framed framed;
  framed.error = check_head(bytes);
  if (framed.error != FrameError::none) return framed;
  if (read_u64(bytes.substr(checksum_at)) != checksum_of(bytes)) {
    framed.error = FrameError::checksum;
    return framed;
  }
  framed.cluster = cluster_of(bytes);
  framed.payload = bytes.substr(frame_bytes);
  return framed;
}

std::optional<ClusterId> peek_frame_cluster(std::string_view bytes) {
  if (check_head(bytes) != FrameError::none) return std::nullopt;
  return cluster_of(bytes);
}

std::string_view frame_contents(std::string_view bytes) {
  static_assert(cluster_at == frame_saved_bytes);
  return bytes.substr(std::min(bytes.size(), cluster_at));
}

std::string frame_again(std::string_view contents) {
  ClusterId cluster;
  if (contents.size() < cluster.bytes.size()) return {};
  std::copy_n(contents.begin(), cluster.bytes.size(), cluster.bytes.begin());
  return frame(cluster, contents.substr(cluster.bytes.size()));
}

}  // namespace vswim::wire
