// Which of a command's keys this node holds, for slots that are being moved key by key. Looks without a
// trace: no expiry, no statistics, no events, no touch of LRU or LFU. Only called for slots that are not
// stable.
#pragma once

#include <string_view>

#include "core/open_slots.hpp"
#include "module/api.hpp"

namespace vswim::module {

class KeysHereCounter {
 public:
  KeysHereCounter(const Api& api, Ctx* ctx, bool moves_keys) : api_(api), ctx_(ctx) {
    found_.moves_keys = moves_keys;
  }
  // One after the other, in the order of the arguments.
  void add(String* name);
  const core::KeysHere& found() const { return found_; }

 private:
  const Api& api_;
  Ctx* ctx_;
  String* first_ = nullptr;
  core::KeysHere found_;
};

}  // namespace vswim::module
