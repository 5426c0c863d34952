#include "runtime/event_queue.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <variant>

namespace vswim::runtime {

namespace {

using namespace contract;

// A newer event of the same kind says everything an older one said.
bool supersedes(const Event& newer, const Event& older) {
  if (newer.index() != older.index()) return false;
  return std::holds_alternative<MembershipChanged>(newer) || std::holds_alternative<Heartbeat>(newer) ||
         std::holds_alternative<ProviderStatus>(newer);
}

bool is_reset_of(const Event& event, Scope scope) {
  const auto* reset = std::get_if<Reset>(&event);
  return reset && (reset->which == Namespace::global) == (scope == Scope::global);
}

// Batches applied together stay atomic: the older gets the newer's registers, the newest write of a key wins.
void merge(GossipUpdated& older, const GossipUpdated& newer) {
  std::unordered_map<std::string_view, std::size_t> position;
  for (std::size_t i = 0; i < older.registers.size(); ++i) position.emplace(older.registers[i].key, i);
  std::vector<Register> added;
  for (const auto& r : newer.registers) {
    const auto found = position.find(r.key);
    if (found == position.end()) {
      added.push_back(r);
    } else {
      auto& present = older.registers[found->second];
      present.value = r.value;
      present.revision = r.revision;
    }
  }
  std::move(added.begin(), added.end(), std::back_inserter(older.registers));
}

}  // namespace

void EventQueue::make_room(const Event& newest) {
  std::erase_if(events_, [&](const Event& older) { return supersedes(newest, older); });
}

bool EventQueue::push(Event event) {
  if (events_.size() >= events_max_) {
    make_room(event);
    if (const auto* gossip = std::get_if<GossipUpdated>(&event)) {
      // Only into the last word about this namespace, and never across its Reset. The batch moves to an
      // earlier place, before unrelated events; a completion of Core's own write still comes after it.
      for (auto older = events_.rbegin(); older != events_.rend() && !is_reset_of(*older, gossip->scope);
           ++older) {
        auto* batch = std::get_if<GossipUpdated>(&*older);
        if (!batch || batch->scope != gossip->scope) continue;
        merge(*batch, *gossip);
        return true;
      }
    }
  }
  events_.push_back(std::move(event));
  return events_.size() <= 2 * events_max_;
}

std::vector<Event> EventQueue::take() {
  std::vector<Event> all(std::make_move_iterator(events_.begin()), std::make_move_iterator(events_.end()));
  events_.clear();
  return all;
}

}  // namespace vswim::runtime
