// Who holds a slot when two shards say so: the higher (claim number, shard id), everywhere the same answer.
#pragma once

#include <cstdint>

#include "base/ids.hpp"

namespace vswim::core {

using ClaimNumber = std::uint64_t;
constexpr ClaimNumber claim_max = 1'000'000'000'000'000'000;  // a peer's number above this is refused

struct Claim {
  ClaimNumber number = 0;
  ShardId shard;
  friend bool operator==(const Claim&, const Claim&) = default;
};

// True when `a` outranks `b`. Equal claims outrank nobody.
bool outranks(const Claim& a, const Claim& b);
// The number of a new claim on a slot for which `seen` was the highest so far, whoever made it.
ClaimNumber next_claim(ClaimNumber seen);

}  // namespace vswim::core
