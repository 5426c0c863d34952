// Hash slots as the cluster specification defines them: 16 384, CRC16 (XMODEM) of the key's hash tag.
#pragma once

#include <cstdint>
#include <string_view>

namespace vswim::core {

constexpr std::uint16_t slot_count = 16'384;
using Slot = std::uint16_t;

Slot key_slot(std::string_view key);

}  // namespace vswim::core
