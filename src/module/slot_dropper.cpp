#include "module/slot_dropper.hpp"

#include <string>

namespace vswim::module {

SlotDropper::~SlotDropper() {
  if (cursor_) api_.ScanCursorDestroy(cursor_);
}

void SlotDropper::drop(const std::vector<core::Slot>& slots) {
  for (const core::Slot slot : slots) slots_.set(slot);
  if (cursor_)
    api_.ScanCursorDestroy(cursor_);  // from the beginning: the scan passed keys of the new slots already
  cursor_ = nullptr;
}

void SlotDropper::step(Ctx* ctx) {
  if (slots_.none() || (api_.AvoidReplicaTraffic && api_.AvoidReplicaTraffic())) return;
  if (!cursor_) cursor_ = api_.ScanCursorCreate();
  struct Scan {
    SlotDropper& dropper;
    std::vector<std::string> found;
    int seen = 0;
  } scan{*this, {}, 0};
  bool more = true;
  while (more && scan.seen < keys_per_step) {
    more = api_.Scan(
               ctx, cursor_,
               [](Ctx*, String* name, Key*, void* data) {
                 auto& to = *static_cast<Scan*>(data);
                 ++to.seen;
                 const std::string_view key = to.dropper.api_.text(name);
                 if (to.dropper.slots_[core::key_slot(key)]) to.found.emplace_back(key);
               },
               &scan) != 0;
    ++scan.seen;
  }
  for (const std::string& key : scan.found) {
    const Reply reply(api_, api_.Call(ctx, "UNLINK", "!b", key.data(), key.size()));
  }
  if (more) return;
  api_.ScanCursorDestroy(cursor_);
  cursor_ = nullptr;
  slots_.reset();
}

}  // namespace vswim::module
