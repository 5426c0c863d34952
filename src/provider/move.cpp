// REPLICATE and REPLICATE NO ONE: this node's Core moves from one shard to another in steps that a crash may
// interrupt anywhere. One Core membership at any time (the record's), any number of voter seats. Design 1,
// section 5:
//   intent   durable: where to, with which seat                    release  the lease is given back, Core
//   serves nothing leave    the old shard commits the removal (or cannot: the old seat stays a plain voter,
//   like a witness) enter    the new shard commits the addition (queued there, never "busy") record durable:
//   the new membership; then, and only then, the Core's namespaces change
#include "provider/state.hpp"

namespace vswim::provider {

namespace {
constexpr Duration release_limit = milliseconds(500);
constexpr Duration leave_limit = seconds(3);  // then the old seat stays a plain voter
constexpr Duration enter_retry = milliseconds(500);
constexpr Duration enter_limit = seconds(30);  // then the intent is undone
}  // namespace

void Provider::State::start_move(Instant now, std::optional<Ticket> ticket, const ShardId& target,
                                 bool fresh) {
  const auto refuse = [&](contract::Outcome outcome, const char* text) {
    if (ticket) complete(*ticket, outcome, text);
  };
  if (target == record.membership.shard) return refuse(contract::Outcome::ok, "");
  if (move || reset)
    return refuse(contract::Outcome::failed, "this node is already on its way to another shard");
  if (!fresh && shard_members(target).empty())
    return refuse(contract::Outcome::failed, "no live member of that shard is known");
  move.emplace();
  move->ticket = ticket;
  move->from = record.membership.shard;
  move->fresh = fresh;
  move->may_close = own_seat() == nullptr || own_seat()->configuration().voters.size() <= 1;
  move->give_up = now + enter_limit;
  move->next_try = Instant::never();
  record.move = {true, target, fresh ? VoterUuid{} : rng.id<VoterUuid>()};
  if (ended_seats.erase(target) != 0) drop_seat(target);  // an ended seat never offers itself again
  if (!fresh && !seats.contains(target)) {
    open_vacant_seat(now, target, record.move.uuid);
  } else if (!fresh) {
    record.move.uuid = seats.at(target).seat().uuid;  // we are its witness already
  }
  move->step = PendingMove::Step::intent;
  move->write = save_node_record();
}

void Provider::State::advance_move(Instant now) {
  auto* seat = own_seat();
  switch (move->step) {
    case PendingMove::Step::intent:
      move->write = 0;
      move->step = PendingMove::Step::release;
      move->inner = inner_ticket();
      move->next_try = now + release_limit;
      if (seat != nullptr) {
        seat->release(now, move->inner, false);
        return;
      }
      [[fallthrough]];
    case PendingMove::Step::release:
      emit(contract::ClusterDown{"this node moves to another shard"});
      move->step = PendingMove::Step::leave_old;
      move->next_try = now + leave_limit;
      move->inner = inner_ticket();
      if (seat != nullptr && !move->left_old) {
        seat->set_has_core(now, false);
        seat->request_member(now, move->inner, false, record.node, seat->seat().uuid, move->may_close);
        return;
      }
      [[fallthrough]];
    case PendingMove::Step::leave_old:
      if (!move->left_old) {
        note(NoteLevel::notice,
             "the old shard has no majority to let this node go: its seat stays there as a plain voter");
      }
      move->step = PendingMove::Step::enter_new;
      move->next_try = now;
      if (move->fresh) {
        finish_move(now);
        return;
      }
      [[fallthrough]];
    case PendingMove::Step::enter_new:
      if (now >= move->give_up) {
        undo_move(now, move->refusal.empty() ? "the shard did not answer" : move->refusal);
      } else if (now >= move->next_try) {
        ask_new_shard(now);
      }
      return;
    case PendingMove::Step::record: finish_move(now); return;
  }
}

void Provider::State::ask_new_shard(Instant now) {
  move->next_try = now + enter_retry;
  auto members = shard_members(record.move.target);
  std::erase(members, record.node);
  if (members.empty()) return;
  const auto address = address_of(members[move->attempt++ % members.size()]);
  if (!address) return;
  if (move->request == 0) move->request = next_request++;
  send_control(*address,
               wire::ShardRequest{move->request, record.move.target, true, record.node, record.move.uuid});
}

void Provider::State::on_shard_request(Instant now, const Address& peer, const wire::ShardRequest& request) {
  for (const auto& [inner, origin] : seat_requests) {
    if (origin.peer == peer && origin.request == request.request) return;  // asked again, still under way
  }
  constexpr std::size_t seat_requests_max = 1'024;
  if (seat_requests.size() >= seat_requests_max || !seats.contains(request.shard)) {
    send_control(peer, wire::ShardAnswer{
                           request.request, contract::Outcome::unknown, "not a member of that shard", {}});
    return;
  }
  const auto inner = inner_ticket();
  seat_requests[inner] = {peer, request.request};
  ask_seat(now, request.shard, inner, request.add, request.node, request.uuid);
}

void Provider::State::on_shard_answer(Instant now, const wire::ShardAnswer& answer) {
  if (move && move->step == PendingMove::Step::enter_new && answer.request == move->request) {
    switch (answer.outcome) {
      case contract::Outcome::ok:
        move->epoch = answer.epoch;
        finish_move(now);
        return;
      case contract::Outcome::failed: undo_move(now, answer.text); return;
      case contract::Outcome::stale:
      case contract::Outcome::unknown: move->refusal = answer.text; return;  // asked again by the timer
    }
  }
  on_drop_answer(now, answer.request, answer.outcome, answer.text);
}

// Called twice: to write the new membership, and when that is durable.
void Provider::State::finish_move(Instant now) {
  if (move->fresh) {
    const auto ticket = move->ticket;
    const auto target = record.move.target;
    move.reset();
    bootstrap_own_shard(now, target);
    if (ticket) complete(*ticket, contract::Outcome::ok);
    return;
  }
  if (move->step != PendingMove::Step::record) {
    move->step = PendingMove::Step::record;
    record.membership = {record.membership.number + 1, record.move.target, move->epoch};
    record.move = {};
    move->next_try = Instant::never();
    move->write = save_node_record();
    return;
  }
  const auto ticket = move->ticket;
  move.reset();
  note(NoteLevel::notice, "this node is a member of shard " + record.membership.shard.hex() + " now");
  enter_shard(now, record.membership.shard);
  if (ticket) complete(*ticket, contract::Outcome::ok);
}

void Provider::State::undo_move(Instant now, const std::string& reason) {
  const auto ended = std::move(*move);
  move.reset();
  record.move = {};
  save_node_record();
  // The seat stays open for a while: the other shard may have sealed it in already, and count on its vote.
  if (ended.left_old) {
    bootstrap_own_shard(now, rng.id<ShardId>());
  } else {
    enter_shard(now, record.membership.shard);
  }
  if (ended.ticket) complete(*ended.ticket, contract::Outcome::failed, reason);
}

// The seat that was to become the new membership was a witness's, and the shard had dropped it before it was
// asked: an ended seat never votes again, so another one is offered, and an answer about the old one is void.
void Provider::State::renew_target_seat(Instant now) {
  if (seats.contains(record.move.target)) drop_seat(record.move.target);
  record.move.uuid = rng.id<VoterUuid>();
  open_vacant_seat(now, record.move.target, record.move.uuid);
  save_node_record();
  move->request = 0;
}

// After a crash with a durable intent: the old seat's lease is gone with the old life; go on from leaving.
void Provider::State::resume_move(Instant now) {
  move.emplace();
  move->from = record.membership.shard;
  // What the intent says, not what is left of its seat: a shard that others have is never begun anew.
  move->fresh = record.move.uuid.is_nil();
  const auto seat = seats.find(record.move.target);
  const bool usable = seat != seats.end() && !seat->second.status().ended;
  if (!move->fresh && !usable) renew_target_seat(now);
  if (!move->fresh) record.move.uuid = seats.at(record.move.target).seat().uuid;
  move->give_up = now + enter_limit;
  move->left_old = own_seat() == nullptr;
  move->step = PendingMove::Step::release;
  move->next_try = now;
}

}  // namespace vswim::provider
