// Keys of slots that leave: what Core asks for with BeginExport and PullExport. One scan in small steps finds
// the keys, notifications name those that change meanwhile, and each pull serializes the next of them as they
// are now (DUMP): a key is sent again whenever it changed after it was sent. Main thread only, one attempt at
// a time per transfer; nothing is written here.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/engine.hpp"
#include "module/api.hpp"
#include "module/key_scan.hpp"

namespace vswim::module {

class SlotExport {
 public:
  struct Answer {
    core::TransferId transfer = 0;
    std::vector<core::MovedKey> keys;
    bool drained = false;
  };

  explicit SlotExport(const Api& api) : api_(api) {}

  void begin(const core::BeginExport& action);
  void pull(const core::PullExport& action);
  void end(core::TransferId transfer);
  void end_all() { attempts_.clear(); }
  // A key changed, appeared or went.
  void changed(core::Slot slot, std::string_view key);
  // A command that may write names a key: some changes of a stream's groups raise no notification.
  void touched(core::Slot slot, std::string_view key);
  bool active() const { return !attempts_.empty(); }
  bool working() const;
  // Does a bounded part of what is to be done; answers to pulls that are complete.
  std::vector<Answer> step(Ctx* ctx);

 private:
  static constexpr int keys_per_step = 2'000;
  static constexpr std::size_t due_max = 10'000;  // names found ahead of the pulls

  struct Attempt {
    explicit Attempt(const Api& api) : scan(api) {}
    std::bitset<core::slot_count> slots;
    KeyScan scan;
    bool scanned = false;
    std::unordered_set<std::string> due;
    std::unordered_set<std::string> streams;  // touched, sent once more behind the fence
    std::size_t wanted_bytes = 0;             // of the pull that waits; 0: none
    bool behind_fence = false;
  };

  bool fill(Ctx* ctx, Attempt& attempt);
  Answer serialize(Ctx* ctx, core::TransferId transfer, Attempt& attempt);
  core::MovedKey dump(Ctx* ctx, const std::string& name);

  const Api& api_;
  std::map<core::TransferId, std::unique_ptr<Attempt>> attempts_;
};

}  // namespace vswim::module
