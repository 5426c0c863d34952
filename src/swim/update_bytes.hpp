// What a rumour costs in a datagram, as the wire packs it: a rumour that a member is suspect, dead or gone
// names neither address nor shard. Whoever knows the member knows them, whoever does not has nothing to
// forget; and if the one who is talked about lives in a newer life than the hearer knew, his refutation says
// all.
#pragma once

#include <cstddef>

#include "swim/messages.hpp"

namespace vswim::swim {

constexpr std::size_t full_update_bytes = 52;   // 51, and a byte for its form in a mixed list
constexpr std::size_t brief_update_bytes = 30;  // 25, form, and who observed it

inline bool is_told_briefly(Status status) {
  return status == Status::suspect || status == Status::dead || status == Status::left;
}
inline std::size_t update_bytes(Status status) {
  return is_told_briefly(status) ? brief_update_bytes : full_update_bytes;
}

}  // namespace vswim::swim
