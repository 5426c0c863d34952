#include "runtime/tickets.hpp"

#include <algorithm>

#include "base/overloaded.hpp"

namespace vswim::runtime {

using namespace contract;

std::optional<Ticket> ticket_of(const Operation& operation) {
  using Answer = std::optional<Ticket>;
  return std::visit(
      Overloaded{
          [](const JoinCluster& o) -> Answer { return o.ticket; },
          [](const JoinVerdict&) -> Answer { return std::nullopt; },  // its ticket is the provider's
          [](const RemoveFromCluster& o) -> Answer { return o.ticket; },
          [](const JoinShard& o) -> Answer { return o.ticket; },
          [](const RemoveFromShard& o) -> Answer { return o.ticket; },
          [](const UpdateGossip& o) -> Answer { return o.ticket; },
          [](const UpdateShardLog& o) -> Answer { return o.ticket; },
          [](const StandFirst&) -> Answer { return std::nullopt; },
          [](const Shown&) -> Answer { return std::nullopt; },
          [](const Pulse&) -> Answer { return std::nullopt; },
          [](const ReleaseLease& o) -> Answer { return o.ticket; },
          [](const ResumeLease&) -> Answer { return std::nullopt; },
          [](const SendToCore&) -> Answer { return std::nullopt; },
      },
      operation);
}

void OwedAnswers::submitted(const Operation& operation) {
  if (const auto ticket = ticket_of(operation)) owed_.insert(ticket->value);
}

std::vector<Event> OwedAnswers::give_up(const std::string& reason) {
  std::vector<std::uint64_t> tickets(owed_.begin(), owed_.end());
  std::sort(tickets.begin(), tickets.end());
  owed_.clear();
  std::vector<Event> events;
  events.reserve(tickets.size());
  for (const auto ticket : tickets)
    events.push_back(Completed{{ticket}, Outcome::unknown, reason, std::nullopt});
  return events;
}

}  // namespace vswim::runtime
