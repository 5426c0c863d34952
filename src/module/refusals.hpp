// Commands that a node of a cluster refuses whatever its keys: roles and databases are not the user's to
// change. Pure.
#pragma once

#include <string_view>

#include "module/command_keys.hpp"

namespace vswim::module {

// The error a server in cluster mode would give (without its dash), or an empty view.
template <class Arguments>
std::string_view refusal(Special special, const Arguments& arguments) {
  const int count = static_cast<int>(arguments.size());
  const auto is_zero = [](std::string_view text) { return text == "0"; };
  switch (special) {
    case Special::select:
      return count == 2 && !is_zero(arguments[1]) ? "ERR SELECT is not allowed in cluster mode" : "";
    case Special::swapdb: return "ERR SWAPDB is not allowed in cluster mode";
    case Special::move: return "ERR MOVE is not allowed in cluster mode";
    case Special::copy:
      for (int i = 3; i + 1 < count; ++i) {
        if (equal_ignoring_case(arguments[i], "db") && !is_zero(arguments[i + 1])) {
          return "ERR Copying to another database is not allowed in cluster mode";
        }
      }
      return "";
    case Special::replicaof: return "ERR REPLICAOF not allowed in cluster mode.";
    case Special::failover:
      return "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.";
    default: return "";
  }
}

}  // namespace vswim::module
