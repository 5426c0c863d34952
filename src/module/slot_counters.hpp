// Keys per hash slot, exact at every instant: fed by the server's key notifications, never by scans, except
// once after a load that failed half way.
#pragma once

#include "core/engine.hpp"
#include "module/api.hpp"

namespace vswim::module {

class SlotCounters {
 public:
  const core::SlotKeyCounts& counts() const { return counts_; }
  void added(core::Slot slot) { ++counts_.keys[slot]; }
  void removed(core::Slot slot) {
    if (counts_.keys[slot] > 0) --counts_.keys[slot];
  }
  void clear() { counts_.keys.fill(0); }
  // A full scan; the way out when a swapped-in data set was dropped again.
  void recount(const Api& api, Ctx* ctx);

 private:
  core::SlotKeyCounts counts_;
};

}  // namespace vswim::module
