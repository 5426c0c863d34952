// For every slot the shortest tag of letters and digits that hashes to it: "0-{06S}-0" is a key of slot 0.
// The same tags as the server's own, so that cursors look alike.
#pragma once

#include <string>

#include "core/slots.hpp"

namespace vswim::core {

const std::string& slot_tag(Slot slot);

}  // namespace vswim::core
