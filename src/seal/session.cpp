#include "seal/session.hpp"

#include <algorithm>

namespace vswim::seal {

Key SessionSource::next() {
  ++drawn_;
  return derive(seed_, "session", {reinterpret_cast<const char*>(&drawn_), sizeof drawn_});
}

SessionId SessionSource::session() {
  SessionId id;
  while (id.is_nil()) {
    const Key drawn = next();
    for (std::size_t i = 0; i < 8; ++i) id.value = id.value << 8 | drawn.bytes[i];
  }
  return id;
}

Salt SessionSource::salt() {
  const Key drawn = next();
  Salt salt;
  std::copy_n(drawn.bytes.begin(), salt.size(), salt.begin());
  return salt;
}

}  // namespace vswim::seal
