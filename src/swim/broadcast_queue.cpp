#include "swim/broadcast_queue.hpp"

namespace vswim::swim {

void BroadcastQueue::push(Slot slot, bool alive) {
  if (slot >= current_.size()) current_.resize(slot + 1);
  auto& current = current_[slot];
  if (!current.queued) ++queued_;
  current.queued = true;
  ++current.version;
  if (levels_.empty()) levels_.resize(1);
  (alive ? levels_[0].alive : levels_[0].others).push_back({slot, current.version});
}

void BroadcastQueue::erase(Slot slot) {
  if (!contains(slot)) return;
  current_[slot].queued = false;
  if (--queued_ == 0) levels_.clear();
}

std::vector<Slot> BroadcastQueue::take(std::size_t count, std::uint32_t limit) {
  std::vector<Slot> slots;
  if (queued_ == 0) return slots;
  struct Sent {
    Item item;
    std::size_t sends;
    bool alive;
  };
  std::vector<Sent> sent;
  for (std::size_t sends = 0; sends < levels_.size() && sent.size() < count; ++sends) {
    for (const bool alive : {true, false}) {
      auto& items = alive ? levels_[sends].alive : levels_[sends].others;
      while (!items.empty() && sent.size() < count) {
        if (is_current(items.front())) sent.push_back({items.front(), sends + 1, alive});
        items.pop_front();
      }
    }
  }
  slots.reserve(sent.size());
  for (const auto& [item, sends, alive] : sent) {  // put back only now, so that none is taken twice at once
    slots.push_back(item.slot);
    if (sends >= limit) {
      current_[item.slot].queued = false;
      --queued_;
      continue;
    }
    if (sends >= levels_.size()) levels_.resize(sends + 1);
    (alive ? levels_[sends].alive : levels_[sends].others).push_back(item);
  }
  if (queued_ == 0) levels_.clear();
  return slots;
}

}  // namespace vswim::swim
