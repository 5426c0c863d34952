// Content hashes (xxh3). The only room that knows xxhash.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace vswim {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;

  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  // Addition modulo 2^128: order-free accumulation of a set (gossip roots).
  Hash128& operator+=(const Hash128& other);
  Hash128& operator-=(const Hash128& other);
};

std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0);
Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace vswim
