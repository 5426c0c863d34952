#include "module/slot_dropper.hpp"

#include <string>

namespace vswim::module {

void SlotDropper::drop(const std::vector<core::Slot>& slots) {
  for (const core::Slot slot : slots) slots_.set(slot);
  scan_.stop();  // from the beginning: the scan passed keys of the new slots already
}

void SlotDropper::step(Ctx* ctx) {
  if (slots_.none() || (api_.AvoidReplicaTraffic && api_.AvoidReplicaTraffic())) return;
  std::vector<std::string> found;
  const bool complete = scan_.step(ctx, keys_per_step, [&](std::string_view key) {
    if (slots_[core::key_slot(key)]) found.emplace_back(key);
  });
  for (const std::string& key : found) {
    const Reply reply(api_, api_.Call(ctx, "UNLINK", "!b", key.data(), key.size()));
  }
  if (complete) slots_.reset();
}

}  // namespace vswim::module
