#include "swim/broadcast_queue.hpp"

namespace vswim::swim {

void BroadcastQueue::push(Slot slot, bool alive) {
  versions_[slot] = ++last_version_;
  if (levels_.empty()) levels_.resize(1);
  (alive ? levels_[0].alive : levels_[0].others).push_back({slot, last_version_});
}

void BroadcastQueue::erase(Slot slot) {
  versions_.erase(slot);
  if (versions_.empty()) levels_.clear();
}

// Only once all are taken, so that none is taken twice at once.
std::vector<Slot> BroadcastQueue::put_back(const std::vector<Sent>& sent, const Limits& limit) {
  std::vector<Slot> slots;
  slots.reserve(sent.size());
  for (const auto& [item, sends, alive] : sent) {
    slots.push_back(item.slot);
    if (sends >= (alive ? limit.alive : limit.others)) {
      versions_.erase(item.slot);
      continue;
    }
    if (sends >= levels_.size()) levels_.resize(sends + 1);
    (alive ? levels_[sends].alive : levels_[sends].others).push_back(item);
  }
  if (versions_.empty()) levels_.clear();
  return slots;
}

}  // namespace vswim::swim
