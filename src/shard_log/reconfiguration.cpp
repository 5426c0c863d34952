#include "shard_log/reconfiguration.hpp"

#include <algorithm>
#include <tuple>

namespace vswim::shard_log {

namespace {
std::size_t data_seats(std::size_t members, bool witness) {
  // Two votes without a third: the loss of either member would stop both.
  if (wants_witness(members)) return witness ? 2 : 1;
  if (members <= 3) return members;
  return members == 4 ? 3 : 5;
}
}  // namespace

bool wants_witness(std::size_t data_members) { return data_members == 2; }

std::vector<Voter> plan_configuration(const PlanInput& input) {
  auto voters = input.data;
  const auto among = [](const std::vector<NodeId>& nodes, const Voter& voter) {
    return std::find(nodes.begin(), nodes.end(), voter.node) != nodes.end();
  };
  const auto absent = [&](const Voter& voter) { return among(input.absent, voter); };
  std::sort(voters.begin(), voters.end(), [&](const Voter& a, const Voter& b) {
    const auto order = [&](const Voter& voter) {
      return std::tuple(absent(voter), voter.node != input.leader, voter.node != input.preferred,
                        among(input.ailing, voter), voter.role != Role::data, voter.node);
    };
    return order(a) < order(b);
  });
  const bool hands_over = input.preferred != input.leader &&
                          std::any_of(voters.begin(), voters.end(),
                                      [&](const Voter& voter) { return voter.node == input.preferred; });
  const auto there = static_cast<std::size_t>(
      std::count_if(voters.begin(), voters.end(), [&](const Voter& voter) { return !absent(voter); }));
  const auto seats = std::min(there, std::max(data_seats(there, !input.witnesses.empty()),
                                              hands_over ? std::size_t{2} : std::size_t{1}));
  for (std::size_t i = 0; i < voters.size(); ++i) voters[i].role = i < seats ? Role::data : Role::learner;
  if (wants_witness(there) && !input.witnesses.empty()) {
    voters.push_back(input.witnesses.front());
    voters.back().role = Role::witness;
  }
  std::sort(voters.begin(), voters.end());
  return voters;
}

}  // namespace vswim::shard_log
