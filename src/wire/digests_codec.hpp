// Digests of a repair (schemas/control.fbs). Internal.
#pragma once

#include <optional>

#include "generated/control_generated.h"
#include "wire/control.hpp"
#include "wire/flat.hpp"

namespace vswim::wire {

// Null where there are none.
flatbuffers::Offset<fbs::Digests> add_digests(flatbuffers::FlatBufferBuilder& builder,
                                              const std::optional<RepairDigests>& digests);
// False when a number of buckets is not valid. A null table, or one of no buckets of registers, is nothing.
bool digests_from_flat(const fbs::Digests* flat, Budget& budget, std::optional<RepairDigests>& digests);

}  // namespace vswim::wire
