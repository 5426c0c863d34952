// The face of the machine: every verb of swim.hpp in terms of its state.
#include "swim/swim.hpp"

#include <algorithm>
#include <utility>

#include "swim/swim_state.hpp"

namespace vswim::swim {

Swim::Swim(const Settings& settings, const MemberUpdate& self, Instant now, Rng rng)
    : state_(std::make_unique<State>(settings, self, now, rng)) {}
Swim::~Swim() = default;
Swim::Swim(Swim&&) noexcept = default;
Swim& Swim::operator=(Swim&&) noexcept = default;

void Swim::step(Instant now, const NodeId& from, const Address& address, const Message& message,
                std::span<const MemberUpdate> updates) {
  state_->receive(now, from, address, message, updates);
  state_->corrections.clear();
}

void Swim::on_timer(Instant now) { state_->on_timer(now); }
Instant Swim::next_deadline() const { return state_->next_deadline(); }
Output Swim::take_output() { return std::exchange(state_->output, {}); }

void Swim::merge(Instant now, std::span<const MemberUpdate> updates, bool hint) {
  auto& state = *state_;
  const bool spread = !hint && updates.size() < bulk_merge_min;
  state.quick_pings = 0;
  if (updates.size() >= bulk_merge_min) {
    state.table.reserve(updates.size() + 1);
    state.up.reserve(updates.size() + 1);
  }
  for (const MemberUpdate& update : updates) state.apply(now, update, {{}, {}, spread});
  state.corrections.clear();
}

void Swim::confirm_dead(Instant now, const NodeId& node, const Life& life) {
  auto& state = *state_;
  const Slot slot = state.table.find(node);
  if (slot == no_slot || slot == MemberTable::self_slot) return;
  MemberUpdate record = state.table.record(slot);
  const bool later_start = !same_start(record.life, life) && record.life > life;
  if (later_start || record.status == Status::forgotten) return;
  // A refutation that only we have heard does not save a life whose end is proven.
  record.life = std::max(record.life, life);
  record.status = Status::dead;
  state.quick_pings = 0;
  state.apply(now, record, {{}, {}, true});
}

void Swim::heard(Instant now, const NodeId& node, const Address& address) {
  auto& state = *state_;
  const Slot slot = state.table.find(node);
  if (slot == no_slot || slot == MemberTable::self_slot || !state.is_active()) return;
  state.table.set_heard(slot, now);
  const Status status = state.table.status(slot);
  if (status != Status::forgotten) state.fill_address(now, slot, address);
  if (status != Status::alive && address.has_ip()) state.tell(now, slot, address);
}

void Swim::compare(Instant now, const NodeId& node, const Life& life, const Address& address) {
  auto& state = *state_;
  const Slot slot = state.table.find(node);
  if (slot == no_slot || slot == MemberTable::self_slot || !state.is_active()) return;
  const Status status = state.table.status(slot);
  if (status != Status::alive && status != Status::suspect) return;  // `heard` and `receive` tell it
  if (life <= state.table.life(slot) || state.table.told_within(slot, now, state.settings.probe_period))
    return;
  state.table.set_told(slot, now, state.settings.probe_period);
  state.ask_for_record(slot, address);
}

void Swim::forget(Instant now, const NodeId& node) {
  auto& state = *state_;
  const Slot slot = state.table.find(node);
  if (slot == no_slot || slot == MemberTable::self_slot) return;
  MemberUpdate record = state.table.record(slot);
  if (record.status == Status::forgotten) return;
  record.status = Status::forgotten;
  record.observers = 0;
  state.store(now, slot, record, true);
  state.table.set_told(slot, now, state.settings.probe_period);
  state.send(slot, record.address, Rumours{}, true);
}

bool Swim::is_forgotten(const NodeId& node, JoinNumber join) const {
  const Slot slot = state_->table.find(node);
  if (slot == no_slot) return false;
  const MemberUpdate record = state_->table.record(slot);
  return record.status == Status::forgotten && join <= record.life.join;
}

void Swim::leave(Instant now) { state_->leave(now); }

void Swim::set_seeds(std::vector<Address> seeds) {  // NOLINT(performance-unnecessary-value-param)
  state_->seeds.clear();
  for (const Address& address : seeds) {
    if (address.has_ip()) state_->seeds.push_back({address, no_slot});
  }
  state_->next_seed_at = state_->seeds.empty() ? Instant::never() : Instant::long_ago();
}

void Swim::announce_to(Instant, const Address& address) { state_->announce(address); }

void Swim::set_self(Instant now, const Address& address, const ShardId& shard, Epoch shard_epoch) {
  auto& state = *state_;
  MemberUpdate record = state.self();
  if (record.address == address && record.shard == shard && record.shard_epoch == shard_epoch) return;
  record.address = address;
  record.shard = shard;
  record.shard_epoch = shard_epoch;
  record.life.incarnation =
      record.life.incarnation.next();  // one life, one set of attributes (precedence.hpp)
  state.set_self(now, record);
}

void Swim::set_self_join(Instant now, JoinNumber join) {
  auto& state = *state_;
  MemberUpdate record = state.self();
  if (join <= record.life.join) return;
  record.life.join = join;
  state.set_self(now, record);
  state.is_forgotten = false;
  // Whoever holds a tombstone of the old number listens to the new record only.
  for (const Slot slot : state.table.in_id_order()) {
    if (slot != MemberTable::self_slot) state.table.set_knows_us(slot, false);
  }
  if (!state.seeds.empty()) state.next_seed_at = now;
}

const MemberUpdate& Swim::self() const { return state_->self(); }

std::vector<MemberView> Swim::members() const {
  std::vector<MemberView> views;
  views.reserve(state_->table.size());
  for (const Slot slot : state_->table.in_id_order()) {
    if (state_->table.status(slot) != Status::forgotten) views.push_back(state_->view_of(slot));
  }
  return views;
}

std::vector<NodeId> Swim::in_shard(const ShardId& shard) const {
  std::vector<NodeId> nodes;
  for (const Slot slot : state_->table.in_id_order()) {
    if (state_->table.shard(slot) == shard && state_->table.status(slot) != Status::forgotten)
      nodes.push_back(state_->table.id(slot));
  }
  return nodes;
}

std::optional<MemberView> Swim::find(const NodeId& node) const {
  const Slot slot = state_->table.find(node);
  if (slot == no_slot || state_->table.status(slot) == Status::forgotten) return std::nullopt;
  return state_->view_of(slot);
}

std::vector<MemberUpdate> Swim::snapshot() const {
  std::vector<MemberUpdate> records;
  records.reserve(state_->table.size());
  for (const Slot slot : state_->table.in_id_order()) records.push_back(state_->table.record(slot));
  return records;
}

std::size_t Swim::size() const { return state_->table.size() - state_->table.count(Status::forgotten); }
std::size_t Swim::count(Status status) const { return state_->table.count(status); }
std::uint64_t Swim::digest() const { return state_->table.digest(); }

std::vector<NodeId> Swim::sample(std::size_t count, Rng& random) const {
  std::vector<NodeId> nodes;
  for (const Slot slot : state_->up.sample(count, no_slot, random)) nodes.push_back(state_->table.id(slot));
  return nodes;
}

std::uint32_t Swim::local_health() const { return state_->health.multiplier(); }

}  // namespace vswim::swim
