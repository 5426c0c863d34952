// wire/control.hpp as FlatBuffers (schemas/control.fbs). Internal.
#pragma once

#include <optional>

#include "generated/control_generated.h"
#include "wire/control.hpp"
#include "wire/flat.hpp"

namespace vswim::wire {

struct FlatControl {
  fbs::Control type = fbs::Control::NONE;
  flatbuffers::Offset<void> offset;
};
FlatControl add_control(flatbuffers::FlatBufferBuilder& builder, const Control& control);
// False when something is not valid; true and nothing when there is none or its kind is unknown.
bool control_from_flat(fbs::Control type, const void* flat, Budget& budget, std::optional<Control>& control);

}  // namespace vswim::wire
