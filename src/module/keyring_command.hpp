// CLUSTER KEYRING: LIST, INSTALL, USE <key> [FORCE], REMOVE <key> [FORCE]. USE and REMOVE look at what the
// others have first: a key that is used before all have it, or removed before all use another, costs packets.
// Secrets are never arguments, which SLOWLOG would show: they come from the file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/reply.hpp"
#include "module/keyring_view.hpp"
#include "module/secrets.hpp"

namespace vswim::module {

struct KeyringAnswer {
  core::Reply reply;
  bool changed = false;  // the keyring: hand it to the node
  std::string note;      // for the log, may be empty
};

// `words`: KEYRING and what follows. `read_file` gives the secret file's text, or nothing when secrets do not
// come from a file, or an error.
struct SecretFile {
  std::optional<std::string> text;
  std::string error;
};
KeyringAnswer keyring_command(const std::vector<std::string>& words, Secrets& secrets,
                              const KeyringView& view, const std::function<SecretFile()>& read_file);

}  // namespace vswim::module
