// The leader's book of leases: who may hold one, what they show, and so what is settled (rules L3, L4, L5),
// whose lease has provably ended (L10), and giving leadership away without waiting (L9).
#include "shard_log/state.hpp"

namespace vswim::shard_log {

// Rule L4: a node that has kept a committed revision waiting for T/4 is not renewed until it shows it.
bool ShardLog::State::kept_waiting(Instant now, const Leader& office, Revision shown_there) const {
  if (shown_there >= registers.revision()) return false;
  for (const auto& [revision, when] : office.commit_times) {
    if (revision > shown_there) return now - when >= fraction(4);
  }
  return false;
}

std::optional<Duration> ShardLog::State::grant(Instant now, const NodeId& node, const LeaseRequest& request) {
  auto& office = *leading();
  const auto* member = find_voter(configuration, node);
  if (!office.active || office.install || office.finishing || member == nullptr ||
      member->role == Role::witness) {
    return std::nullopt;
  }
  auto& line = office.table.at(node);
  const auto required = VSWIM_RULE(l4) ? std::max(office.noop, settled) : Revision{0};
  if (line.shown < required || (VSWIM_RULE(l4) && kept_waiting(now, office, line.shown))) return std::nullopt;
  const auto d = terms.grant(now, deadline(now));
  if (d <= settings.slack) return std::nullopt;
  office.table.granted(node, request.number, terms.held_until(now, d));  // rule L3: before the grant leaves
  report(node, false);
  return d;
}

void ShardLog::State::on(Instant now, const NodeId& from, const LeaseRequest& message) {
  auto* office = leading();
  const bool member = find_voter(configuration, from) != nullptr;
  if (message.epoch < configuration.epoch && !member) answer_moved(from);
  if (office == nullptr) return;
  if (!member && office->table.find(from) == nullptr)
    return;  // a removed member's reports still count (rule L4)
  if (!office->table.report(from, message.start, std::min(message.shown, registers.revision()))) return;
  auto& line = office->table.at(from);
  line.rank = message.rank;
  if (const auto end = stopped.find(from); end != stopped.end() && end->second <= message.start)
    stopped.erase(end);
  if (office->predecessor == from) office->predecessor.reset();
  settle(now);
  if (!message.renew) return;
  line.asked = now;
  if (const auto d = grant(now, from, message)) {
    out.send(from,
             LeaseGrant{configuration.epoch, office->ballot, message.start, message.number, *d, settled});
  }
}

void ShardLog::State::on(Instant now, const NodeId& from, const LeaseRelease& message) {
  auto* office = leading();
  if (office == nullptr || (VSWIM_RULE(l9) && message.ballot != office->ballot)) return;
  if (!office->table.released(from, message.start, message.number)) return;
  settle(now);
  if (office->active && deadline(now) > now && find_voter(configuration, from) != nullptr) report(from, true);
  if (!message.ends || find_voter(configuration, from) == nullptr) return;
  stopped[from] = message.start;
  tick_changes(now);
}

void ShardLog::State::serve_own_core(Instant now) {
  auto* office = leading();
  if (office == nullptr) return;
  if (!seat.has_core) return leave_to_a_living_core(now);  // a mover's old seat tells its shard nothing
  if (lease_released || !is_member()) return;
  LeaseRequest request{
      configuration.epoch, seat.start, {}, shown, core_alive(now), rank_advised ? rank : rank_unadvised};
  office->table.report(seat.node, seat.start, shown);
  if (!request.renew) return leave_to_a_living_core(now);
  request.number = holder.ask(now);
  const auto d = grant(now, seat.node, request);
  if (!d) return;
  if (const auto until = holder.take(terms, now, request.number, *d)) lease_extended(*until);
}

// Rules L4 and S1: acknowledging is for a leader whose no-op is committed.
void ShardLog::State::settle(Instant now) {
  auto* office = leading();
  if (office == nullptr || !office->active || office->install) return;
  const auto reached = office->table.settled(now, registers.revision());
  while (!office->commit_times.empty() && office->commit_times.front().first <= reached) {
    bool all = true;
    for (const auto& [node, line] : office->table.all()) {
      all = all && (line.until <= now || line.shown >= office->commit_times.front().first);
    }
    if (!all) break;
    office->commit_times.pop_front();
  }
  if (reached <= settled) return;
  settled = reached;
  notify_settled(false);
  answer_settled();
  // The votes of the dead go as soon as a successor is named, not a tick later: that one may die next.
  if (!dead_since.empty()) tick_changes(now);
}

void ShardLog::State::report(const NodeId& node, bool ended_lease) {
  auto& line = leading()->table.at(node);
  if (line.reported_ended == ended_lease) return;
  line.reported_ended = ended_lease;
  out.event(PeerLease{node, ended_lease});
}

// Rule L10: only what the book proves. Silence alone is no proof, and an ended lease alone no news: a member
// that goes on asking is alive. The leader before us, unheard of since, needs no second wait.
void ShardLog::State::report_peers(Instant now) {
  auto* office = leading();
  if (office == nullptr || !office->active || office->install) return;
  if (VSWIM_RULE(l10) && deadline(now) <= now)
    return;  // another leader may grant by now, and ours is no proof
  for (const auto& voter : configuration.voters) {
    if (voter.role == Role::witness || voter.node == seat.node) continue;
    const auto& line = office->table.at(voter.node);
    if (VSWIM_RULE(l10) && line.until > now) continue;
    const bool quiet = now - std::max(line.asked, office->since) >= fraction(2);
    if (quiet || office->predecessor == voter.node) report(voter.node, true);
  }
}

// Nobody grants to a node that is no member. What it was granted as one is in this book, or was granted by an
// earlier leader and is over when a later one grants (rules L1, L3): 2 T of office are more than enough.
void ShardLog::State::judge_absent(Instant now, const NodeId& node) {
  const auto* office = leading();
  if (office == nullptr || !office->active || office->install || deadline(now) <= now) return;
  const auto* voter = find_voter(configuration, node);
  if (voter != nullptr && voter->role != Role::witness) return;
  const auto* line = office->table.find(node);
  const bool over = line == nullptr || line->until <= now;
  if (over && now - office->since >= settings.lease_ttl * 2) report(node, true);
}

// ---- leadership goes to another voter (rule L9) ----

// Leadership follows the primary: to the leased member whose Core should lead now, unless ours should or has
// not said.
void ShardLog::State::follow_primary(Instant now) {
  auto* office = leading();
  if (office == nullptr || !office->active || office->transfer || office->install || now < office->follow_at)
    return;
  if (seat.has_core && (!rank_advised || rank == 0)) return;
  for (const auto& [node, line] : office->table.all()) {
    const auto* voter = find_voter(configuration, node);
    if (node == seat.node || voter == nullptr || line.rank != 0 || line.until <= now) continue;
    office->follow_at =
        now + settings.lease_ttl * 2;  // a hand-over that fails must not stop proposals again at once
    if (voter->role == Role::learner) {
      office->preferred = node;
    } else if (voter->role == Role::data) {
      office->transfer = Transfer{node, now + fraction(2), std::nullopt};
    }
    return;
  }
}

// Rule L8 ends the lease of a Core that hangs, and nobody reports the leader's own (rule L10 is about
// others): who leads next can, if its own Core still asks for leases.
void ShardLog::State::leave_to_a_living_core(Instant now) {
  auto* office = leading();
  if (!office->active || office->transfer || office->install || now < office->follow_at) return;
  const auto to = successor(now);
  const auto* line = to ? office->table.find(*to) : nullptr;
  if (line == nullptr || now - line->asked > settings.lease_ttl) return;
  office->follow_at = now + settings.lease_ttl * 2;
  office->transfer = Transfer{*to, now + fraction(2), std::nullopt};
}

void ShardLog::State::tick_transfer(Instant now) {
  auto* office = leading();
  if (office == nullptr || !office->transfer) return;
  const auto transfer = *office->transfer;
  const auto peer = office->peers.find(transfer.to);
  const bool to_self = transfer.to == seat.node;
  const bool able = to_self || (peer != office->peers.end() && peer->second.matched == log.last());
  bool ready = office->active && !office->install && able && may_lead(transfer.to) &&
               registers.revision() == log.last() && settled == log.last();
  for (const auto& [node, line] : office->table.all()) {  // the successor can only suspect whom it knows
    ready = ready && (line.until <= now || find_voter(configuration, node) != nullptr);
  }
  if (ready) {
    const auto ballot = office->ballot;
    give_up_ballot(now, to_self ? std::nullopt : std::optional(transfer.to));
    if (to_self) prepare(now, ballot);
  } else if (now >= transfer.give_up) {
    if (transfer.release && office->table.last_end() <= now) give_up_ballot(now, std::nullopt);
    if (leading() != nullptr) leading()->transfer.reset();
  } else {
    return;
  }
  if (transfer.release) out.event(Released{*transfer.release});
}

void ShardLog::State::give_up_ballot(Instant now, const std::optional<NodeId>& to) {
  note_lead(now);
  const auto ballot = leading()->ballot;
  for (const auto& [node, peer] : leading()->peers) {
    if (node != to) out.send(node, ReleaseBallot{configuration.epoch, ballot});
  }
  const auto holders_until = leading()->table.last_end();
  step_down(now);
  promise.release_lead(ballot, holders_until);
  if (to) out.send(*to, StandNow{configuration.epoch, ballot});
  leader.reset();
  out.event(LeaderChanged{std::nullopt, ballot});
  heard_at = Instant::long_ago();
  not_before = now + interval() * 2;
}

}  // namespace vswim::shard_log
