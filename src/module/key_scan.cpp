#include "module/key_scan.hpp"

namespace vswim::module {

void KeyScan::stop() {
  if (cursor_) api_.ScanCursorDestroy(cursor_);
  cursor_ = nullptr;
}

bool KeyScan::step(Ctx* ctx, int keys, const std::function<void(std::string_view)>& visit) {
  if (!cursor_) cursor_ = api_.ScanCursorCreate();
  struct Step {
    const Api& api;
    const std::function<void(std::string_view)>& visit;
    int seen = 0;
  } step{api_, visit};
  bool more = true;
  while (more && step.seen < keys) {
    more = api_.Scan(
               ctx, cursor_,
               [](Ctx*, String* name, Key*, void* data) {
                 auto& to = *static_cast<Step*>(data);
                 ++to.seen;
                 to.visit(to.api.text(name));
               },
               &step) != 0;
    ++step.seen;
  }
  if (!more) stop();
  return !more;
}

}  // namespace vswim::module
