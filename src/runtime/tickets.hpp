// Which operations are answered, and the answers still owed: each ticket gets exactly one Completed, also
// when the node stops in between.
#pragma once

#include <optional>
#include <unordered_set>
#include <vector>

#include "contract/types.hpp"

namespace vswim::runtime {

// The ticket an operation will be answered with; none for those that are not answered.
std::optional<Ticket> ticket_of(const contract::Operation& operation);

class OwedAnswers {
 public:
  void submitted(const contract::Operation& operation);
  void completed(const contract::Completed& completion) { owed_.erase(completion.ticket.value); }
  // The node stops: whatever is still owed may or may not have happened.
  std::vector<contract::Event> give_up(const std::string& reason);
  std::size_t size() const { return owed_.size(); }

 private:
  std::unordered_set<std::uint64_t> owed_;
};

}  // namespace vswim::runtime
