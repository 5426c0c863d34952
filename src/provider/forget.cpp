// FORGET of another node, RESET and FORGET of myself. The victim's shard drops it by a voter change first, so
// that no shard waits for a node that cannot come back. Design 1, section 5.
#include "provider/state.hpp"

namespace vswim::provider {

namespace {
constexpr Duration forget_limit = seconds(5);  // a voter change of two rounds, with an election in between
constexpr Duration forget_retry = milliseconds(500);
constexpr Duration reset_limit = seconds(2);  // gracefully if that works in 2 s, else locally
}  // namespace

void Provider::State::start_forget(Instant now, const contract::RemoveFromCluster& operation) {
  if (operation.node == record.node) {
    start_reset(now, operation.ticket, operation.new_node_id);
    return;
  }
  const auto view = swim->find(operation.node);
  if (!view || view->record.status == swim::Status::forgotten) {
    bool tombstone = false;
    for (const auto& member : swim->snapshot()) {
      if (member.id == operation.node && member.status == swim::Status::forgotten) tombstone = true;
    }
    complete(operation.ticket, tombstone ? contract::Outcome::ok : contract::Outcome::failed,
             tombstone ? "" : "Unknown node " + operation.node.hex());
    return;
  }
  const bool dead = health_of(now, *view) == contract::Health::fail;
  if (operation.victim_owns_slots && !dead) {
    complete(operation.ticket, contract::Outcome::failed, "that node is alive and owns slots");
    return;
  }
  forgets.push_back({operation.ticket, operation.node, 0, 0, now, now + forget_limit});
  ask_to_drop(now, forgets.back());
}

void Provider::State::ask_to_drop(Instant now, PendingForget& forget) {
  forget.next_try = now + forget_retry;
  if (forget.request == 0) forget.request = next_request++;
  const auto view = swim->find(forget.victim);
  const auto request = forget.request;
  if (!view) {
    on_drop_answer(now, request, contract::Outcome::ok, {});
    return;
  }
  const auto shard = view->record.shard;
  std::vector<NodeId> peers;
  for (const auto& node : shard_members(shard)) {
    if (node != forget.victim) peers.push_back(node);
  }
  if (peers.empty()) {
    on_drop_answer(now, request, contract::Outcome::ok, {});  // the last member: its shard ends with it
    return;
  }
  const auto peer = peers[forget.attempt++ % peers.size()];
  if (peer == record.node) {
    const auto inner = inner_ticket();
    seat_requests[inner] = {std::nullopt, request};
    ask_seat(now, shard, inner, false, forget.victim, {});
  } else if (const auto address = address_of(peer)) {
    send_control(*address, wire::ShardRequest{request, shard, false, forget.victim, {}});
  }
}

void Provider::State::on_drop_answer(Instant now, std::uint64_t request, contract::Outcome outcome,
                                     const std::string& text) {
  const auto forget =
      std::find_if(forgets.begin(), forgets.end(), [&](const auto& f) { return f.request == request; });
  if (forget == forgets.end()) return;
  if (outcome == contract::Outcome::unknown || outcome == contract::Outcome::stale)
    return;  // the timer asks again
  const auto done = *forget;
  forgets.erase(forget);
  if (outcome == contract::Outcome::failed) {
    complete(done.ticket, outcome, text);
    return;
  }
  swim->forget(now, done.victim);
  peer_leases.erase(done.victim);
  view_dirty = members_dirty = true;
  complete(done.ticket, contract::Outcome::ok);
}

void Provider::State::tick_forgets(Instant now) {
  const auto pending = forgets;
  for (const auto& copy : pending) {
    const auto forget =
        std::find_if(forgets.begin(), forgets.end(), [&](const auto& f) { return f.ticket == copy.ticket; });
    if (forget == forgets.end()) continue;
    if (now >= forget->deadline) {
      const auto view = swim->find(forget->victim);
      const bool dead = !view || health_of(now, *view) == contract::Health::fail;
      on_drop_answer(now, forget->request, dead ? contract::Outcome::ok : contract::Outcome::failed,
                     "its shard has no majority to let that node go");
    } else if (now >= forget->next_try) {
      ask_to_drop(now, *forget);
    }
  }
}

// ---- myself
// -----------------------------------------------------------------------------------------------------

void Provider::State::start_reset(Instant now, std::optional<Ticket> ticket, bool new_node_id) {
  if (reset || move) {
    if (ticket)
      complete(*ticket, contract::Outcome::failed, "this node is already on its way out of its shard");
    return;
  }
  if (join) end_join(false, "the node was reset");
  reset.emplace();
  reset->ticket = ticket;
  reset->new_node_id = new_node_id;
  reset->deadline = now + reset_limit;
  emit(contract::ClusterDown{"reset"});
  const auto* seat = own_seat();
  const bool company = seat != nullptr && seat->configuration().voters.size() > 1;
  if (!company) {
    advance_reset(now);
    return;
  }
  // The shard goes on without us; the answer is our seat's end (on_seat_ended), or the limit.
  own_seat()->set_has_core(now, false);
  const auto inner = inner_ticket();
  seat_requests[inner] = {std::nullopt, 0};
  own_seat()->request_member(now, inner, false, record.node, seat->seat().uuid, true);
}

// The others forget this life of the node at once (a leave, not a failure); by stream, because nobody would
// ask again.
void Provider::State::say_farewell() {
  constexpr std::size_t told_max = 8;  // the rest hears it as a rumour
  swim::MemberUpdate tombstone;
  tombstone.id = record.node;
  tombstone.life = swim->self().life;
  tombstone.status = swim::Status::forgotten;
  for (const auto& node : swim->sample(told_max, rng)) {
    const auto address = address_of(node);
    if (!address) continue;
    auto packet = blank_packet(*address);
    packet.swim = wire::SwimPart{swim::Rumours{}, {tombstone}};
    transmit(*address, std::move(packet), true);
  }
}

// First call: leave and forget everything, durably. Second call (durable): tell Core.
void Provider::State::advance_reset(Instant now) {
  if (reset->write == 0) {
    say_farewell();
    while (!seats.empty()) drop_seat(seats.begin()->first);
    ended_seats.clear();
    seat_requests.clear();
    forgets.clear();
    if (reset->new_node_id) record.node = rng.id<NodeId>();
    record.cluster = rng.id<ClusterId>();
    record.generation = record.generation.next();
    record.join = record.join.next();
    const bool new_node_id = reset->new_node_id;
    swim.emplace(settings.swim, self_record(), now, fork_rng());
    if (new_node_id) {
      global.emplace(settings.gossip, record.node, now, fork_rng());
      shard_gossip.emplace(settings.gossip, record.node, now, fork_rng());
    }
    global->clear(now);
    global->take_output();
    emit(
        contract::Reset{contract::Namespace::global, namespace_number, record.node, record.membership.shard});
    bootstrap_own_shard(now, rng.id<ShardId>());
    members_dirty = gossip_dirty = view_dirty = true;
    rewrite_file();
    reset->write = last_write;
    reset->deadline = Instant::never();
    return;
  }
  const auto ticket = reset->ticket;
  reset.reset();
  if (ticket) complete(*ticket, contract::Outcome::ok);
}

// The cluster has forgotten this node: alone from now on, under a cluster id of its own; keys stay until
// RESET.
void Provider::State::become_alone(Instant now) {
  if (reset) return;
  note(NoteLevel::warning,
       "the cluster has forgotten this node: it is alone now and keeps its keys until CLUSTER RESET");
  record.cluster = rng.id<ClusterId>();
  record.join = record.join.next();
  save_node_record();
  if (join) end_join(false, "the cluster forgot this node");
  settings.seeds.clear();
  replace_cluster(now, {}, {});
}

}  // namespace vswim::provider
