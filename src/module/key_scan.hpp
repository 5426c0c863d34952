// One pass over all keys in bounded steps, so that no turn of the loop takes long. Main thread only.
#pragma once

#include <functional>
#include <string_view>

#include "module/api.hpp"

namespace vswim::module {

class KeyScan {
 public:
  explicit KeyScan(const Api& api) : api_(api) {}
  ~KeyScan() { stop(); }
  KeyScan(const KeyScan&) = delete;
  KeyScan& operator=(const KeyScan&) = delete;

  bool running() const { return cursor_ != nullptr; }
  void stop();  // the next step begins anew
  // Visits about `keys` more keys (and empty buckets, which cost time too); true when the pass is complete.
  // The visitor must not change the key space.
  bool step(Ctx* ctx, int keys, const std::function<void(std::string_view)>& visit);

 private:
  const Api& api_;
  ScanCursor* cursor_ = nullptr;
};

}  // namespace vswim::module
