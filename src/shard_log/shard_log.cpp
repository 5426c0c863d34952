// The face of a seat: verbs in, one dispatch, one timer. Everything it does is in the rooms that state.hpp
// lists.
#include "shard_log/shard_log.hpp"

#include "shard_log/state.hpp"

namespace vswim::shard_log {

ShardLog::ShardLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
ShardLog::~ShardLog() = default;
ShardLog::ShardLog(ShardLog&&) noexcept = default;
ShardLog& ShardLog::operator=(ShardLog&&) noexcept = default;

void ShardLog::State::step(Instant now, const NodeId& from, const Message& message) {
  if (from == seat.node) return;
  clock = now;
  std::visit([&](const auto& one) { on(now, from, one); }, message);
  after_input(now);
}

void ShardLog::State::after_input(Instant now) {
  tick_transfer(now);
  if (!pending.empty() && !pending.back().sent && (leader || leading() != nullptr)) {
    std::size_t first = 0;
    std::size_t unanswered = 0;
    while (pending[first].sent) unanswered += pending[first++].result ? 0 : 1;
    if (unanswered < proposals_in_flight_max) send_proposals(now, first);
  }
  flush(now);
  compact_if_long();
  if (leaving && (now >= leaving->limit || !vote_can_go(now))) end_leaving();
}

void ShardLog::State::tick(Instant now) {
  clock = now;
  if (now >= stand_at()) stand(now);
  if (standing() != nullptr && now >= standing()->retry_at) ask_again(now);
  if (leading() != nullptr) {
    if (now >= leading()->heartbeat_at) heartbeat(now);
    settle(now);
  }
  tick_member(now);
  if (!requests.empty()) tick_requests(now);
  after_input(now);
}

Instant ShardLog::State::next_deadline() const {
  auto next = std::min({stand_at(), lost_at(), lease_told ? holder.until() : Instant::never()});
  if (const auto* candidate = standing()) next = std::min(next, candidate->retry_at);
  if (const auto* office = leading()) {
    next = std::min(next, office->heartbeat_at);
    if (office->active && settled < registers.revision()) {
      next = std::min(next, office->table.blocked_until(clock, registers.revision()));
    }
    for (const auto& [node, peer] : office->peers) {
      const bool owed = peer.epoch < configuration.epoch || (peer.matched == 0 && peer.committed) ||
                        peer.matched < peer.sent;
      if (owed && !office->install) next = std::min(next, peer.retry_at);
    }
    if (office->transfer) next = std::min(next, office->transfer->give_up);
  } else if (seat.has_core && is_member()) {
    next = std::min(next, request_at);
  }
  if (!pending.empty()) {
    next = std::min({next, pending_retry_at, pending.front().since + settings.lease_ttl * 3});
  }
  if (leaving) next = std::min(next, leaving->limit);
  for (const auto& [ticket, request] : requests) next = std::min(next, request.send_at);
  return next;
}

void ShardLog::step(Instant now, const NodeId& from, const Message& message) {
  state_->step(now, from, message);
}
void ShardLog::on_timer(Instant now) { state_->tick(now); }
Instant ShardLog::next_deadline() const { return state_->next_deadline(); }
Output ShardLog::take_output() { return state_->out.take(); }

void ShardLog::on_persisted(Instant now, PersistSequence upto) {
  if (!state_->out.on_persisted(upto)) return;
  state_->clock = now;
  state_->log.on_persisted(upto);
  state_->promise.on_persisted(upto);
  state_->try_win(now);
  state_->advance(now);
  state_->after_input(now);
}

void ShardLog::propose(Instant now, ProposalSequence sequence, const Batch& batch) {
  state_->propose(now, sequence, batch);
  state_->after_input(now);
}

void ShardLog::shown(Instant now, Revision revision) {
  auto& state = *state_;
  state.pulse_at = now;
  const auto reached = std::min(revision, state.notified);
  if (reached <= state.shown) return;
  state.shown = reached;
  if (auto* office = state.leading()) {
    office->table.report(state.seat.node, state.seat.start, reached);
    state.settle(now);
    if (!state.holder.active(now)) state.serve_own_core(now);
  } else {
    state.request_lease(now);
  }
  state.after_input(now);
}

void ShardLog::pulse(Instant now) {
  const bool was_alive = state_->core_alive(now);
  state_->pulse_at = now;
  if (!was_alive) state_->request_at = std::min(state_->request_at, now);
}

void ShardLog::advise_rank(Instant, std::uint32_t rank) {
  state_->rank = rank;
  state_->rank_advised = true;
}

void ShardLog::release(Instant now, Ticket ticket, bool node_ends) {
  auto& state = *state_;
  const auto number = state.holder.drop();
  state.lease_released = true;
  state.node_ends = node_ends;
  state.lease_told = false;
  if (auto* office = state.leading()) {
    office->table.released(state.seat.node, state.seat.start, number);
    state.settle(now);
    if (const auto to = state.successor(now)) {
      office->transfer = Transfer{*to, now + state.fraction(2), ticket};
      return state.after_input(now);
    }
  } else {
    state.request_lease(now);
    if (node_ends && state.vote_can_go(now)) {
      state.leaving = Leaving{ticket, now + state.fraction(2)};
      return state.after_input(now);
    }
  }
  state.out.event(Released{ticket});
  state.after_input(now);
}

void ShardLog::resume(Instant now) {
  state_->lease_released = false;
  state_->end_leaving();
  state_->request_at = now;
  state_->after_input(now);
}

void ShardLog::on_clock_gap(Instant now) {
  if (!VSWIM_RULE(l8)) return;
  state_->lose_lease("the clock jumped");
  state_->request_at = now;
  if (state_->leading() != nullptr) state_->serve_own_core(now);
}

void ShardLog::set_has_core(Instant now, bool has_core) {
  auto& state = *state_;
  if (state.seat.has_core && !has_core) state.lose_lease("this node's Core has left the shard");
  state.seat.has_core = has_core;
  state.lease_released = false;
  state.end_leaving();
  state.lease_told = false;
  state.notified = 0;
  state.shown = 0;
  state.settled_told = 0;
  state.pulse_at = now;
  if (!has_core) return;
  state.request_at = now;
  state.notify(now);
}

void ShardLog::request_member(Instant now, Ticket request, bool add, const NodeId& node,
                              const VoterUuid& uuid, bool may_close) {
  state_->request_member(now, request, add, node, uuid, may_close);
  state_->after_input(now);
}

void ShardLog::set_witness_candidates(Instant now, std::vector<NodeId> candidates) {
  (void)now;
  state_->witness_candidates = std::move(candidates);
}

namespace {
// Since when each of `nodes` has been among them without a break.
void keep_since(std::map<NodeId, Instant>& since, Instant now, const std::vector<NodeId>& nodes) {
  std::map<NodeId, Instant> kept;
  for (const auto& node : nodes) {
    const auto known = since.find(node);
    kept[node] = known == since.end() ? now : known->second;
  }
  since = std::move(kept);
}
}  // namespace

void ShardLog::set_dead(Instant now,
                        std::vector<NodeId> dead) {  // NOLINT(performance-unnecessary-value-param)
  keep_since(state_->dead_since, now, dead);
}

void ShardLog::set_elsewhere(Instant now,
                             std::vector<NodeId> nodes) {  // NOLINT(performance-unnecessary-value-param)
  keep_since(state_->elsewhere_since, now, nodes);
}

void ShardLog::judge_absent(Instant now, const NodeId& node) { state_->judge_absent(now, node); }

void ShardLog::transfer_leadership(Instant now, const NodeId& to) {
  auto* office = state_->leading();
  if (office == nullptr || to == state_->seat.node || office->transfer || !office->active) return;
  const auto* voter = find_voter(state_->configuration, to);
  if (voter == nullptr || voter->role == Role::witness) return;
  if (voter->role == Role::learner) {  // it needs a voter's seat first
    office->preferred = to;
  } else {
    office->transfer = Transfer{to, now + state_->fraction(2), std::nullopt};
  }
  state_->after_input(now);
}

Status ShardLog::status() const {
  const auto& state = *state_;
  Status status;
  status.shard = state.seat.shard;
  status.uuid = state.seat.uuid;
  status.configuration = state.configuration;
  status.ended = state.ended;
  if (const auto* seal = state.log.seal_of(state.configuration.epoch)) status.sealed = *seal;
  status.promised = state.promise.promised();
  status.leading = leads();
  status.leader_active = status.leading && state.leading()->active;
  status.leader = state.leader;
  status.committed = state.registers.revision();
  status.settled = state.settled;
  status.last_accepted = state.log.last();
  status.shown = state.shown;
  status.lease_until = state.holder.until();
  status.leader_deadline = leader_deadline();
  status.has_majority_contact = has_majority_contact();
  return status;
}

const Configuration& ShardLog::configuration() const { return state_->configuration; }
const std::optional<NodeId>& ShardLog::leader() const { return state_->leader; }
// Else it only finishes a change.
bool ShardLog::leads() const { return state_->leading() != nullptr && state_->may_lead(); }
Instant ShardLog::leader_deadline() const { return state_->deadline(state_->clock); }
bool ShardLog::has_majority_contact() const {
  return leads() ? leader_deadline() > state_->clock
                 : state_->heard_at + state_->settings.lease_ttl > state_->clock;
}

const Seat& ShardLog::seat() const { return state_->seat; }
std::vector<Register> ShardLog::registers() const { return state_->registers.registers(); }

}  // namespace vswim::shard_log
