// libvalkey_swim_next.so, which only tests load, is this source one minor version on: it says what the
// present version has never heard of, wherever a minor version may (docs/protocol.md, Versions). In every
// other build this is false.
#pragma once

namespace vswim {

#ifdef VSWIM_NEXT_MINOR
constexpr bool next_minor = true;
#else
constexpr bool next_minor = false;
#endif

}  // namespace vswim
