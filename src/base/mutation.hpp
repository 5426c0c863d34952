// Rules that can be switched off, one at a time, in the mutation build only (docs/safety.md, design 2 section
// 4). `if (VSWIM_RULE(l1)) {...}` is plain `if (true)` in every other build.
#pragma once

#ifdef VSWIM_MUTATIONS
#include <string>
#include <string_view>

namespace vswim::mutation {
inline std::string& switched_off() {
  static std::string name;  // set once by the mutation build's `simulate` before any machine runs
  return name;
}
inline bool rule_holds(std::string_view rule) { return switched_off() != rule; }
}  // namespace vswim::mutation

#define VSWIM_RULE(name) (::vswim::mutation::rule_holds(#name))
#else
#define VSWIM_RULE(name) (true)
#endif
