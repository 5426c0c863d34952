#include "wire/version.hpp"

#include "base/next_minor.hpp"
#include "wire/frame.hpp"

namespace vswim::wire {

namespace {
constexpr Version packets{frame_version, 0}, files{1, 0};

constexpr Version told(Version version) {
  if (next_minor) ++version.minor;
  return version;
}
}  // namespace

Version packet_version() { return told(packets); }
Version file_version() { return told(files); }

}  // namespace vswim::wire
