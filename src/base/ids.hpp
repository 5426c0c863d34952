// Identities: distinct types of fixed length, so that a node can never be mistaken for a shard.
// Text form is lower-case hex, as Valkey prints node ids (40 characters for 20 bytes).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace vswim {

template <class Tag, std::size_t Size>
struct Id {
  std::array<std::uint8_t, Size> bytes{};

  // By words, the last one overlapping: every lookup of a node or shard is made of these comparisons, and a
  // library call costs more than they do.
  friend bool operator==(const Id& a, const Id& b) {
    return ((a.word(0) ^ b.word(0)) | (a.word(8) ^ b.word(8)) | (a.word(Size - 8) ^ b.word(Size - 8))) == 0;
  }
  friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
    if (a.word(0) != b.word(0)) return big_endian(a.word(0)) <=> big_endian(b.word(0));
    if (a.word(8) != b.word(8)) return big_endian(a.word(8)) <=> big_endian(b.word(8));
    return big_endian(a.word(Size - 8)) <=> big_endian(b.word(Size - 8));
  }

  bool is_nil() const { return *this == Id{}; }

  std::string hex() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(Size * 2);
    for (auto byte : bytes) {
      text.push_back(digits[byte >> 4]);
      text.push_back(digits[byte & 15]);
    }
    return text;
  }

  // Accepts exactly Size * 2 lower- or upper-case hex digits.
  static std::optional<Id> parse(std::string_view text) {
    if (text.size() != Size * 2) return std::nullopt;
    Id id;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      int digit = 0;
      if (c >= '0' && c <= '9') {
        digit = c - '0';
      } else if (c >= 'a' && c <= 'f') {
        digit = c - 'a' + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = c - 'A' + 10;
      } else {
        return std::nullopt;
      }
      auto& byte = id.bytes[i / 2];
      byte = static_cast<std::uint8_t>(byte << 4 | digit);
    }
    return id;
  }

  // Ids are drawn at random, so any eight bytes of one hash well.
  std::size_t hash() const {
    std::size_t value = 0;
    std::memcpy(&value, bytes.data(), sizeof value < Size ? sizeof value : Size);
    return value;
  }

 private:
  static_assert(Size >= 16 && Size <= 24, "three words cover it");

  std::uint64_t word(std::size_t at) const {
    std::uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }
  static std::uint64_t big_endian(std::uint64_t value) {
    return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
  }
};

using NodeId = Id<struct NodeTag, 20>;
using ShardId = Id<struct ShardTag, 20>;
using ClusterId = Id<struct ClusterTag, 16>;
using VoterUuid = Id<struct VoterTag, 16>;  // new whenever a voter's state was lost

}  // namespace vswim

template <class Tag, std::size_t Size>
struct std::hash<vswim::Id<Tag, Size>> {
  std::size_t operator()(const vswim::Id<Tag, Size>& id) const noexcept { return id.hash(); }
};
