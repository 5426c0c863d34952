// CLUSTER LINKS: two entries for every peer that is heard, one each way, as a native node has two
// connections. There are none here (nodes send datagrams), so nothing is ever buffered; an entry is as old as
// the peer's last appearance.
#include <algorithm>

#include "core/views.hpp"

namespace vswim::core {

namespace {

Reply link(const char* direction, const NodeId& peer, std::int64_t since_ms) {
  Reply::Map entry;
  const auto add = [&](const char* name, Reply value) {
    entry.entries.emplace_back(Reply::bulk(name), std::move(value));
  };
  add("direction", Reply::bulk(direction));
  add("node", Reply::bulk(peer.hex()));
  add("create-time", Reply::integer(since_ms));
  add("events", Reply::bulk("r"));
  add("send-buffer-allocated", Reply::integer(0));
  add("send-buffer-used", Reply::integer(0));
  return {std::move(entry)};
}

}  // namespace

void note_links(Machine& m) {
  const auto linked = [&](const NodeId& id) {
    const auto* member = m.view.member(id);
    return member != nullptr && id != m.view.self() && member->health != contract::Health::fail;
  };
  std::erase_if(m.linked_since, [&](const auto& entry) { return !linked(entry.first); });
  for (const auto& [id, member] : m.view.members()) {
    if (linked(id)) m.linked_since.emplace(id, m.now);
  }
}

Reply cluster_links(const Machine& m) {
  Reply::Array all;
  for (const auto& [peer, since] : m.linked_since) {
    const auto at = (since + m.settings.wall_offset).ns / 1'000'000;
    all.push_back(link("to", peer, at));
    all.push_back(link("from", peer, at));
  }
  return {std::move(all)};
}

}  // namespace vswim::core
