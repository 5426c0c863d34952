// Commands that a node of a cluster refuses whatever its keys: roles and databases are not the user's to
// change. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "module/command_keys.hpp"

namespace vswim::module {

// The error a server in cluster mode would give (without its dash), or an empty view.
template <class Arguments>
std::string_view refusal(Special special, const Arguments& arguments) {
  const int count = static_cast<int>(arguments.size());
  const auto is_zero = [](std::string_view text) { return text == "0"; };
  const auto is_integer = [](std::string_view text) {
    int value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  };
  switch (special) {
    case Special::select:
      return count == 2 && is_integer(arguments[1]) && !is_zero(arguments[1])
                 ? "ERR SELECT is not allowed in cluster mode"
                 : "";
    case Special::swapdb: return "ERR SWAPDB is not allowed in cluster mode";
    case Special::move: return "ERR MOVE is not allowed in cluster mode";
    case Special::copy:
      for (int i = 3; i + 1 < count; ++i) {
        if (equal_ignoring_case(arguments[i], "db") && is_integer(arguments[i + 1]) &&
            !is_zero(arguments[i + 1])) {
          return "ERR DB index is out of range";  // cluster mode has one database
        }
      }
      return "";
    case Special::replicaof: return "ERR REPLICAOF not allowed in cluster mode.";
    case Special::failover:
      return "ERR FAILOVER not allowed in cluster mode. Use CLUSTER FAILOVER command instead.";
    default: return "";
  }
}

// CLUSTER's subcommands fall into two of our commands, so that ACL categories keep telling them apart: those
// that the server marks admin and dangerous, and the views.
template <class Arguments>
const char* cluster_command_name(const Arguments& arguments) {
  constexpr std::array<std::string_view, 12> views = {
      "countkeysinslot", "getkeysinslot", "help",   "info",       "keyslot", "links", "myid",
      "myshardid",       "nodes",         "shards", "slot-stats", "slots"};
  const bool view =
      arguments.size() < 2 || std::any_of(views.begin(), views.end(), [&](std::string_view name) {
        return equal_ignoring_case(arguments[1], name);
      });
  return view ? "swim.cluster" : "swim.cluster-admin";
}

}  // namespace vswim::module
