// Patterns of the server's kind (KEYS, SCAN MATCH): * ? [classes] \escapes. Pure.
#pragma once

#include <cstdint>
#include <string_view>

namespace vswim::module {

bool glob_matches(std::string_view pattern, std::string_view text);

// The slot that all keys of this pattern are in: its hash tag, or the whole of it, has nothing that is
// special. -1: they can be in any.
std::int32_t glob_slot(std::string_view pattern);

}  // namespace vswim::module
