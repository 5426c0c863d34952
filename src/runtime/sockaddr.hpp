// Addresses as the kernel and asio spell them.
#pragma once

#include "runtime/asio_config.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <cstring>

#include "base/address.hpp"

namespace vswim::runtime {

struct KernelAddress {
  sockaddr_storage storage{};
  socklen_t size_bytes = 0;
};

inline Address from_ip(const in_addr& ip, std::uint16_t port) {
  const auto* b = reinterpret_cast<const std::uint8_t*>(&ip);
  return Address::v4(b[0], b[1], b[2], b[3], port);
}
inline Address from_ip(const in6_addr& ip, std::uint16_t port) {
  Address address;
  std::memcpy(address.ip.data(), &ip, address.ip.size());
  address.port = port;
  return address;
}

inline in_addr v4_of(const Address& address) {
  in_addr ip{};
  std::memcpy(&ip, address.ip.data() + 12, sizeof ip);
  return ip;
}

inline KernelAddress to_kernel(const Address& address) {
  KernelAddress result;
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    v4.sin_addr = v4_of(address);
    std::memcpy(&result.storage, &v4, sizeof v4);
    result.size_bytes = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(address.port);
    std::memcpy(&v6.sin6_addr, address.ip.data(), sizeof v6.sin6_addr);
    std::memcpy(&result.storage, &v6, sizeof v6);
    result.size_bytes = sizeof v6;
  }
  return result;
}

inline Address from_kernel(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return from_ip(v4.sin_addr, ntohs(v4.sin_port));
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  return from_ip(v6.sin6_addr, ntohs(v6.sin6_port));
}

inline asio::ip::tcp::endpoint to_endpoint(const Address& address) {
  if (address.is_v4()) return {asio::ip::address_v4(ntohl(v4_of(address).s_addr)), address.port};
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), address.ip.data(), bytes.size());
  return {asio::ip::address_v6(bytes), address.port};
}

inline Address from_endpoint(const asio::ip::tcp::endpoint& endpoint) {
  if (endpoint.address().is_v4()) {
    const auto b = endpoint.address().to_v4().to_bytes();
    return Address::v4(b[0], b[1], b[2], b[3], endpoint.port());
  }
  Address address;
  const auto bytes = endpoint.address().to_v6().to_bytes();
  std::memcpy(address.ip.data(), bytes.data(), bytes.size());
  address.port = endpoint.port();
  return address;
}

// "Every address" of one IP version.
inline Address any_v4(std::uint16_t port) { return Address::v4(0, 0, 0, 0, port); }
inline Address any_v6(std::uint16_t port) { return Address{{}, port}; }
inline bool is_any(const Address& address) {
  return !address.has_ip() || (address.is_v4() && v4_of(address).s_addr == 0);
}

}  // namespace vswim::runtime
