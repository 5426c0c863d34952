// Who stands for primaryship: eligibility and rank, as pure arithmetic over replication offsets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "core/core.hpp"
#include "core/engine.hpp"

namespace vswim::core {

struct Candidate {
  NodeId node;
  std::uint64_t offset = 0;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// More replicated data first, then the lower id: the same order on every node that sees the same offsets.
bool stands_before(const Candidate& a, const Candidate& b);
// How many of the others stand before `self`; 0: the best.
std::uint32_t rank_of(const Candidate& self, const std::vector<Candidate>& others);
// Why this replica must not become primary by itself; empty when it may.
std::string why_not_stand(const EngineReport& engine, const Settings& settings);

}  // namespace vswim::core
