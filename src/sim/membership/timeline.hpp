// The events of ten thousand nodes in order of time, first come first served among equals: small enough that
// millions of them a minute cost little (sim/scheduler.hpp carries a closure each).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/time.hpp"

namespace vswim::sim::membership {

enum class Kind : std::uint8_t { parcel, timer, persisted, script };

struct Event {
  Instant when{};
  std::uint64_t order = 0;
  Kind kind = Kind::timer;
  std::uint32_t node = 0;
  std::uint32_t item = 0;  // parcel, write or step of the script
};

class Timeline {
 public:
  Instant now() const { return now_; }
  std::uint64_t executed() const { return executed_; }

  void at(Instant when, Kind kind, std::uint32_t node, std::uint32_t item = 0) {
    heap_.push_back({std::max(when, now_), order_++, kind, node, item});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  // Nothing due up to and including `limit`: time is then limit.
  std::optional<Event> next(Instant limit) {
    if (heap_.empty() || heap_.front().when > limit) {
      now_ = std::max(now_, limit);
      return std::nullopt;
    }
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    now_ = event.when;
    ++executed_;
    return event;
  }

 private:
  static bool later(const Event& a, const Event& b) {
    return a.when != b.when ? a.when > b.when : a.order > b.order;
  }

  Instant now_{};
  std::uint64_t order_ = 0;
  std::uint64_t executed_ = 0;
  std::vector<Event> heap_;
};

}  // namespace vswim::sim::membership
