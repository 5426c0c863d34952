#include "module/slot_dropper.hpp"

#include <string>

namespace vswim::module {

void SlotDropper::drop(const std::vector<core::Slot>& slots) {
  const auto before = slots_;
  for (const core::Slot slot : slots) slots_.set(slot);
  if (slots_ != before) scan_.stop();  // from the beginning: it passed keys of the new slots already
}

void SlotDropper::keep_what_came_back(const core::RoutingTable& table) {
  for (std::size_t slot = 0; slots_.any() && slot < core::slot_count; ++slot) {
    if (table.served[slot] || table.mode[slot] == core::SlotMode::importing) slots_.reset(slot);
  }
}

bool unlink_step(const Api& api, Ctx* ctx, KeyScan& scan, const std::bitset<core::slot_count>& slots,
                 int keys) {
  std::vector<std::string> found;
  const bool complete = scan.step(ctx, keys, [&](std::string_view key) {
    if (slots[core::key_slot(key)]) found.emplace_back(key);
  });
  for (const std::string& key : found) {
    const Reply reply(api, unlink_key(api, ctx, key));
  }
  return complete;
}

void SlotDropper::step(Ctx* ctx) {
  if (slots_.none() || (api_.AvoidReplicaTraffic && api_.AvoidReplicaTraffic())) return;
  if (unlink_step(api_, ctx, scan_, slots_, keys_per_step)) slots_.reset();
}

}  // namespace vswim::module
