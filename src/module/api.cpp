#include "module/api.hpp"

namespace vswim::module {

bool Api::bind(Ctx* ctx, std::string& missing) {
  // The first word of the context handed to OnLoad is the function that finds all others.
  using GetApi = int (*)(const char*, void*);
  const auto get = *reinterpret_cast<GetApi*>(ctx);
  const auto find = [&](const char* name, void* slot) { return get(name, slot) == api_ok; };

#define VSWIM_BIND(result, name, parameters) \
  if (!find("ValkeyModule_" #name, static_cast<void*>(&name)) && missing.empty()) missing = #name;
  VSWIM_API_REQUIRED(VSWIM_BIND)
#undef VSWIM_BIND
#define VSWIM_BIND(result, name, parameters) find("ValkeyModule_" #name, static_cast<void*>(&name));
  VSWIM_API_OPTIONAL(VSWIM_BIND)
#undef VSWIM_BIND
  return missing.empty();
}

}  // namespace vswim::module
