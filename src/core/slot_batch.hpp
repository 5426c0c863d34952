// Writes of this shard's slot registers: the buckets that a change touches, each with the revision it
// expects.
#pragma once

#include <functional>

#include "core/machine.hpp"

namespace vswim::core {

using EntryChange = std::function<SlotEntry(Slot, const SlotEntry&)>;

// Nothing where the change changes nothing.
contract::Batch slot_batch(const Machine& m, const SlotSet& touched, const EntryChange& change);
SlotSet slots_where(const Machine& m, const SlotSet& among, const std::function<bool(const SlotEntry&)>& is);
SlotSet with_keys(const Machine& m, SlotSet slots);  // those among them that hold any here
std::vector<Slot> slot_list(const SlotSet& slots);

}  // namespace vswim::core
