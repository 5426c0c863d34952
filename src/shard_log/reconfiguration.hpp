// Which members a shard should have, as pure planning (design 2, section 3, "Witnesses"). How it gets there
// is seal-copy-start, rules S1 to S5, in change.cpp.
#pragma once

#include <vector>

#include "shard_log/types.hpp"

namespace vswim::shard_log {

struct PlanInput {
  std::vector<Voter> data;       // the data members there should be; roles are planned here
  NodeId leader;                 // keeps its vote
  NodeId preferred;              // a learner that is to lead takes a voter's seat; nil: none
  std::vector<Voter> witnesses;  // the first is used when one is needed
  std::vector<NodeId> absent;    // of `data`: dead; they learn, the others are planned as if alone
  std::vector<NodeId> ailing;    // may be so soon: others go before them where there are more than seats
};

// 1 data -> 1; 2 -> 2 + a witness, or 1 + learner where there is none; 3 -> 3; 4 -> 3 + learner; 5 -> 5; more
// -> 5 + learners. Of those who are there: who is absent learns. Seats stay with those who have them (data
// with Role::data), then go by node id. Sorted by node.
std::vector<Voter> plan_configuration(const PlanInput& input);

// Without a witness a shard of two cannot fail over by itself.
bool wants_witness(std::size_t data_members);

}  // namespace vswim::shard_log
