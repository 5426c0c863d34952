// What the fence has to know between two sleeps of the event loop: whether anything ran under the lease, and
// under which count of lapses. Pure; design: the fence, 2.
#pragma once

#include <cstdint>

#include "core/routing_table.hpp"

namespace vswim::module {

class FenceWindow {
 public:
  // A command that needs ownership passed the filter (or a write was seen that no filter call announced).
  void served(const core::RoutingTable& table) {
    if (open_) return;
    open_ = true;
    lapses_ = table.lapses;
  }
  bool open() const { return open_; }
  // Something of this window may have run after the lease: its deadline passed, or a lease ended meanwhile,
  // renewed since or not.
  bool late(const core::RoutingTable& table, Instant now) const {
    return open_ && (now >= table.lease_until || table.lapses != lapses_);
  }
  void close() { open_ = false; }

 private:
  bool open_ = false;
  std::uint64_t lapses_ = 0;
};

}  // namespace vswim::module
