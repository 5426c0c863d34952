// The server's own texts with the cluster put into them: INFO says cluster mode, CONFIG GET says
// cluster-enabled. Pure.
#pragma once

#include <string>
#include <string_view>

namespace vswim::module {

// INFO's text: cluster_enabled:1 and the mode fields say cluster. Everything else stays byte for byte.
// While `slots_wait` they say what the server does at the end of its own migrations: writes are paused.
std::string rewrite_info(std::string_view text, bool slots_wait = false);

// The value a client of a cluster expects, or an empty view for parameters that are left alone.
std::string_view rewritten_config(std::string_view name);

// Could this CONFIG GET pattern name one of the rewritten parameters?
bool concerns_rewritten_config(std::string_view pattern);

// The value of "<name>:<value>\r\n" in an INFO text; empty when absent.
std::string_view info_field(std::string_view text, std::string_view name);

// Removes every `replicaof`/`slaveof` line of a configuration file: roles belong to the shard log, not to
// files.
std::string without_replicaof(std::string_view file);

}  // namespace vswim::module
