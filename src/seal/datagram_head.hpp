// The head of a sealed datagram, 36 bytes, little-endian, all of it authenticated:
//   0 magic "vswm"   4 version   5 kind   6 cluster tag   8 key tag   12 counter   20 sender   28 receiver
// The first six bytes stand where a plain packet (wire/frame.hpp) has magic, version and flags 0, so that
// each side knows the other's for what it is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "seal/session.hpp"

namespace vswim::seal {

enum class DatagramKind : std::uint8_t {
  data = 1,
  contact = 2  // carries nothing: asks for the receiver's session, or tells the sender's
};

struct DatagramHead {
  static constexpr std::size_t bytes = 36;
  DatagramKind kind = DatagramKind::data;
  std::uint16_t cluster = 0;  // of the cluster's name: a mistaken secret is told from a mistaken name
  std::uint32_t key = 0;
  std::uint64_t counter = 0;
  SessionId sender, receiver;
};

enum class HeadError : std::uint8_t { none, malformed, version, plain };

std::string encode_head(const DatagramHead& head);
HeadError decode_head(std::string_view datagram, DatagramHead& head);
bool looks_sealed(std::string_view datagram);  // for a node without a secret
std::uint16_t cluster_tag(std::string_view cluster_name);

}  // namespace vswim::seal
