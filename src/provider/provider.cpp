// The face of the provider: every input ends in a pump that drains the machines until they are quiet, so that
// one input gives one consistent set of outputs (and at most one membership update, however many rumours
// came).
#include "provider/provider.hpp"

#include "provider/state.hpp"

namespace vswim::provider {

namespace {
constexpr Duration busy_tick = milliseconds(50);  // procedures under way: retries and limits
constexpr Duration idle_tick = seconds(1);        // hints to disk, policies
constexpr std::int64_t urgent_patience = 1, arrival_patience = 4, idle_patience = 8;
constexpr std::size_t members_shown_at_once = 64;
constexpr Duration view_time_per_member = microseconds(500);
}  // namespace

Provider::Provider(std::unique_ptr<State> state) : state_(std::move(state)) {}
Provider::~Provider() = default;

// Requests of our own at our own seats count downwards from the largest ticket; Core's count upwards.
Ticket Provider::State::inner_ticket() { return {~next_request++}; }

void Provider::State::complete(const Ticket& ticket, contract::Outcome outcome, std::string text) {
  constexpr std::uint64_t inner_bit = std::uint64_t{1} << 63;
  if (ticket.value & inner_bit) return;  // a late answer to a step of our own
  emit(contract::Completed{ticket, outcome, std::move(text), std::nullopt});
}

bool Provider::State::busy() const {
  return join || move || reset || !forgets.empty() || !ended_seats.empty();
}

void Provider::State::pump(Instant now) {
  for (bool quiet = false; !quiet;) {
    quiet = true;
    auto membership = swim->take_output();
    for (const auto& datagram : membership.datagrams) send_swim(datagram);
    for (auto& n : membership.notes) out.notes.push_back(std::move(n));
    for (const auto& event : membership.events) {
      quiet = false;
      std::visit(Overloaded{
                     [&](const swim::MemberChanged& changed) { on_member_changed(changed.id); },
                     [&](const swim::SelfRefuted&) {},
                     [&](const swim::SelfForgotten&) { become_alone(now); },
                 },
                 event);
    }
    std::vector<ShardId> shards;
    for (const auto& [shard, seat] : seats) shards.push_back(shard);
    for (const auto& shard : shards) {
      const auto events_before = out.events.size();
      const auto writes_before = last_write;
      drain_seat(now, shard);
      if (out.events.size() != events_before || last_write != writes_before) quiet = false;
    }
    for (auto* space : {&*global, &*shard_gossip}) {
      auto output = space->take_output();
      const bool is_global = space == &*global;
      const auto scope = is_global ? contract::Scope::global : contract::Scope::shard;
      if (!output.changed.empty()) {
        emit(contract::GossipUpdated{scope, std::move(output.changed)});
        if (is_global) gossip_dirty = true;
        next_gossip = std::min(next_gossip, now);
      }
      for (const auto& node : output.repair_with) repair_with(node, scope);
    }
  }
  push_large_news();
  if (now >= next_gossip) send_gossip_round(now);
  if (view_dirty || next_view <= now) {
    view_dirty = false;
    last_view_at = now;
    next_view = Instant::never();
    const auto views = swim->members();
    publish_view(now, views);
    refresh_policies(now, views);
  }
  publish_status();
  compact_if_large();
  if (busy()) next_tick = std::min(next_tick, now + busy_tick);
}

// A view costs as much as the cluster has members: where they are many, those that change in a burst are
// shown together, and who is there waits longer than who is not. Nobody of the own shard waits for that.
void Provider::State::on_member_changed(const NodeId& node) {
  members_dirty = true;
  const auto changed = swim->find(node);
  const bool arrived = changed && changed->record.status == swim::Status::alive;
  show_members(arrived ? arrival_patience : urgent_patience,
               !changed || changed->record.shard == record.membership.shard);
}

void Provider::State::show_members(std::int64_t patience, bool at_once) {
  const auto members = swim->size();
  if (at_once || members <= members_shown_at_once) {
    view_dirty = true;
  } else {
    const auto rest = view_time_per_member * static_cast<std::int64_t>(members) * patience;
    next_view = std::min(next_view, last_view_at + rest);
  }
}

void Provider::State::on_tick(Instant now) {
  tick_join(now);
  if (move && now >= move->next_try) advance_move(now);
  tick_forgets(now);
  if (reset && now >= reset->deadline) advance_reset(now);
  tick_seats(now);
  judge_unseated(now);
  repeat_evidence(now);
  save_hints(now, false);
  // Health depends on how long ago a member of the own shard was heard; of the others only that time is told.
  show_members(idle_patience, !peer_leases.empty());
  next_tick = now + (busy() ? busy_tick : idle_tick);
}

void Provider::State::submit(Instant now, const contract::Operation& operation) {
  std::visit(Overloaded{
                 [&](const contract::JoinCluster& join_cluster) { start_join(now, join_cluster); },
                 [&](const contract::JoinVerdict& verdict) { on_join_verdict(now, verdict); },
                 [&](const contract::RemoveFromCluster& remove) { start_forget(now, remove); },
                 [&](const contract::JoinShard& join_shard) {
                   start_move(now, join_shard.ticket, join_shard.shard, false);
                 },
                 [&](const contract::RemoveFromShard& remove) {
                   if (remove.node == record.node) {
                     start_move(now, remove.ticket, rng.id<ShardId>(), true);
                   } else {
                     complete(remove.ticket, contract::Outcome::failed,
                              "only a node itself can leave its shard");
                   }
                 },
                 [&](const contract::UpdateGossip& update) {
                   auto& space = update.scope == contract::Scope::global ? *global : *shard_gossip;
                   const auto written = space.write(now, update.batch);
                   pump(now);  // own writes are notified before their completion
                   complete(update.ticket,
                            written == gossip::WriteOutcome::ok      ? contract::Outcome::ok
                            : written == gossip::WriteOutcome::stale ? contract::Outcome::stale
                                                                     : contract::Outcome::failed,
                            written == gossip::WriteOutcome::invalid ? "a key or value is too large" : "");
                 },
                 [&](const contract::UpdateShardLog& update) { propose(now, update); },
                 [&](const contract::StandFirst& stand) {
                   if (auto* seat = own_seat()) seat->advise_rank(now, stand.rank);
                 },
                 [&](const contract::Shown& shown) {
                   auto* seat = own_seat();
                   if (seat != nullptr && shown.namespace_number == namespace_number)
                     seat->shown(now, shown.revision.minor);
                 },
                 [&](const contract::Pulse&) {
                   for (auto& [shard, seat] : seats) seat.pulse(now);
                 },
                 [&](const contract::ReleaseLease& release) {
                   if (auto* seat = own_seat()) {
                     seat->release(now, release.ticket, true);
                   } else {
                     complete(release.ticket, contract::Outcome::ok);
                   }
                 },
                 [&](const contract::ResumeLease&) {
                   if (auto* seat = own_seat()) seat->resume(now);
                 },
                 [&](const contract::SendToCore& message) { send_to_core(message); },
             },
             operation);
}

void Provider::on_datagram(Instant now, const Address& from, std::string_view bytes) {
  state_->on_bytes(now, from, bytes, Transport::datagram);
  state_->pump(now);
}

void Provider::on_frame(Instant now, const Address& from, std::string_view bytes) {
  state_->on_bytes(now, from, bytes, Transport::stream);
  state_->pump(now);
}

void Provider::on_stream_failed(Instant now, const Address& to) {
  auto& join = state_->join;
  if (join && !join->endpoints.empty() && join->endpoints[join->next_endpoint] == to) {
    join->next_endpoint = (join->next_endpoint + 1) % join->endpoints.size();
    join->ask_again = std::min(join->ask_again, now + milliseconds(100));
  }
}

void Provider::on_timer(Instant now) {
  auto& state = *state_;
  if (state.swim->next_deadline() <= now) state.swim->on_timer(now);
  for (auto& [shard, seat] : state.seats) {
    if (seat.next_deadline() <= now) seat.on_timer(now);
  }
  for (auto* space : {&*state.global, &*state.shard_gossip}) {
    if (space->next_deadline() <= now) space->on_timer(now);
  }
  if (state.next_tick <= now) state.on_tick(now);
  state.pump(now);
}

void Provider::on_persisted(Instant now, std::uint64_t sequence) {
  state_->on_durable(now, sequence);
  state_->pump(now);
}

Instant Provider::next_deadline() const {
  const auto& state = *state_;
  Instant deadline =
      std::min({state.swim->next_deadline(), state.next_tick, state.next_gossip, state.next_view,
                state.global->next_deadline(), state.shard_gossip->next_deadline()});
  for (const auto& [shard, seat] : state.seats) deadline = std::min(deadline, seat.next_deadline());
  return deadline;
}

void Provider::submit(Instant now, const contract::Operation& operation) {
  state_->submit(now, operation);
  state_->pump(now);
}

void Provider::set_seeds(Instant now, std::vector<Address> seeds) {
  state_->settings.seeds = seeds;
  state_->swim->set_seeds(std::move(seeds));
  state_->pump(now);
}

void Provider::on_clock_gap(Instant now) {
  for (auto& [shard, seat] : state_->seats) seat.on_clock_gap(now);
  state_->pump(now);
}

void Provider::leave(Instant now) {
  state_->leaving = true;
  state_->save_hints(now, true);
  state_->swim->leave(now);
  state_->pump(now);
}

Output Provider::take_output() {
  Output output;
  std::swap(output, state_->out);
  return output;
}

const NodeId& Provider::node_id() const { return state_->record.node; }
const ShardId& Provider::shard_id() const { return state_->record.membership.shard; }
const Counters& Provider::counters() const { return state_->counters; }

bool Provider::is_moving() const { return state_->move.has_value(); }

std::vector<shard_log::Status> Provider::seat_statuses() const {
  std::vector<shard_log::Status> statuses;
  for (const auto& [shard, seat] : state_->seats) statuses.push_back(seat.status());
  return statuses;
}
const shard_log::ShardLog* Provider::own_seat() const { return state_->own_seat(); }
const swim::Swim& Provider::membership() const { return *state_->swim; }
const gossip::Gossip& Provider::global_gossip() const { return *state_->global; }

}  // namespace vswim::provider
