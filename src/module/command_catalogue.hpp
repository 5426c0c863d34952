// Reads the server's COMMAND into a CommandTable. The only reader of that reply's shape.
#pragma once

#include "module/api.hpp"
#include "module/command_table.hpp"

namespace vswim::module {

// Empty on failure.
CommandTable read_commands(const Api& api, Ctx* ctx);

}  // namespace vswim::module
