#include "core/slot_batch.hpp"

namespace vswim::core {

contract::Batch slot_batch(const Machine& m, const SlotSet& touched, const EntryChange& change) {
  contract::Batch batch;
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    const auto* present = m.log.slots().bucket(b);
    const Bucket before = present != nullptr ? *present : Bucket{};
    Bucket after = before;
    for (std::uint16_t i = 0; i < bucket_slots; ++i) {
      const Slot slot = bucket_first(b) + i;
      if (touched[slot]) after[i] = change(slot, before[i]);
    }
    if (after == before) continue;
    const auto text = bucket_text(b, after);
    const auto key = slots_key(b);
    batch.push_back({key, text.empty() ? std::nullopt : std::optional(text), m.log.revision(key)});
  }
  return batch;
}

SlotSet slots_where(const Machine& m, const SlotSet& among, const std::function<bool(const SlotEntry&)>& is) {
  SlotSet found;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (among[slot] && is(m.log.slots().at(static_cast<Slot>(slot)))) found.set(slot);
  }
  return found;
}

SlotSet with_keys(const Machine& m, SlotSet slots) {
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (m.counts.keys[slot] == 0) slots.reset(slot);
  }
  return slots;
}

std::vector<Slot> slot_list(const SlotSet& slots) {
  std::vector<Slot> list;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (slots[slot]) list.push_back(static_cast<Slot>(slot));
  }
  return list;
}

}  // namespace vswim::core
