// A SWIM message and its rumours (schemas/swim.fbs). Internal.
#pragma once

#include <optional>

#include "wire/flat.hpp"
#include "wire/packet.hpp"

namespace vswim::wire {

flatbuffers::Offset<fbs::Swim> add_swim(flatbuffers::FlatBufferBuilder& builder, const SwimPart& part);
// False when something is not valid; true and no part when the kind of message is unknown or there is none.
bool swim_from_flat(const fbs::Swim* flat, std::optional<SwimPart>& part);

}  // namespace vswim::wire
