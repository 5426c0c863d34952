// Who wins when two registers meet, and which registers may be believed at all. Pure functions.
#pragma once

#include <cstdint>

#include "gossip/gossip.hpp"

namespace vswim::gossip {

// A counter above this is refused: there would be no greater one to write soon.
constexpr std::uint64_t counter_max = std::uint64_t{1} << 62;

// Whether `a` replaces `b` of the same key: by (counter, writer), then by value (absent is least).
bool supersedes(const Register& a, const Register& b);

bool is_valid(const Register& entry, const Settings& settings);
// One writer's one batch: at least one register, one revision, no key twice.
bool is_valid(const BatchUpdate& batch, const Settings& settings);
bool is_valid(const contract::Batch& batch, const Settings& settings);

}  // namespace vswim::gossip
