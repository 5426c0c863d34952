// What to do with a command on a slot that is being moved key by key: it depends on whether its keys are
// here. Pure; the caller looks the keys up, and only when keys_matter() says so.
#pragma once

#include <cstdint>
#include <string>

#include "core/routing_table.hpp"

namespace vswim::core {

struct KeysHere {
  std::uint32_t present = 0, missing = 0;
  bool several = false;     // more than one distinct key
  bool moves_keys = false;  // MIGRATE: always works on the keys that this node holds
};

bool keys_matter(const RoutingTable& table, Slot slot);
Decision decide_open(const RoutingTable& table, const RouteQuery& query, const KeysHere& keys, Instant now);
// "ASK <slot> <host>:<port>" for a slot whose Decision was `ask`.
std::string ask_text(const RoutingTable& table, Slot slot, bool tls, bool ipv6 = false);

}  // namespace vswim::core
