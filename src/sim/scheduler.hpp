// The event queue of the simulated world: actions in order of time, first come first served among equals.
// Running is the only way that time passes.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/world_time.hpp"

namespace vswim::sim {

class Scheduler {
 public:
  using Action = std::function<void()>;

  WorldTime now() const { return now_; }
  std::uint64_t executed() const { return executed_; }

  void at(WorldTime when, Action action);  // an instant that has passed means now, after what waits for now
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }

  bool run_one(WorldTime limit);  // false: nothing to do up to and including limit; time is then limit
  void run_until(WorldTime limit);

 private:
  struct Event {
    WorldTime when;
    std::uint64_t order = 0;
    Action action;
  };
  static bool later(const Event& a, const Event& b);

  WorldTime now_;
  std::uint64_t order_ = 0;
  std::uint64_t executed_ = 0;
  std::vector<Event> heap_;
};

}  // namespace vswim::sim
