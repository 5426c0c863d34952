// One node's state file on a simulated disk. Writes are done in order; each becomes durable after a latency
// and is reported only then. A crash loses what was not durable: of waiting appends any prefix may have
// reached the platter, a waiting rewrite either happened wholly or not at all.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "base/rng.hpp"
#include "sim/persistence_points.hpp"
#include "sim/scheduler.hpp"

namespace vswim::sim {

struct DiskPace {
  Duration latency_min = microseconds(100);
  Duration latency_max = microseconds(900);
};

class Disk {
 public:
  using Persisted = std::function<void(std::uint64_t sequence)>;

  // Told of every write when it is handed over and again when it is durable, each time before anybody else.
  using Watch = std::function<void(bool durable, const std::string& bytes)>;

  Disk(Scheduler& scheduler, Rng rng) : scheduler_(&scheduler), rng_(rng) {}

  // With `dies` the node is to die at that stage of this write: the disk calls `die` once the stage is
  // reached (at once for what is lost or torn: the disk hangs until the crash), and what the crash then
  // leaves behind is exactly that.
  void write(std::uint64_t sequence, bool rewrite, std::string bytes, Persisted persisted,
             std::optional<WriteStage> dies = {}, std::function<void()> die = {});
  void crash();
  void lose_waiting();  // nothing of what is not durable yet has reached the platter
  void set_watch(Watch watch) { watch_ = std::move(watch); }
  void wipe();
  // A bit of a durable record that is not the last one rots; false when there is no such record.
  bool rot();
  void set_pace(const DiskPace& pace) { pace_ = pace; }
  void stall_until(WorldTime until);

  const std::string& contents() const { return contents_; }
  std::uint64_t torn_tails() const { return torn_tails_; }

 private:
  struct Waiting {
    std::uint64_t sequence = 0;
    bool rewrite = false;
    std::string bytes;
    Persisted persisted;
    std::optional<WriteStage> dies;
    std::function<void()> die;
  };
  void schedule_head();
  void make_durable(const Waiting& write);

  Scheduler* scheduler_;
  Rng rng_;
  DiskPace pace_;
  WorldTime stalled_until_;
  std::uint64_t life_ = 0;  // completions of an earlier life are void
  std::uint64_t torn_tails_ = 0;
  std::string contents_;
  std::size_t last_write_at_ = 0;  // where the newest durable write begins in contents_
  std::deque<Waiting> waiting_;
  Watch watch_;
};

}  // namespace vswim::sim
