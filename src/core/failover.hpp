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
  // In its present life it was in sync with the primary that is replaced: then offsets count the same
  // history. A primary that was deposed and not yet synced may hold a higher offset of writes that nobody
  // else ever saw.
  bool synced = true;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};

// In sync before others, then more replicated data, then the lower id: the same order on every node that sees
// the same offsets.
bool stands_before(const Candidate& a, const Candidate& b);
// How many of the others stand before `self`; 0: the best.
std::uint32_t rank_of(const Candidate& self, const std::vector<Candidate>& others);
// After a restart of everybody, what was loaded from disk counts as a completed sync, until a full sync
// replaces it.
EngineReport as_loaded(EngineReport report);
// Why this replica must not become primary by itself; empty when it may.
std::string why_not_stand(const EngineReport& engine, const Settings& settings);

}  // namespace vswim::core
