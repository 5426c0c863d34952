// Datagrams out: what rides on each of them, extra gossip while there is something to say, first contacts,
// farewells.
#include <algorithm>

#include "swim/swim_state.hpp"

namespace vswim::swim {

// The own record first when the receiver may not know it, then what is held of the receiver if that is not
// "alive" (so that it can refute), then what the receiver got wrong, then rumours.
std::vector<MemberUpdate> Swim::State::pack(Slot to, bool with_self) {
  std::vector<Slot> slots;
  std::size_t room = settings.updates_bytes_max;
  const auto cost = [this](Slot slot) { return update_bytes(table.status(slot)); };
  const auto add = [&](Slot slot) {
    const std::size_t needed = cost(slot);
    const bool fits = needed <= room || slots.empty();
    if (!fits || std::find(slots.begin(), slots.end(), slot) != slots.end()) return;
    slots.push_back(slot);
    room -= std::min(needed, room);
  };
  if (with_self) add(MemberTable::self_slot);
  if (to != no_slot && table.status(to) != Status::alive) add(to);
  for (const Slot slot : corrections) add(slot);
  const auto size = table.cluster_size();
  const BroadcastQueue::Limits limit{retransmit_limit(settings.retransmit_alive_multiplier, size),
                                     retransmit_limit(settings.retransmit_multiplier, size)};
  for (const Slot slot : rumours.take(room, limit, cost)) add(slot);
  std::vector<MemberUpdate> updates;
  updates.reserve(slots.size());
  for (const Slot slot : slots) updates.push_back(rumour_of(slot));
  return updates;
}

MemberUpdate Swim::State::rumour_of(Slot slot) const {
  MemberUpdate update = table.record(slot);
  if (is_told_briefly(update.status)) {
    update.address = {};
    update.shard = {};
    update.shard_epoch = {};
  }
  return update;
}

void Swim::State::send(Slot to, const Address& address, Message message, bool with_self) {
  auto updates = pack(to, with_self);
  output.datagrams.push_back({table.id(to), address, std::move(message), std::move(updates)});
}

// Its ack is proof of life like any word; its absence means nothing.
void Swim::State::ping_untracked(Slot to) {
  const MemberUpdate record = table.record(to);
  send(to, record.address, Ping{++last_sequence, record.id, record.status, record.life}, true);
}

// Its ack brings its record, since the ping shows that we do not have it.
void Swim::State::ask_for_record(Slot of, const Address& address) {
  const MemberUpdate held = table.record(of);
  output.datagrams.push_back(
      {held.id, address, Ping{++last_sequence, held.id, held.status, held.life}, {self()}});
}

// What is held of a sender that is not held for alive, and what it got wrong, at most once a period.
void Swim::State::tell(Instant now, Slot slot, const Address& address) {
  if (table.told_within(slot, now, settings.probe_period)) return;
  table.set_told(slot, now, settings.probe_period);
  send(slot, address, Rumours{}, true);
}

void Swim::State::greet(Instant now, Slot slot, const Address& address) {
  const MemberUpdate record = table.record(slot);
  const Errand greeting{++last_sequence, record.id, {}, {}, 0, now + settings.probe_timeout};
  if (!errands.add(greeting)) return;
  // Only the own record, so that an announcement from a forged address draws no more than it sent.
  output.datagrams.push_back(
      {record.id, address, Ping{greeting.sequence, record.id, record.status, record.life}, {self()}});
}

// A newcomer that has answered from its address gets a few members to talk to; the rest it learns from them
// or from a snapshot.
void Swim::State::introduce(Slot slot) {
  std::vector<MemberUpdate> updates{self()};
  for (const Slot other : up.sample(introduced_max() - 1, slot, rng)) updates.push_back(table.record(other));
  if (updates.size() > 1) {
    output.datagrams.push_back({table.id(slot), table.address(slot), Rumours{}, std::move(updates)});
  }
}

// Where many die at once their news does not fit one datagram, and half of those who are told may be dead
// too: rounds follow each other faster. It does not make more of them, for a rumour is told as often either
// way.
Duration Swim::State::gossip_pause() const {
  const std::size_t fits = settings.updates_bytes_max / brief_update_bytes;
  return rumours.others() > fits ? settings.gossip_interval / burst_speed : settings.gossip_interval;
}

void Swim::State::gossip(Instant now) {
  next_gossip_at = now + gossip_pause();
  corrections.clear();
  for (const Slot to : up.sample(settings.gossip_fanout, no_slot, rng)) {
    auto updates = pack(to, introduces_self(now, to));
    if (updates.empty()) return;
    output.datagrams.push_back({table.id(to), table.address(to), Rumours{}, std::move(updates)});
  }
}

void Swim::State::announce(const Address& address) {
  if (!is_active() || !address.has_ip() || address == self().address) return;
  std::vector<MemberUpdate> updates{self()};
  for (const Slot other : up.sample(introduced_max() - 1, no_slot, rng))
    updates.push_back(table.record(other));
  output.datagrams.push_back({NodeId{}, address, Rumours{}, std::move(updates)});
}

bool Swim::State::seed_is_up(Seed& seed) const {
  if (seed.address == self().address) return true;
  const auto lives_there = [&](Slot slot) {
    return slot != no_slot && up.contains(slot) && table.address(slot) == seed.address;
  };
  if (lives_there(seed.slot)) return true;
  const auto& slots = table.in_id_order();
  const auto found = std::find_if(slots.begin(), slots.end(), lives_there);
  seed.slot = found == slots.end() ? no_slot : *found;
  return seed.slot != no_slot;
}

void Swim::State::announce_to_seeds(Instant now) {
  const auto is_self = [&](const Seed& seed) { return seed.address == self().address; };
  if (std::all_of(seeds.begin(), seeds.end(), is_self)) {
    next_seed_at = Instant::never();
    return;
  }
  for (Seed& seed : seeds) {
    if (!seed_is_up(seed)) announce(seed.address);
  }
  next_seed_at = now + settings.probe_period * (up.size() == 0 ? 1 : seed_periods);
}

void Swim::State::leave(Instant now) {
  if (!is_active()) return;
  MemberUpdate record = self();
  record.status = Status::left;
  set_self(now, record);
  corrections.clear();
  const auto told = up.sample(farewells_min, no_slot, rng);
  for (std::size_t sent = 0; !told.empty() && sent < farewells_min; sent += told.size()) {
    for (const Slot to : told) send(to, table.address(to), Rumours{}, true);
  }
  has_left = true;
  probe.reset();
}

}  // namespace vswim::swim
