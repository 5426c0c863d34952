// How a slot that was moved key by key changes hands: SETSLOT NODE on the taker asks the owner's primary
// first. That one writes HANDED_OVER to its own log, serves nothing of the slot from then on (it redirects
// with ASK) and only then answers; the taker writes ACTIVE with a higher claim, which clears the owner's log
// (proc_claims.cpp). So at no instant do two shards serve the slot, and a slot that still holds keys is not
// given away unless the operator said so by BUMPEPOCH before. Either side may fail over at every step: the
// states are in the logs, and asking again leads to the same end.
#include <algorithm>
#include <utility>

#include "core/machine.hpp"
#include "core/migration_steps.hpp"

namespace vswim::core {

namespace {

constexpr Duration ask_interval = milliseconds(250);
constexpr Duration job_limit = seconds(2);
constexpr Duration take_limit = seconds(5);
constexpr Duration offer_interval = milliseconds(500);
constexpr Duration replica_limit = seconds(1);  // one that takes longer has lost its link, or there is none
constexpr Duration replica_interval = milliseconds(10);
using Verdict = TakeAnswer::Verdict;

std::string keys_left(const Machine& m, Slot slot, const ShardId& owner) {
  const auto primary = m.view.primary_of(owner);
  return "ERR Slot " + std::to_string(slot) + " still holds keys at its owner " +
         (primary ? primary->hex() : owner.hex()) + ", nothing was changed: move them first";
}

// Nobody of that shard can hold a lease, and nobody can answer.
bool gone(const Machine& m, const ShardId& shard) {
  const auto& members = m.view.members_of(shard);
  return std::all_of(members.begin(), members.end(),
                     [&](const NodeId& id) { return m.view.member(id)->health == contract::Health::fail; });
}

std::optional<ShardId> owner_of(const Machine& m, Slot slot) {
  const auto owner = m.table.owner[slot];
  return owner == RoutingTable::unowned ? std::nullopt : std::optional(m.table.routes[owner].shard);
}

void claim(Machine& m, const Take& take, ClaimNumber above) {
  SlotJob job;
  job.change = SlotChange{
      take.slot, {SlotState::active, above, {}}, {SlotState::none, SlotState::importing, SlotState::active}};
  job.client = take.client;
  job.limit = m.now + job_limit;
  m.slot_jobs.push_back(std::move(job));
}

// True when this take is over: it needs nobody's answer, or there will be none.
bool decided(Machine& m, const Take& take) {
  const auto owner = owner_of(m, take.slot);
  if (!owner || *owner == m.view.own_shard()) {
    claim(m, take, 0);
    return true;
  }
  if (m.now < take.limit) return false;
  if (take.keys != KeysLeft::refuse && gone(m, *owner)) {
    claim(m, take, 0);
  } else {
    m.reply(take.client, Reply::error("ERR no answer from the owner of slot " + std::to_string(take.slot) +
                                      ", nothing was changed: try again"));
  }
  return true;
}

bool over(Machine& m, const OwnerWait& wait) {
  if (owner_of(m, wait.slot) == wait.owner) {
    m.reply(wait.client, Reply::ok());
    return true;
  }
  if (m.now < wait.limit) return false;
  m.reply(wait.client, Reply::error("ERR nobody has claimed slot " + std::to_string(wait.slot) + " yet"));
  return true;
}

void answer(Machine& m, const NodeId& to, std::uint64_t number, Verdict verdict, ClaimNumber held) {
  m.send(to, TakeAnswer{m.view.own_shard(), number, verdict, held});
}

void finish(Machine& m, const ReplicaWait& wait) {
  if (!wait.asker) return claim(m, wait.take, wait.claim);
  const auto& entry = m.log.slots().at(wait.take.slot);
  if (m.primary_here && entry.state == SlotState::handed_over)
    answer(m, *wait.asker, wait.question, Verdict::granted, entry.claim);
}

void wait_for_replica(Machine& m, ReplicaWait wait) {
  wait.offset = m.engine.report.offset;
  wait.limit = m.now + replica_limit;
  wait.next_ask = m.now;
  m.takes.replicas.push_back(std::move(wait));
}

void grant(Machine& m, const NodeId& to, std::uint64_t question, Slot slot) {
  for (auto& waits : m.takes.replicas) {  // asked again
    if (waits.asker != to || waits.take.slot != slot) continue;
    waits.question = question;
    return;
  }
  ReplicaWait wait;
  wait.take.slot = slot;
  wait.asker = to;
  wait.question = question;
  wait_for_replica(m, std::move(wait));
}

void step_replica_waits(Machine& m) {
  auto waits = std::exchange(m.takes.replicas, {});
  const auto peers = m.reachable_peers();
  for (auto& wait : waits) {
    if (peers.empty() || m.now >= wait.limit) {
      finish(m, wait);
      continue;
    }
    if (m.now >= wait.next_ask) {
      wait.next_ask = m.now + replica_interval;
      for (const auto& peer : peers) m.send(peer, OffsetQuestion{m.view.own_shard()});
    }
    m.takes.replicas.push_back(std::move(wait));
  }
}

bool owned_elsewhere(const Machine& m, Slot slot) {
  const auto owner = owner_of(m, slot);
  return owner && *owner != m.view.own_shard();
}

bool job_concerns(const Machine& m, Slot slot) {
  return std::any_of(m.slot_jobs.begin(), m.slot_jobs.end(), [&](const SlotJob& job) {
    return job.add[slot] || job.remove[slot] || (job.change && job.change->slot == slot);
  });
}

// As natively a slot finds its new owner also if only the old one was told: who imports it asks for it then.
void offer_handed_over(Machine& m) {
  auto& takes = m.takes;
  if (!m.primary_here || takes.handed_over.empty()) {
    takes.next_offer = Instant::never();
    return;
  }
  if (takes.next_offer == Instant::never()) takes.next_offer = m.now + offer_interval;
  if (m.now < takes.next_offer) return;
  takes.next_offer = m.now + offer_interval;
  for (const Slot slot : takes.handed_over) {
    const auto primary = m.view.primary_of(m.log.slots().at(slot).peer);
    if (primary && m.counts.keys[slot] == 0) m.send(*primary, TakeOffer{m.view.own_shard(), slot});
  }
}

}  // namespace

void take_slot(Machine& m, Take take) {
  m.takes.open.emplace(++m.takes.last_question, take);
  m.takes.next_ask = m.now;
}

void wait_for_owner(Machine& m, OwnerWait wait) { m.takes.waits.push_back(wait); }

void step_takes(Machine& m) {
  auto& takes = m.takes;
  if (m.now >= takes.disowned_until) takes.disowned.reset();
  step_replica_waits(m);
  offer_handed_over(m);
  std::erase_if(takes.waits, [&](const OwnerWait& wait) { return over(m, wait); });
  if (takes.open.empty()) {
    takes.next_ask = Instant::never();
    return;
  }
  if (m.now < takes.next_ask && !m.dirty) return;
  const bool ask = m.now >= takes.next_ask;
  for (auto it = takes.open.begin(); it != takes.open.end();) {
    const auto& [number, take] = *it;
    if (decided(m, take)) {
      it = takes.open.erase(it);
      continue;
    }
    const auto owner = owner_of(m, take.slot);
    const auto primary = m.view.primary_of(*owner);
    if (ask && primary) m.send(*primary, TakeQuestion{*owner, number, take.slot, take.keys});
    ++it;
  }
  if (ask) takes.next_ask = takes.open.empty() ? Instant::never() : m.now + ask_interval;
}

void end_takes(Machine& m, const std::string& reason) {
  for (const auto& [number, take] : m.takes.open) m.reply(take.client, Reply::error("ERR " + reason));
  for (const auto& wait : m.takes.waits) m.reply(wait.client, Reply::error("ERR " + reason));
  m.takes.waits.clear();
  for (const auto& wait : m.takes.replicas) m.reply(wait.take.client, Reply::error("ERR " + reason));
  m.takes.replicas.clear();
  m.takes.open.clear();
  m.takes.disowned.reset();
  m.takes.given_with_keys.reset();
}

void on_take_question(Machine& m, const NodeId& from, const TakeQuestion& question) {
  const auto* sender = m.view.member(from);
  if (!m.primary_here || sender == nullptr || question.shard != m.view.own_shard()) return;
  if (sender->shard == m.view.own_shard() || job_concerns(m, question.slot)) return;  // it asks again
  const auto& entry = m.log.slots().at(question.slot);
  if (moves_as_a_whole(m, question.slot)) {
    // It asks again, and the migration is over by then.
    if (question.keys == KeysLeft::go && end_open_export(m, question.slot)) return;
    return answer(m, from, question.number, Verdict::busy, entry.claim);
  }
  const auto say = [&](Verdict verdict) { answer(m, from, question.number, verdict, entry.claim); };
  switch (entry.state) {
    case SlotState::none:
    case SlotState::importing:
      return say(owned_elsewhere(m, question.slot) ? Verdict::not_owner : Verdict::unowned);
    case SlotState::fenced:
    case SlotState::taking_over: return say(Verdict::busy);
    case SlotState::handed_over:
      return entry.peer == sender->shard ? grant(m, from, question.number, question.slot)
                                         : say(Verdict::busy);
    case SlotState::active:
    case SlotState::migrating: break;
  }
  if (m.counts.keys[question.slot] != 0 && question.keys == KeysLeft::refuse) return say(Verdict::has_keys);
  SlotJob job;
  job.change = SlotChange{
      question.slot, {SlotState::handed_over, 0, sender->shard}, {SlotState::active, SlotState::migrating}};
  job.hand_over = HandOver{entry, question.keys, from, question.number};
  job.limit = m.now + job_limit;
  m.slot_jobs.push_back(std::move(job));
}

void on_take_offer(Machine& m, const NodeId& from, const TakeOffer& offer) {
  const auto* sender = m.view.member(from);
  if (!m.primary_here || sender == nullptr || sender->shard != offer.shard) return;
  const auto& entry = m.log.slots().at(offer.slot);
  if (entry.state != SlotState::importing || entry.peer != offer.shard || job_concerns(m, offer.slot)) return;
  const bool asked =
      std::ranges::any_of(m.takes.open, [&](const auto& take) { return take.second.slot == offer.slot; }) ||
      std::ranges::any_of(m.takes.replicas, [&](const auto& wait) { return wait.take.slot == offer.slot; });
  if (!asked) take_slot(m, Take{offer.slot, KeysLeft::refuse, std::nullopt, m.now + take_limit});
}

void on_handed_over(Machine& m, const SlotJob& job) {
  const auto& how = *job.hand_over;
  const auto slot = job.change->slot;
  const auto held = m.log.slots().at(slot).claim;
  if (m.counts.keys[slot] == 0 || how.keys != KeysLeft::refuse) {
    m.takes.given_with_keys[slot] = how.keys == KeysLeft::go;
    if (how.asker) grant(m, *how.asker, how.question, slot);
    return m.reply(job.client, Reply::ok());
  }
  // Written before the slot was closed: nobody was promised anything yet.
  SlotJob back;
  back.change = SlotChange{slot, how.before, {SlotState::handed_over}};
  back.limit = m.now + job_limit;
  m.slot_jobs.push_back(std::move(back));
  if (how.asker) answer(m, *how.asker, how.question, Verdict::has_keys, held);
  m.reply(job.client, Reply::error("ERR Can't assign hashslot " + std::to_string(slot) +
                                   " to a different node while I still hold keys for this hash slot."));
}

void on_replica_offset(Machine& m, const OffsetAnswer& said) {
  if (!said.synced) return;
  auto waits = std::exchange(m.takes.replicas, {});
  for (auto& wait : waits) {
    if (said.offset >= wait.offset) {
      finish(m, wait);
    } else {
      m.takes.replicas.push_back(std::move(wait));
    }
  }
}

void on_take_answer(Machine& m, const NodeId& from, const TakeAnswer& said) {
  const auto found = m.takes.open.find(said.number);
  const auto* sender = m.view.member(from);
  if (found == m.takes.open.end() || sender == nullptr || sender->shard != said.shard) return;
  const auto take = found->second;
  if (owner_of(m, take.slot) != said.shard) return;  // decided anew by what gossip says now
  switch (said.verdict) {
    case Verdict::granted:
    case Verdict::unowned: {
      m.takes.open.erase(found);
      ReplicaWait wait;
      wait.take = take;
      wait.claim = said.claim;
      return wait_for_replica(m, std::move(wait));
    }
    case Verdict::has_keys:
      m.takes.open.erase(found);
      return m.reply(take.client, Reply::error(keys_left(m, take.slot, said.shard)));
    case Verdict::busy:
      m.takes.open.erase(found);
      return m.reply(take.client, Reply::error("ERR Slot " + std::to_string(take.slot) +
                                               " is on its way to another shard, nothing was changed"));
    case Verdict::not_owner: return;  // its gossip is on its way here
  }
}

}  // namespace vswim::core
