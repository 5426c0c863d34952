// CLIENT LIST's lines as values: the only way a module learns which clients have output pending or are
// blocked. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace vswim::module {

struct ListedClient {
  std::uint64_t id = 0;
  int fd = -1;
  std::uint64_t bytes_out = 0;  // that it was given, those still to be written among them
  bool pending_output = false;  // obl or oll above zero
  bool blocked = false;         // in a blocking command, or held by CLIENT PAUSE
  bool replica = false;
  bool primary = false;  // the link to the server we replicate from
};

std::vector<ListedClient> parse_client_list(std::string_view text);

}  // namespace vswim::module
