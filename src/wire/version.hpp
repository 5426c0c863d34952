// The versions of what leaves a node: packets, and the state file (docs/protocol.md, Versions). Another major
// version is refused. A minor version only adds what an older reader may pass over; it is told to people, and
// nobody acts on it.
#pragma once

#include <cstdint>

namespace vswim::wire {

struct Version {
  std::uint8_t major = 0, minor = 0;
};

// Functions, not constants: they differ in the build of next_minor.hpp, which shares most objects with this.
Version packet_version();
Version file_version();

}  // namespace vswim::wire
