// A broken invariant stops the process and says which. Never used for input from peers or users.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace vswim {

[[noreturn]] inline void invariant_broken(const char* condition, const char* reason, const char* file,
                                          int line) {
  std::fprintf(stderr, "valkey-swim: invariant broken: %s (%s) at %s:%d\n", reason, condition, file, line);
  std::abort();
}

}  // namespace vswim

#define VSWIM_ASSERT(condition, reason) \
  ((condition) ? void(0) : ::vswim::invariant_broken(#condition, reason, __FILE__, __LINE__))
