// DBSIZE, KEYS, SCAN and RANDOMKEY while copies of another shard's keys are on their way here: those are in
// the data set and must not be seen. The server's own answers without them. Main thread only.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine.hpp"
#include "module/api.hpp"

namespace vswim::module {

class VisibleKeys {
 public:
  VisibleKeys(const Api& api, Ctx* ctx, const std::bitset<core::slot_count>& copies,
              const core::SlotKeyCounts& counts)
      : api_(api), ctx_(ctx), copies_(copies), counts_(counts) {}

  int run(String** arguments, int count);

 private:
  unsigned long long size() const;
  bool visible(std::string_view key) const { return !copies_[core::key_slot(key)]; }
  int reply_with_keys(CallReply* keys);
  int scan(String** arguments, int count, CallReply* first);
  std::string add_page(CallReply* page, std::vector<std::string>& keys) const;
  int reply_with_any();

  const Api& api_;
  Ctx* ctx_;
  const std::bitset<core::slot_count>& copies_;
  const core::SlotKeyCounts& counts_;
};

}  // namespace vswim::module
