// Whom to probe next: a random permutation walked round by round, so that everybody is probed once in N
// periods and nobody waits longer than 2N - 1 (SWIM, section 4.3). A newcomer takes a random place among
// those still to come in this round. Slots are the member table's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.hpp"

namespace vswim::swim {

using Slot = std::uint32_t;
constexpr Slot no_slot = 0xffff'ffff;

class ProbeOrder {
 public:
  void insert(Slot slot, Rng& rng);  // no effect when it is there
  void erase(Slot slot);             // no effect when it is not
  void reserve(std::size_t slots);
  bool contains(Slot slot) const { return slot < position_.size() && position_[slot] != no_slot; }
  Slot next(Rng& rng);  // no_slot when empty; reshuffles at the end of a round
  std::size_t size() const { return order_.size(); }

  // Up to `count` distinct random slots other than `excluded`, in random order.
  std::vector<Slot> sample(std::size_t count, Slot excluded, Rng& rng) const;

 private:
  void place(std::size_t at, Slot slot);

  std::vector<Slot> order_;
  std::vector<Slot> position_;  // by slot: index in order_, or no_slot
  std::size_t cursor_ = 0;      // order_[0, cursor_) were probed in this round
};

}  // namespace vswim::swim
