// One thread of a simulated process (node thread or main thread): jobs run one after another in the order in
// which they were posted. A lane can be paused (SIGSTOP, a page fault, a slow script): jobs then wait, and
// all that waits runs at the instant of resumption, as a real event loop would find it.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "sim/scheduler.hpp"

namespace vswim::sim {

class Lane {
 public:
  explicit Lane(Scheduler& scheduler) : scheduler_(&scheduler), state_(std::make_shared<State>()) {}

  void post(Duration latency, std::function<void()> job) {
    auto& state = *state_;
    state.ready = std::max(state.ready, scheduler_->now() + latency);
    state.jobs.push_back({state.ready, std::move(job)});
    if (state.jobs.size() == 1) wake(std::max(state.ready, state.paused_until));
  }
  void pause_until(WorldTime until) { state_->paused_until = std::max(state_->paused_until, until); }
  void resume() {
    state_->paused_until = scheduler_->now();
    wake(scheduler_->now());
  }
  bool paused() const { return state_->paused_until > scheduler_->now(); }
  // The process died: nothing that waits will run.
  void kill() { state_ = std::make_shared<State>(); }

 private:
  struct Job {
    WorldTime ready;
    std::function<void()> run;
  };
  struct State {
    std::deque<Job> jobs;
    WorldTime ready;
    WorldTime paused_until;
    bool running = false;
  };

  void wake(WorldTime when) {
    scheduler_->at(when, [this, life = std::weak_ptr<State>(state_)] {
      if (auto state = life.lock()) run(std::move(state));
    });
  }
  // Holds its own reference: a job may kill this lane.
  void run(std::shared_ptr<State> state) {  // NOLINT(performance-unnecessary-value-param)
    if (state->running) return;
    state->running = true;
    while (!state->jobs.empty()) {
      const WorldTime when = std::max(state->jobs.front().ready, state->paused_until);
      if (when > scheduler_->now()) {
        wake(when);
        break;
      }
      auto job = std::move(state->jobs.front().run);
      // Kept in the queue while it runs, so that what it posts does not schedule a second wake.
      job();
      if (state != state_) return;  // killed by its own job
      state->jobs.pop_front();
    }
    state->running = false;
  }

  Scheduler* scheduler_;
  std::shared_ptr<State> state_;
};

}  // namespace vswim::sim
