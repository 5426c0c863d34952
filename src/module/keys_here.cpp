#include "module/keys_here.hpp"

namespace vswim::module {

void KeysHereCounter::add(String* name) {
  constexpr int without_a_trace =
      open_key::read | open_key::no_touch | open_key::no_notify | open_key::no_stats | open_key::no_expire;
  if (!first_) first_ = name;
  found_.several |= api_.text(first_) != api_.text(name);
  Key* key = api_.OpenKey(ctx_, name, without_a_trace);
  ++(key ? found_.present : found_.missing);
  if (key) api_.CloseKey(key);
}

}  // namespace vswim::module
