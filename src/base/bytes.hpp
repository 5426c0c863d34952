// Little-endian integers in byte strings. Callers have checked the lengths.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vswim {

template <class Integer>
Integer read_integer(std::string_view bytes) {
  Integer value = 0;
  for (std::size_t i = sizeof value; i-- > 0;) {
    value = static_cast<Integer>(value << 8 | static_cast<std::uint8_t>(bytes[i]));
  }
  return value;
}
inline std::uint32_t read_u32(std::string_view bytes) { return read_integer<std::uint32_t>(bytes); }
inline std::uint64_t read_u64(std::string_view bytes) { return read_integer<std::uint64_t>(bytes); }

template <class Integer>
void write_integer(std::string& bytes, std::size_t at, Integer value) {
  for (std::size_t i = 0; i < sizeof value; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}
inline void write_u32(std::string& bytes, std::size_t at, std::uint32_t value) {
  write_integer(bytes, at, value);
}
inline void write_u64(std::string& bytes, std::size_t at, std::uint64_t value) {
  write_integer(bytes, at, value);
}

template <class Integer>
void append_integer(std::string& bytes, Integer value) {
  bytes.resize(bytes.size() + sizeof value);
  write_integer(bytes, bytes.size() - sizeof value, value);
}

}  // namespace vswim
