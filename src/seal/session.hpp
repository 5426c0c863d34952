// A session is one start of one node as the bus knows it: 64 bits that no other start has, drawn from
// randomness that is given in. It is no secret; that it never comes again is what keys and counters rest on.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "seal/aead.hpp"

namespace vswim::seal {

struct SessionId {
  std::uint64_t value = 0;  // 0: nobody's
  friend auto operator<=>(const SessionId&, const SessionId&) = default;
  bool is_nil() const { return value == 0; }
};

using Salt = std::array<std::uint8_t, 16>;  // one side's part of a stream's key

// Never the same value twice of one seed; another seed at every start.
class SessionSource {
 public:
  explicit SessionSource(const Key& seed) : seed_(seed) {}
  SessionId session();
  Salt salt();

 private:
  Key next();
  Key seed_;
  std::uint64_t drawn_ = 0;
};

}  // namespace vswim::seal

template <>
struct std::hash<vswim::seal::SessionId> {
  std::size_t operator()(const vswim::seal::SessionId& id) const noexcept { return id.value; }
};
