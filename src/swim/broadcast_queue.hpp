// Rumours waiting to be sent along. A rumour is a slot of the member table: what is sent is always the newest
// record. Least-sent first, and alive before others at equal count (a refutation must not queue behind what
// it refutes). Invariant: a slot is queued at most once; a fresh rumour about it starts again at zero sends.
#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "swim/probe_order.hpp"

namespace vswim::swim {

class BroadcastQueue {
 public:
  void push(Slot slot, bool alive);
  void erase(Slot slot);
  bool empty() const { return versions_.empty(); }
  std::size_t size() const { return versions_.size(); }
  bool contains(Slot slot) const { return versions_.contains(slot); }
  // How many suspicions, deaths and farewells wait; one that became a refutation meanwhile is counted still.
  std::size_t others() const {
    std::size_t count = 0;
    for (const Level& level : levels_) count += level.others.size();
    return count;
  }

  // After how many sends a rumour is dropped.
  struct Limits {
    std::uint32_t alive, others;
  };
  // As many slots as fit `room`, each taking `cost(slot)` of it, each counted as sent once. What does not fit
  // any more ends it, so that the order holds.
  template <class Cost>
  std::vector<Slot> take(std::size_t room, const Limits& limit, const Cost& cost) {
    std::vector<Sent> sent;
    for (std::size_t sends = 0; sends < levels_.size(); ++sends) {
      for (const bool alive : {true, false}) {
        auto& items = alive ? levels_[sends].alive : levels_[sends].others;
        while (!items.empty()) {
          if (is_current(items.front())) {
            const std::size_t needed = cost(items.front().slot);
            if (needed > room) return put_back(sent, limit);
            room -= needed;
            sent.push_back({items.front(), sends + 1, alive});
          }
          items.pop_front();
        }
      }
    }
    return put_back(sent, limit);
  }
  std::vector<Slot> take(std::size_t count, std::uint32_t limit) {
    return take(count, {limit, limit}, [](Slot) -> std::size_t { return 1; });
  }

 private:
  struct Item {
    Slot slot;
    std::uint32_t version;  // an item whose version is not the slot's current one is stale
  };
  struct Level {  // rumours sent equally often
    std::deque<Item> alive, others;
  };
  struct Sent {
    Item item;
    std::size_t sends;
    bool alive;
  };
  bool is_current(const Item& item) const {
    const auto queued = versions_.find(item.slot);
    return queued != versions_.end() && queued->second == item.version;
  }
  std::vector<Slot> put_back(const std::vector<Sent>& sent, const Limits& limit);

  std::vector<Level> levels_;                         // by sends
  std::unordered_map<Slot, std::uint32_t> versions_;  // of what is queued
  std::uint32_t last_version_ = 0;
};

}  // namespace vswim::swim
