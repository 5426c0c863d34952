#include "module/slot_import.hpp"

#include <algorithm>

#include "module/slot_dropper.hpp"

namespace vswim::module {

void SlotImport::clear() {
  waiting_.clear();
  scan_.stop();
}

std::vector<SlotImport::Answer> SlotImport::step(Ctx* ctx, const core::SlotKeyCounts& counts) {
  std::vector<Answer> answers;
  if (waiting_.empty() || (api_.AvoidReplicaTraffic && api_.AvoidReplicaTraffic())) return answers;
  if (const auto* emptying = std::get_if<core::EmptySlots>(&waiting_.front())) {
    if (!empty_further(ctx, *emptying, counts)) return answers;
    answers.push_back({emptying->transfer, ""});
  } else {
    const auto& keys = std::get<core::ImportKeys>(waiting_.front());
    Answer answer{keys.transfer, ""};
    for (const auto& key : keys.keys) {
      answer.error = write(ctx, key);
      if (!answer.error.empty()) break;
    }
    answers.push_back(std::move(answer));
  }
  waiting_.pop_front();
  return answers;
}

bool SlotImport::empty_further(Ctx* ctx, const core::EmptySlots& action, const core::SlotKeyCounts& counts) {
  std::bitset<core::slot_count> slots;
  bool any = false;
  for (const core::Slot slot : action.slots) {
    slots.set(slot);
    any = any || counts.keys[slot] != 0;
  }
  if (any) unlink_step(api_, ctx, scan_, slots, keys_per_step);
  const bool empty = std::all_of(action.slots.begin(), action.slots.end(),
                                 [&](core::Slot slot) { return counts.keys[slot] == 0; });
  if (empty) scan_.stop();
  return empty;
}

std::string SlotImport::write(Ctx* ctx, const core::MovedKey& key) {
  if (!key.payload) {
    const Reply reply(api_, unlink_key(api_, ctx, key.name));
    return reply.failed() ? std::string(reply.text()) : std::string();
  }
  const Reply reply(api_, api_.Call(ctx, "RESTORE", "!MEblbcc", key.name.data(), key.name.size(),
                                    static_cast<long long>(key.expires_at_ms), key.payload->data(),
                                    key.payload->size(), "REPLACE", "ABSTTL"));
  if (!reply.get()) return "ERR the server refused RESTORE";
  return reply.failed() ? std::string(reply.text()) : std::string();
}

}  // namespace vswim::module
