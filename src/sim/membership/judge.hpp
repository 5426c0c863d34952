// What every node believes against what is true. A death is false where the dead one runs, nothing is wrong
// with it, and the two are on one side of a split; whoever has a fault of its own (deaf, losing, paused) may
// be called dead. Settled: no healthy node is dead anywhere he can be reached from, nobody who is gone is up
// anywhere, and whoever has a fault is dead for all healthy nodes or for none.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/time.hpp"
#include "swim/messages.hpp"

namespace vswim::sim::membership {

struct Truth {
  bool up = true;
  bool healthy = true;
  std::uint8_t side = 0;
  Instant since{};  // when any of these last changed
};

class Judge {
 public:
  Judge(std::uint32_t nodes, Instant now);

  // ---- the world
  const Truth& truth(std::uint32_t node) const { return truths_[node]; }
  void killed(Instant now, std::uint32_t node);   // for good: its detection is measured
  void stopped(Instant now, std::uint32_t node);  // and comes back
  void started(Instant now, std::uint32_t node, const std::vector<std::uint32_t>& holds_dead);
  void set_healthy(Instant now, std::uint32_t node, bool healthy);
  void set_side(Instant now, std::uint32_t node, std::uint8_t side);
  void fault_began(Instant now) { fault_at_ = fault_at_ ? fault_at_ : now; }
  void fault_ended(Instant now);

  // ---- the views
  void believes(Instant now, std::uint32_t view, std::uint32_t subject, swim::Status status);

  // ---- what came of it
  void finish(Instant now);
  std::uint64_t false_deaths() const { return false_deaths_; }              // of one member in one view
  std::uint64_t false_deaths_of_members() const { return false_members_; }  // however many believe it
  std::uint64_t faulty_deaths() const { return faulty_deaths_; }
  Duration longest_false_death() const { return longest_; }
  std::vector<double> first_detections() const;  // seconds after the end, of each that was seen
  std::vector<double> last_detections() const;
  std::size_t undetected() const;  // killed, and not known to everybody
  // From the beginning (the end) of the fault until nothing was wrong any more; nothing: something still is.
  std::optional<double> settled_after_begin() const;
  std::optional<double> settled_after_end() const;
  std::size_t wrong_now() const { return wrong_; }

 private:
  struct Grave {
    Instant killed_at{};
    std::optional<Instant> first, last;
    std::uint32_t unaware = 0;
  };
  static std::uint64_t pair(std::uint32_t view, std::uint32_t subject) {
    return std::uint64_t{view} << 32 | subject;
  }
  bool is_false(std::uint32_t view, std::uint32_t subject) const;
  void close(Instant now, std::uint32_t view, std::uint32_t subject, Instant since);
  void forget_view(Instant now, std::uint32_t view);
  void recount(Instant now);
  void add_wrong(Instant now, std::int64_t by);
  bool is_torn() const;

  std::vector<Truth> truths_;
  std::unordered_map<std::uint64_t, Instant> dead_;  // (view, subject) held for dead, and since when
  std::vector<std::uint32_t> dead_views_;            // by subject
  Instant faulty_changed_at_{};  // when a healthy node last changed its mind about one with a fault
  std::unordered_map<std::uint32_t, Grave> graves_;
  std::uint64_t false_deaths_ = 0, false_members_ = 0, faulty_deaths_ = 0;
  Duration longest_{};
  std::size_t wrong_ = 0;
  Instant settled_at_{};
  std::optional<Instant> fault_at_, fault_end_;
};

}  // namespace vswim::sim::membership
