#include "module/slot_counters.hpp"

namespace vswim::module {

void SlotCounters::recount(const Api& api, Ctx* ctx) {
  struct Scan {
    const Api& api;
    SlotCounters& counters;
  } scan{api, *this};
  clear();
  ScanCursor* cursor = api.ScanCursorCreate();
  while (api.Scan(
      ctx, cursor,
      [](Ctx*, String* name, Key*, void* data) {
        const auto& to = *static_cast<Scan*>(data);
        to.counters.added(core::key_slot(to.api.text(name)));
      },
      &scan)) {
  }
  api.ScanCursorDestroy(cursor);
}

}  // namespace vswim::module
