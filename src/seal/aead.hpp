// The only user of libsodium: ChaCha20-Poly1305 (IETF) with counters as nonces, and keyed BLAKE2b for
// everything that is derived. A key never seals two things under one counter: who owns the key sees to that
// (datagram_seal.hpp, stream_seal.hpp).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace vswim::seal {

constexpr std::size_t tag_bytes = 16;

class Key {  // 32 bytes, wiped when it goes
 public:
  static constexpr std::size_t size = 32;
  Key() = default;
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
  std::array<std::uint8_t, size> bytes{};
};

// What is derived under one label can never be what is derived under another.
Key derive(const Key& from, std::string_view label, std::string_view context);
Key key_of_text(std::string_view text);

// Appends the sealed bytes, tag_bytes more than `plain`, to `out`.
void seal(const Key& key, std::uint64_t counter, std::string_view associated, std::string_view plain,
          std::string& out);
// False: not sealed with this key, counter and associated bytes; `out` is as it was.
bool open(const Key& key, std::uint64_t counter, std::string_view associated, std::string_view sealed,
          std::string& out);

void wipe(std::string& text);

}  // namespace vswim::seal
