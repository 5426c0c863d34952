// What a script says of itself: the flags of its first line or of its function. The server looks at them only
// in its own cluster mode, so the filter has to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "module/api.hpp"
#include "module/command_table.hpp"

namespace vswim::module {

struct ScriptTraits {
  bool declares = false;    // has flags at all; scripts without a first line of that kind may do anything
  bool no_cluster = false;  // must not run in a cluster
  bool no_writes = false;
  bool several_slots = true;  // may touch keys of several slots
};

// "#!lua flags=no-writes,allow-cross-slot-keys"; no traits for a text that does not begin like that. Pure.
ScriptTraits traits_of_text(std::string_view script);

class ScriptFlags {
 public:
  ScriptFlags(const Api& api, Ctx* ctx) : api_(api), ctx_(ctx) {}

  // Of EVAL, EVALSHA, FCALL and their kin; `subject`: the script, its digest, the function's name.
  ScriptTraits of(const Command& command, std::string_view subject);
  // Functions may have changed: a FUNCTION command passed, a data set was loaded.
  void functions_changed() { functions_known_ = false; }

 private:
  static constexpr std::size_t digests_max = 10'000;
  ScriptTraits of_digest(std::string_view digest);
  ScriptTraits of_function(std::string_view name);
  void read_functions();

  const Api& api_;
  Ctx* ctx_;
  std::unordered_map<std::string, ScriptTraits> digests_, functions_;
  bool functions_known_ = false;
};

}  // namespace vswim::module
