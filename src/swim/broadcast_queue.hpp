// Rumours waiting to be sent along. A rumour is a slot of the member table: what is sent is always the newest
// record. Least-sent first, and alive before others at equal count (a refutation must not queue behind what
// it refutes). Invariant: a slot is queued at most once; a fresh rumour about it starts again at zero sends.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "swim/probe_order.hpp"

namespace vswim::swim {

class BroadcastQueue {
 public:
  void push(Slot slot, bool alive);
  void erase(Slot slot);
  bool empty() const { return queued_ == 0; }
  std::size_t size() const { return queued_; }
  bool contains(Slot slot) const { return slot < current_.size() && current_[slot].queued; }

  // Up to `count` slots, each counted as sent once; after `limit` sends a rumour is dropped.
  std::vector<Slot> take(std::size_t count, std::uint32_t limit);

 private:
  struct Item {
    Slot slot;
    std::uint32_t version;  // an item whose version is not the slot's current one is stale
  };
  struct Current {
    std::uint32_t version = 0;
    bool queued = false;
  };
  struct Level {  // rumours sent equally often
    std::deque<Item> alive, others;
  };
  bool is_current(const Item& item) const {
    return current_[item.slot].queued && current_[item.slot].version == item.version;
  }

  std::vector<Level> levels_;     // by sends
  std::vector<Current> current_;  // by slot
  std::size_t queued_ = 0;
};

}  // namespace vswim::swim
