// Removes the keys of slots that another shard's log holds for good (rule I21): a scan in small steps, every
// key deleted by a propagated UNLINK, so that replicas and AOF follow. Pauses while CLIENT PAUSE holds
// replication still: a server of 8.0 aborts when something is propagated then.
#pragma once

#include <bitset>
#include <string_view>

#include "core/engine.hpp"
#include "core/routing_table.hpp"
#include "module/api.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

inline CallReply* unlink_key(const Api& api, Ctx* ctx, std::string_view name) {
  return api.Call(ctx, "UNLINK", "!b", name.data(), name.size());
}
// One step of such a scan; true when the pass is complete.
bool unlink_step(const Api& api, Ctx* ctx, KeyScan& scan, const std::bitset<core::slot_count>& slots,
                 int keys);

class SlotDropper {
 public:
  explicit SlotDropper(const Api& api) : api_(api), scan_(api) {}
  void drop(const std::vector<core::Slot>& slots);
  bool working() const { return slots_.any(); }
  void step(Ctx* ctx);
  // The slot is served here again: what is in it stays.
  void keep(core::Slot slot) { slots_.reset(slot); }
  void keep_what_came_back(const core::RoutingTable& table);

 private:
  static constexpr int keys_per_step = 500;

  const Api& api_;
  std::bitset<core::slot_count> slots_;
  KeyScan scan_;
};

}  // namespace vswim::module
