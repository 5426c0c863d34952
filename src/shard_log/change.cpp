// Which members the shard should have: requests to add and remove data members, witnesses that come and go,
// and asking nodes for the seats before anything is sealed. One voter change at a time; everything else waits
// in line.
#include "shard_log/state.hpp"

namespace vswim::shard_log {

namespace {
constexpr std::size_t changes_max = 64;          // requests in line at a leader
constexpr std::int64_t request_limit_ttls = 10;  // then the requester hears "unknown" and may ask again
constexpr std::int64_t seat_answer_ttls =
    2;  // a member to be added that does not answer for so long is refused
constexpr std::int64_t offer_valid_ttls = 2;
constexpr std::int64_t useless_ttls = 10;  // a witness candidate without an answer is left alone for so long
}  // namespace

// ---- at the seat that was asked ----

void ShardLog::State::request_member(Instant now, Ticket request, bool add, const NodeId& node,
                                     const VoterUuid& uuid, bool may_close) {
  if (ended || vacant()) {
    const bool fulfilled = ended && !add && node == seat.node;
    request_done(request, fulfilled ? contract::Outcome::ok : contract::Outcome::unknown,
                 fulfilled ? "" : "this seat is not a member of the shard", configuration.epoch);
    return;
  }
  requests[request] = {add, node, uuid, may_close, now, now};
  tick_requests(now);
}

void ShardLog::State::request_done(Ticket request, contract::Outcome outcome, const std::string& text,
                                   Epoch epoch) {
  requests.erase(request);
  out.event(MembershipDone{request, outcome, text, epoch});
}

void ShardLog::State::tick_requests(Instant now) {
  std::vector<Ticket> expired;
  std::vector<std::pair<Ticket, Request>> due;
  for (auto& [ticket, request] : requests) {
    if (now - request.since >= settings.lease_ttl * request_limit_ttls) {
      expired.push_back(ticket);
    } else if (now >= request.send_at) {
      request.send_at = now + fraction(4);
      due.emplace_back(ticket, request);
    }
  }
  for (const auto ticket : expired)
    request_done(ticket, contract::Outcome::unknown, "the shard did not answer", {});
  for (const auto& [ticket, request] : due) {
    const ChangeRequest message{seat.start, ticket, request.add, request.node, request.uuid};
    if (leading() != nullptr) {
      on(now, seat.node, message);
    } else if (leader && !ended) {
      out.send(*leader, message);
    }
  }
}

void ShardLog::State::on(Instant, const NodeId&, const ChangeAnswer& message) {
  if (message.start == seat.start && requests.contains(message.request)) {
    request_done(message.request, message.outcome, message.text, message.epoch);
  }
}

void ShardLog::State::on(Instant, const NodeId& from, const SeatRequest&) {
  if (!ended) out.send(from, SeatOffer{seat.uuid});
}

// ---- at the leader ----

bool ShardLog::State::satisfied(const Change& change) const {
  const auto* voter = find_voter(configuration, change.node);
  if (!change.add) return voter == nullptr;
  return voter != nullptr && voter->uuid == change.uuid && voter->role != Role::witness;
}

void ShardLog::State::answer_change(const Change& change, contract::Outcome outcome,
                                    const std::string& text) {
  for (const auto& requester : change.requesters) {
    if (requester.node == seat.node) {
      if (requests.contains(requester.request))
        request_done(requester.request, outcome, text, configuration.epoch);
    } else {
      out.send(requester.node,
               ChangeAnswer{requester.start, requester.request, outcome, text, configuration.epoch});
    }
  }
}

void ShardLog::State::answer_changes(Instant) {
  auto* office = leading();
  for (auto it = office->changes.begin(); it != office->changes.end();) {
    if (!satisfied(*it)) {
      ++it;
      continue;
    }
    const auto change = std::move(*it);
    it = office->changes.erase(it);
    answer_change(change, contract::Outcome::ok, {});
  }
}

void ShardLog::State::on(Instant now, const NodeId& from, const ChangeRequest& message) {
  auto* office = leading();
  if (office == nullptr || !office->active) return;  // asked again by the requester's timer
  Change change{message.add, message.node, message.uuid, now, {{from, message.start, message.request}}};
  if (satisfied(change)) return answer_change(change, contract::Outcome::ok, {});
  for (auto& queued : office->changes) {
    if (queued.add != change.add || queued.node != change.node || queued.uuid != change.uuid) continue;
    const bool known =
        std::any_of(queued.requesters.begin(), queued.requesters.end(), [&](const auto& requester) {
          return requester.node == from && requester.request == message.request;
        });
    if (!known && queued.requesters.size() < changes_max)
      queued.requesters.push_back(change.requesters.front());
    return;
  }
  if (office->changes.size() >= changes_max) return;
  office->changes.push_back(std::move(change));
  tick_changes(now);
}

// Unasked: a seat that waits for its Install for long. Only who leads knows that it was not named.
void ShardLog::State::on(Instant now, const NodeId& from, const SeatOffer& message) {
  if (leading() == nullptr) return;
  if (!search.asked_since.contains(from)) {
    const bool changing = !leading()->active || log.seal_of(configuration.epoch) != nullptr;
    const bool named = find_voter(configuration, from, message.uuid) != nullptr;
    if (!changing && !named) out.send(from, Moved{configuration});
    return;
  }
  search.offers[from] = {message.uuid, now};
  tick_changes(now);
}

// A fresh offer of that node, or it is asked for one.
const SeatSearch::Offer* ShardLog::State::offered(Instant now, const NodeId& node, Role seat_role) {
  const auto offer = search.offers.find(node);
  if (offer != search.offers.end() && now - offer->second.at <= settings.lease_ttl * offer_valid_ttls)
    return &offer->second;
  const bool first = search.asked_since.try_emplace(node, now).second;
  if (first || now >= search.ask_at) {
    search.ask_at = now + interval() / 2;
    out.send(node, SeatRequest{seat_role});
  }
  return nullptr;
}

std::optional<NodeId> ShardLog::State::successor(Instant now) const {
  const auto* office = leading();
  std::optional<NodeId> best;
  std::uint32_t best_rank = 0;
  for (const auto& [node, peer] : office->peers) {
    if (peer.voter.role != Role::data || peer.matched == 0 || now - peer.heard > fraction(2)) continue;
    const auto* line = office->table.find(node);
    const auto rank_there = line == nullptr ? ~0U : line->rank;
    if (!best || rank_there < best_rank) {
      best = node;
      best_rank = rank_there;
    }
  }
  return best;
}

// One request applied to the members there should be. False: it is not ready or not possible yet.
bool ShardLog::State::add_wanted(Instant now, const Change& change, std::vector<Voter>& data) {
  if (!change.add) {
    std::erase_if(data, [&](const Voter& voter) { return voter.node == change.node; });
    return true;
  }
  const auto* present = find_voter(configuration, change.node, change.uuid);
  if (present == nullptr) {
    const auto* offer = offered(now, change.node, Role::data);
    if (offer == nullptr || offer->uuid != change.uuid) return false;
  }
  std::erase_if(data, [&](const Voter& voter) { return voter.node == change.node; });
  data.push_back({change.node, change.uuid, Role::learner});
  return data.size() < voters_max;
}

// A move that was given up on one side only, or that left a seat behind in a shard without a majority: the
// node is a member of another shard for longer than any move takes. Its vote is nobody's to rely on.
bool ShardLog::State::lives_elsewhere(Instant now, const Voter& voter) const {
  const auto since = elsewhere_since.find(voter.node);
  return voter.node != seat.node && since != elsewhere_since.end() &&
         now - since->second >= settings.elsewhere_remove_after + replace_jitter;
}

std::vector<Voter> ShardLog::State::wanted_data(Instant now) {
  auto& office = *leading();
  std::vector<Voter> data;
  for (const auto& voter : configuration.voters) {
    if (voter.role != Role::witness && !lives_elsewhere(now, voter)) data.push_back(voter);
  }
  std::vector<Change> dropped;
  for (auto it = office.changes.begin(); it != office.changes.end();) {
    const bool self = !it->add && it->node == seat.node;
    if (self || add_wanted(now, *it, data) || now - it->since < settings.lease_ttl * seat_answer_ttls) {
      ++it;
    } else {
      search.asked_since.erase(it->node);
      dropped.push_back(std::move(*it));
      it = office.changes.erase(it);
    }
  }
  for (const auto& change : dropped) {
    const auto offer = search.offers.find(change.node);
    const bool other = offer != search.offers.end() && offer->second.uuid != change.uuid;
    answer_change(change, contract::Outcome::unknown,
                  other ? "the node has another seat than the one to be added"
                        : "the node to be added does not answer");
  }
  return data;
}

// Dead by both detectors for long enough; or alive with a seat that has lost its memory (invariant I14).
bool ShardLog::State::witness_is_bad(Instant now, const Voter& witness) {
  const auto limit = settings.witness_replace_after + replace_jitter;
  const auto dead = dead_since.find(witness.node);
  if (dead != dead_since.end() && now - dead->second >= limit) return true;
  const auto peer = leading()->peers.find(witness.node);
  if (peer == leading()->peers.end()) return true;
  const bool quiet = now - std::max(peer->second.heard, leading()->since) >= settings.witness_replace_after;
  if (!quiet || dead != dead_since.end()) return false;
  const auto* offer = offered(now, witness.node, Role::witness);
  return offer != nullptr && offer->uuid != witness.uuid;
}

// Who is dead gives its vote to those who are there, as long as these are two: a shard of three that lost one
// survives the loss of another, and a replica that came to take a dead one's place counts. Who shuts down is
// as good as dead, and waits for it (ShardLog::release). Nobody gets a vote back unheard. It ends as soon as
// the member is back. The last two keep each other's votes: who is alone cannot know.
std::vector<NodeId> ShardLog::State::absent(Instant now, const std::vector<Voter>& data) const {
  std::vector<NodeId> nodes;
  for (const auto& voter : data) {
    const auto peer = leading()->peers.find(voter.node);
    const bool heard = peer != leading()->peers.end() && now - peer->second.heard <= settings.lease_ttl;
    const auto* named = find_voter(configuration, voter.node);
    const bool learns = named != nullptr && named->role == Role::learner;
    const bool silent = (dead_since.contains(voter.node) || learns) && !heard;
    if (voter.node != seat.node && (silent || stopped.contains(voter.node))) nodes.push_back(voter.node);
  }
  if (data.size() < nodes.size() + 2) nodes.clear();
  return nodes;
}

// Whoever was asked for a seat that is not wanted any more: its later offers are answered with what stands.
void ShardLog::State::forget_candidates(const std::optional<NodeId>& but) {
  const auto& changes = leading()->changes;
  std::erase_if(search.asked_since, [&](const auto& asked) {
    return asked.first != but && std::none_of(changes.begin(), changes.end(), [&](const Change& change) {
             return change.node == asked.first;
           });
  });
}

ShardLog::State::WitnessChoice ShardLog::State::wanted_witness(Instant now, const std::vector<Voter>& data,
                                                               std::size_t there) {
  if (!wants_witness(there)) {
    forget_candidates(std::nullopt);
    return {};
  }
  const auto is_data = [&](const NodeId& node) {
    return std::any_of(data.begin(), data.end(), [&](const Voter& voter) { return voter.node == node; });
  };
  const auto unwanted = [&](const NodeId& node) {
    return std::any_of(leading()->changes.begin(), leading()->changes.end(),
                       [&](const Change& change) { return !change.add && change.node == node; });
  };
  std::optional<Voter> present;
  for (const auto& voter : configuration.voters) {
    if (voter.role == Role::witness && !is_data(voter.node)) present = voter;
  }
  if (present && !unwanted(present->node) && !witness_is_bad(now, *present)) {
    forget_candidates(present->node);
    return {present, false};
  }
  for (const auto& node : witness_candidates) {
    if (node == seat.node || is_data(node) || unwanted(node) || dead_since.contains(node)) continue;
    const auto useless = search.useless_until.find(node);
    if (useless != search.useless_until.end() && now < useless->second) continue;
    const auto* offer = offered(now, node, Role::witness);
    const bool same = present && offer != nullptr && present->node == node && present->uuid == offer->uuid;
    if (offer != nullptr && !same) return {Voter{node, offer->uuid, Role::witness}, false};
    if (!same && now - search.asked_since[node] < fraction(2)) return {present, true};
    search.useless_until[node] = now + settings.lease_ttl * useless_ttls;
    search.asked_since.erase(node);
  }
  if (!present && !told_no_witness && wants_witness(data.size())) {
    told_no_witness = true;
    out.note(NoteLevel::warning, "no witness for a shard of two: no automatic failover");
  }
  if (present && unwanted(present->node)) return {};
  return {present, false};
}

bool ShardLog::State::enough_alive(Instant now, const std::vector<Voter>& voters) const {
  std::size_t count = 0;
  std::size_t alive = 0;
  for (const auto& voter : voters) {
    if (!counts(voter)) continue;
    ++count;
    const auto peer = leading()->peers.find(voter.node);
    const auto offer = search.offers.find(voter.node);
    const bool heard = peer != leading()->peers.end() && now - peer->second.heard <= settings.lease_ttl;
    const bool offers =
        offer != search.offers.end() && now - offer->second.at <= settings.lease_ttl * offer_valid_ttls;
    alive += voter.node == seat.node || heard || offers ? 1 : 0;
  }
  return alive >= majority_of(count);
}

void ShardLog::State::tick_changes(Instant now) {
  auto* office = leading();
  if (office == nullptr || !office->active || office->install || office->transfer) return;
  if (log.seal_of(configuration.epoch) != nullptr) return;
  answer_changes(now);
  auto data = wanted_data(now);
  for (const auto& change : office->changes) {
    if (change.add || change.node != seat.node) continue;
    if (data.size() == 1) return may_close(change) ? close_shard(now) : refuse_closing(change);
    // Who leads cannot leave: another data voter takes over and goes on with it.
    if (const auto to = successor(now)) {
      office->transfer = Transfer{*to, now + settings.lease_ttl, std::nullopt};
      return;
    }
    for (const auto& voter : data) {  // or a learner, once it has a vote
      if (voter.node != seat.node && voter.role == Role::learner) office->preferred = voter.node;
    }
    if (may_lead(office->preferred)) return;
    break;
  }
  auto gone = absent(now, data);
  auto witness = wanted_witness(now, data, data.size() - gone.size());
  if (witness.waiting && !witness.voter) return;
  // Without a third vote one of two would decide alone: rather wait for the dead, then.
  if (wants_witness(data.size() - gone.size()) && !witness.voter) gone.clear();
  PlanInput input{std::move(data), seat.node, office->preferred, {}, std::move(gone), {}};
  if (witness.voter) input.witnesses.push_back(*witness.voter);
  auto voters = plan_configuration(input);
  if (voters != configuration.voters) {  // as it changes anyway
    for (const auto& voter : input.data) {
      const auto peer = office->peers.find(voter.node);
      const bool quiet = peer == office->peers.end() || now - peer->second.heard > fraction(4);
      if (voter.node != seat.node && (quiet || dead_since.contains(voter.node)))
        input.ailing.push_back(voter.node);
    }
    voters = plan_configuration(input);
  }
  if (voters == configuration.voters) {
    if (may_lead(office->preferred) && office->preferred != seat.node) {
      office->transfer = Transfer{office->preferred, now + settings.lease_ttl, std::nullopt};
      office->preferred = {};
    }
    return;
  }
  if (!enough_alive(now, voters)) return;
  if (witness.voter) told_no_witness = false;
  seal(now, {configuration.epoch.next(), std::move(voters)});
}

// Only this seat's own word counts: who asked to leave a shard of several may be the last by now, and the
// shard's data and slots would go with it.
bool ShardLog::State::may_close(const Change& change) const {
  return std::any_of(change.requesters.begin(), change.requesters.end(), [&](const auto& requester) {
    const auto own = requests.find(requester.request);
    return requester.node == seat.node && own != requests.end() && own->second.may_close;
  });
}

void ShardLog::State::refuse_closing(const Change& change) {
  const auto refused = change;
  std::erase_if(leading()->changes,
                [&](const Change& other) { return !other.add && other.node == refused.node; });
  answer_change(refused, contract::Outcome::failed, "this node has become the last member of its shard");
}

// The last member leaves: nobody is left to ask.
void ShardLog::State::close_shard(Instant now) {
  end_seat(now, {configuration.epoch.next(), {}}, "the shard is closed");
}

}  // namespace vswim::shard_log
