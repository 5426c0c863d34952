// Batches and snapshots of gossip registers (schemas/gossip.fbs). Internal.
#pragma once

#include <vector>

#include "contract/types.hpp"
#include "generated/gossip_generated.h"
#include "wire/flat.hpp"

namespace vswim::wire {

flatbuffers::Offset<fbs::Registers> add_registers(flatbuffers::FlatBufferBuilder& builder,
                                                  const std::vector<contract::Register>& registers);
// False when a count, a length or a writer's index is not valid. A null table is an empty list.
bool registers_from_flat(const fbs::Registers* flat, Budget& budget,
                         std::vector<contract::Register>& registers);

}  // namespace vswim::wire
