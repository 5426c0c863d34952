// The frame around every packet, 32 bytes, little-endian:
//   0 magic "vswm"   4 version   5 flags   6 reserved, 0   8 xxh3-64 checksum   16 cluster id   32 payload
// The checksum is over everything behind it, seeded with the eight bytes before it, so that every bit of a
// packet is covered. Flags are 0; a datagram that is sealed instead (seal/datagram_head.hpp) has its kind
// there, and a reader refuses flags it does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace vswim::wire {

constexpr std::size_t frame_bytes = 32;
constexpr std::uint8_t frame_version = 1;

enum class FrameError : std::uint8_t { none, checksum, version, format };

struct Framed {
  FrameError error = FrameError::none;
  ClusterId cluster;
  std::string_view payload;
};

std::string frame(const ClusterId& cluster, std::string_view payload);
Framed unframe(std::string_view bytes);
std::optional<ClusterId> peek_frame_cluster(
    std::string_view bytes);  // structure only: the checksum is not looked at

// What a sealed datagram carries of a framed packet: cluster id and payload. Magic and checksum are made
// again on the other side; the seal has its own.
std::string_view frame_contents(std::string_view bytes);
std::string frame_again(std::string_view contents);  // too short: empty
constexpr std::size_t frame_saved_bytes = 16;

}  // namespace vswim::wire
