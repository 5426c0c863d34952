// An attribute of a node, never its identity: an IP address (IPv4 is kept v4-mapped) and a port.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vswim {

struct Address {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  friend auto operator<=>(const Address&, const Address&) = default;

  bool has_ip() const { return ip != std::array<std::uint8_t, 16>{}; }
  bool is_v4() const;
  std::string ip_text() const;  // "127.0.0.1" or "::1"; empty when unset
  std::string text() const;     // "127.0.0.1:7000" or "[::1]:7000"

  static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, std::uint16_t port);
  // Numeric IPv4 or IPv6 text only; names are the runtime's to resolve.
  static std::optional<Address> parse(std::string_view ip, std::uint16_t port);
};

}  // namespace vswim
