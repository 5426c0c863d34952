#include "shard_log/quorum.hpp"

namespace vswim::shard_log {

const Voter* find_voter(const Configuration& configuration, const NodeId& node) {
  const auto& voters = configuration.voters;
  const auto found =
      std::find_if(voters.begin(), voters.end(), [&](const Voter& voter) { return voter.node == node; });
  return found == voters.end() ? nullptr : &*found;
}

const Voter* find_voter(const Configuration& configuration, const NodeId& node, const VoterUuid& uuid) {
  const auto* voter = find_voter(configuration, node);
  return voter != nullptr && voter->uuid == uuid ? voter : nullptr;
}

bool counts(const Voter& voter) { return voter.role != Role::learner; }

std::size_t voter_count(const Configuration& configuration) {
  return static_cast<std::size_t>(
      std::count_if(configuration.voters.begin(), configuration.voters.end(), counts));
}

std::size_t quorum_of(const Configuration& configuration) { return majority_of(voter_count(configuration)); }

}  // namespace vswim::shard_log
