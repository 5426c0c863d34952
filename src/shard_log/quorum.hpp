// Majorities, as pure arithmetic over the voters of a configuration. Learners store and lease, but never
// count.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

constexpr std::size_t majority_of(std::size_t voters) { return voters / 2 + 1; }

const Voter* find_voter(const Configuration& configuration, const NodeId& node);
// The member with exactly this uuid: a node that lost its state is not the voter it was (invariant I14).
const Voter* find_voter(const Configuration& configuration, const NodeId& node, const VoterUuid& uuid);
bool counts(const Voter& voter);  // data and witness
std::size_t voter_count(const Configuration& configuration);
std::size_t quorum_of(const Configuration& configuration);

// The q-th largest value: what at least q of them have reached. Nothing when there are fewer than q.
template <class Value>
std::optional<Value> reached_by(std::vector<Value> values, std::size_t q) {
  if (q == 0 || values.size() < q) return std::nullopt;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(q - 1), values.end(),
                   std::greater<>());
  return values[q - 1];
}

}  // namespace vswim::shard_log
