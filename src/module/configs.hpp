// The swim.* configs as the server shows them: CONFIG GET, CONFIG REWRITE, the configuration file; loadmodule
// arguments give their defaults. Read once at start: what the node is made with does not change under it.
#pragma once

#include <string>

#include "module/api.hpp"
#include "module/arguments.hpp"

namespace vswim::module {

// Registers them over `settings` (which must outlive the module) and loads their values. False and the reason
// when the server refuses one.
bool register_configs(const Api& api, Ctx* ctx, OwnSettings& settings, std::string& error);

}  // namespace vswim::module
