// Events on their way to Core, in order and bounded. Nothing is dropped silently: when the queue is full,
// events that are superseded by a newer one of their kind give way (whole views, heartbeats), gossip is
// merged into one batch, and if that is not enough the queue reports overflow and the node must stop with
// ClusterDown.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "contract/types.hpp"

namespace vswim::runtime {

class EventQueue {
 public:
  explicit EventQueue(std::size_t events_max) : events_max_(events_max) {}

  // False: the queue holds twice its bound of events that cannot be merged; this one was kept all the same.
  [[nodiscard]] bool push(contract::Event event);
  std::vector<contract::Event> take();
  bool empty() const { return events_.empty(); }
  std::size_t size() const { return events_.size(); }

 private:
  void make_room(const contract::Event& newest);

  std::size_t events_max_;
  std::deque<contract::Event> events_;
};

}  // namespace vswim::runtime
