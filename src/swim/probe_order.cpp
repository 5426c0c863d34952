#include "swim/probe_order.hpp"

#include <algorithm>
#include <utility>

namespace vswim::swim {

void ProbeOrder::place(std::size_t at, Slot slot) {
  order_[at] = slot;
  position_[slot] = static_cast<Slot>(at);
}

void ProbeOrder::insert(Slot slot, Rng& rng) {
  if (contains(slot)) return;
  if (slot >= position_.size()) position_.resize(slot + 1, no_slot);
  order_.push_back(slot);
  const std::size_t last = order_.size() - 1;
  const std::size_t at = cursor_ + rng.below(last - cursor_ + 1);
  place(last, order_[at]);
  place(at, slot);
}

void ProbeOrder::reserve(std::size_t slots) {
  order_.reserve(slots);
  position_.reserve(slots);
}

void ProbeOrder::erase(Slot slot) {
  if (!contains(slot)) return;
  std::size_t hole = position_[slot];
  // "Probed already" stays in front: its last takes the hole, and the hole is behind it then.
  if (hole < cursor_) {
    --cursor_;
    place(hole, order_[cursor_]);
    hole = cursor_;
  }
  const Slot last = order_.back();
  order_.pop_back();
  if (hole < order_.size()) place(hole, last);
  position_[slot] = no_slot;
}

Slot ProbeOrder::next(Rng& rng) {
  if (order_.empty()) return no_slot;
  if (cursor_ >= order_.size()) {
    cursor_ = 0;
    for (std::size_t i = order_.size() - 1; i > 0; --i) {
      const std::size_t j = rng.below(i + 1);
      const Slot a = order_[i], b = order_[j];
      place(i, b);
      place(j, a);
    }
  }
  return order_[cursor_++];
}

std::vector<Slot> ProbeOrder::sample(std::size_t count, Slot excluded, Rng& rng) const {
  std::vector<Slot> chosen;
  const std::size_t eligible = order_.size() - (excluded != no_slot && contains(excluded) ? 1 : 0);
  count = std::min(count, eligible);
  chosen.reserve(count);
  if (count * 3 >= eligible) {  // few to choose from: shuffle them all
    for (const Slot slot : order_) {
      if (slot != excluded) chosen.push_back(slot);
    }
    for (std::size_t i = 0; i < count; ++i) std::swap(chosen[i], chosen[i + rng.below(chosen.size() - i)]);
    chosen.resize(count);
    return chosen;
  }
  while (chosen.size() < count) {  // at most a third is taken, so a draw fails with less than even odds
    const Slot slot = order_[rng.below(order_.size())];
    if (slot != excluded && std::find(chosen.begin(), chosen.end(), slot) == chosen.end())
      chosen.push_back(slot);
  }
  return chosen;
}

}  // namespace vswim::swim
