// COUNTKEYSINSLOT. Natively a slot's keys go in the instant in which it becomes another shard's. Here the log
// is cleared of the slot first and the keys go in small steps (rule I21): who asks in between is answered
// when they are gone, so that nobody sees the slot elsewhere and its keys still here.
#include <algorithm>

#include "core/commands.hpp"

namespace vswim::core {

namespace {

constexpr Duration count_limit = seconds(2);  // then with what is left
constexpr Duration count_look = milliseconds(5);

// Keys that go because another shard holds the slot, by this shard's log or by its own published word.
bool are_leaving(const Machine& m, Slot slot) {
  if (!m.primary_here || m.counts.keys[slot] == 0) return false;
  const auto& entry = m.log.slots().at(slot);
  if (is_lost(entry)) return true;
  const auto owner = m.table.owner[slot];
  return entry.state == SlotState::fenced && owner != RoutingTable::unowned &&
         m.table.routes[owner].shard == entry.peer;
}

void answer(Machine& m, CommandTicket client, Slot slot) {
  const Reply count = Reply::integer(m.counts.keys[slot]);  // as a temporary g++ 12 warns falsely about it
  m.reply(client, count);
}

}  // namespace

void count_keys(Machine& m, const Invocation& call) {
  const auto slot = parse_integer(call.arguments[1]);
  if (!slot) return m.reply(call.ticket, Reply::error(not_an_integer));
  if (*slot < 0 || *slot >= slot_count) return m.reply(call.ticket, Reply::error("ERR Invalid slot"));
  const auto asked = static_cast<Slot>(*slot);
  if (!call.caller.can_block || !are_leaving(m, asked)) return answer(m, call.ticket, asked);
  m.count_waits.push_back({call.ticket, asked, m.now + count_limit});
}

void step_key_counts(Machine& m) {
  std::erase_if(m.count_waits, [&](const CountWait& wait) {
    const bool over = m.now >= wait.limit || !are_leaving(m, wait.slot);
    if (over) answer(m, wait.client, wait.slot);
    return over;
  });
  m.next_count = m.count_waits.empty() ? Instant::never() : m.now + count_look;
}

}  // namespace vswim::core
