// Keys of slots that arrive: what Core asks for with EmptySlots and ImportKeys, done in small steps as writes
// that replicas and AOF follow. Pauses while CLIENT PAUSE holds replication still: a server of 8.0 aborts
// when something is propagated then. Main thread only.
#pragma once

#include <bitset>
#include <cstdint>
#include <deque>
#include <string>
#include <variant>
#include <vector>

#include "core/engine.hpp"
#include "module/api.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

class SlotImport {
 public:
  struct Answer {
    core::TransferId transfer = 0;
    std::string error;  // of the server, that refused a key
  };

  explicit SlotImport(const Api& api) : api_(api), scan_(api) {}

  void empty(const core::EmptySlots& action) { waiting_.emplace_back(action); }
  void import(const core::ImportKeys& action) { waiting_.emplace_back(action); }
  void clear();  // no primary any more: nothing of it is wanted
  bool working() const { return !waiting_.empty(); }
  std::vector<Answer> step(Ctx* ctx, const core::SlotKeyCounts& counts);

 private:
  static constexpr int keys_per_step = 1'000;

  bool empty_further(Ctx* ctx, const core::EmptySlots& action, const core::SlotKeyCounts& counts);
  std::string write(Ctx* ctx, const core::MovedKey& key);

  const Api& api_;
  KeyScan scan_;
  std::deque<std::variant<core::EmptySlots, core::ImportKeys>> waiting_;
};

}  // namespace vswim::module
