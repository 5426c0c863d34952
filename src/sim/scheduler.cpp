#include "sim/scheduler.hpp"

#include <algorithm>
#include <utility>

namespace vswim::sim {

bool Scheduler::later(const Event& a, const Event& b) {
  return a.when != b.when ? a.when > b.when : a.order > b.order;
}

void Scheduler::at(WorldTime when, Action action) {
  if (when >= WorldTime::never()) return;
  heap_.push_back({std::max(when, now_), order_++, std::move(action)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

bool Scheduler::run_one(WorldTime limit) {
  if (heap_.empty() || heap_.front().when > limit) {
    now_ = std::max(now_, limit);
    return false;
  }
  std::pop_heap(heap_.begin(), heap_.end(), later);
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.when;
  ++executed_;
  event.action();
  return true;
}

void Scheduler::run_until(WorldTime limit) {
  while (run_one(limit)) {
  }
}

}  // namespace vswim::sim
