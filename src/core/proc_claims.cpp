// Conflicting claims (design 1, section 5). Gossip shows that two shards claim a slot; their primaries
// compare directly. Only the lower, having the higher one's answer from its committed log, clears its own log
// and only then drops the keys. Without an answer it keeps serving and keeps the keys. Claims over empty
// slots yield to a cluster that is joined.
#include <algorithm>

#include "core/machine.hpp"
#include "core/slot_batch.hpp"

namespace vswim::core {

namespace {

constexpr Duration ask_interval = seconds(1);
constexpr Duration job_limit = seconds(10);
constexpr std::size_t ranges_named_max = 8;

// Own slots that another shard with members publishes under a higher claim, by that shard.
std::map<ShardId, SlotSet> outranked(const Machine& m) {
  std::map<ShardId, SlotSet> found;
  const auto& own = m.view.own_shard();
  for (const auto& [shard, meta] : m.view.shard_metas()) {
    if (shard == own || m.view.members_of(shard).empty()) continue;
    for (const auto& [bucket, ranges] : meta.slots) {
      if (m.log.slots().bucket(bucket) == nullptr) continue;
      for (const auto& claimed : ranges) {
        for (std::uint32_t n = claimed.range.first; n <= claimed.range.last; ++n) {
          const auto slot = static_cast<Slot>(n);
          const auto& entry = m.log.slots().at(slot);
          if (state_owns(entry.state) && outranks({claimed.claim, shard}, {entry.claim, own})) {
            found[shard].set(slot);
          }
        }
      }
    }
  }
  return found;
}

SlotSet slots_claimed_by_others(const contract::JoinReview& review, const ShardId& own) {
  std::set<ShardId> present;
  for (const auto& member : review.members) present.insert(member.shard);
  SlotSet slots;
  for (const auto& reg : review.registers) {
    const auto key = parse_key(reg.key);
    const auto* of_slots = key ? std::get_if<ShardSlotsKey>(&*key) : nullptr;
    if (of_slots == nullptr || !reg.value || of_slots->shard == own || present.count(of_slots->shard) == 0) {
      continue;
    }
    const auto ranges = parse_claimed(of_slots->bucket, *reg.value);
    if (!ranges) continue;
    for (const auto& claimed : *ranges) {
      for (std::uint32_t slot = claimed.range.first; slot <= claimed.range.last; ++slot) slots.set(slot);
    }
  }
  return slots;
}

SlotSet handed_over(const Machine& m) {
  SlotSet slots;
  for (const auto& range : runs(m.log.slots().owned())) {
    for (std::uint32_t n = range.first; n <= range.last; ++n)
      slots[n] = m.log.slots().at(static_cast<Slot>(n)).state == SlotState::handed_over;
  }
  return slots;
}

// Slots that an operator moves key by key go without their keys: what is left here was not moved yet.
void give_up_slots(Machine& m, SlotJob job, const ShardId& winner) {
  for (const auto& other : m.slot_jobs) job.remove &= ~other.remove;
  if (job.remove.none()) return;
  job.compared = true;
  job.limit = m.now + job_limit;
  const auto slots = slots_text(job.remove, ranges_named_max);
  const auto to = " to shard " + winner.hex().substr(0, 8);
  const auto left = with_keys(m, job.remove);
  if (job.lost_to) {
    m.note(NoteLevel::warning, "giving up slots " + slots + to + ", whose log holds the higher claim");
  } else if (left.any()) {
    m.note(NoteLevel::warning, "slots " + slots_text(left, ranges_named_max) + " went" + to +
                                   " before all of their keys were moved: the keys stay here, not served");
  } else {
    m.note(NoteLevel::debug, "slots " + slots + " went" + to);
  }
  m.slot_jobs.push_back(std::move(job));
}

}  // namespace

void check_claims(Machine& m) {
  if (!m.primary_here) {
    m.claims.next_ask = Instant::never();
    return;
  }
  const auto lost = outranked(m);
  if (lost.empty()) {
    m.claims.next_ask = Instant::never();
    m.claims.disputed_noted.reset();
    return;
  }
  if (m.claims.next_ask != Instant::never() && m.now < m.claims.next_ask) return;
  m.claims.next_ask = m.now + ask_interval;
  for (const auto& [shard, slots] : lost) {
    const auto primary = m.view.primary_of(shard);
    if ((slots & ~m.claims.disputed_noted & ~handed_over(m)).any()) {
      m.note(NoteLevel::warning, "slots " + slots_text(slots, ranges_named_max) +
                                     " are also claimed by shard " + shard.hex().substr(0, 8) +
                                     " with a higher claim; asking its primary");
      m.claims.disputed_noted |= slots;
    }
    if (primary) m.send(*primary, ClaimQuestion{shard, slots});
  }
}

void on_claim_question(Machine& m, const NodeId& from, const ClaimQuestion& question) {
  if (!m.primary_here || question.shard != m.view.own_shard())
    return;  // no answer is better than a wrong one
  const auto& slots = m.log.slots();
  ClaimAnswer answer{question.shard, {}};
  for (const auto& range : runs(
           0, slot_count - 1,
           [&](Slot slot) {
             return question.slots[slot] && m.log.slot_right(slot) && !m.claims.yielding[slot];
           },
           [&](Slot a, Slot b) { return slots.at(a).claim == slots.at(b).claim; })) {
    answer.held.push_back({range, slots.at(range.first).claim});
  }
  m.send(from, answer);
}

void on_claim_answer(Machine& m, const NodeId& from, const ClaimAnswer& answer) {
  const auto* sender = m.view.member(from);
  if (!m.primary_here || sender == nullptr || sender->shard != answer.shard) return;
  if (answer.shard == m.view.own_shard()) return;
  SlotJob job, kept;
  for (const auto& claimed : answer.held) {
    for (std::uint32_t n = claimed.range.first; n <= claimed.range.last; ++n) {
      const auto& entry = m.log.slots().at(static_cast<Slot>(n));
      if (!state_owns(entry.state)) continue;
      if (!outranks({claimed.claim, answer.shard}, {entry.claim, m.view.own_shard()})) continue;
      const bool moved = (entry.state == SlotState::migrating || entry.state == SlotState::handed_over) &&
                         !m.takes.given_with_keys[n];
      (moved ? kept : job).remove.set(n);
    }
  }
  linger(m, job.remove | kept.remove);
  job.lost_to = answer.shard;
  give_up_slots(m, std::move(job), answer.shard);
  give_up_slots(m, std::move(kept), answer.shard);
}

void review_join(Machine& m, const contract::JoinReview& review) {
  const auto disputed = m.log.slots().owned() & slots_claimed_by_others(review, m.view.own_shard());
  const auto holding = with_keys(m, disputed);
  if (holding.any()) {
    m.operate(contract::JoinVerdict{review.ticket, false,
                                    "slots " + slots_text(holding, ranges_named_max) +
                                        " are served by that cluster and hold keys here: nothing was "
                                        "changed; move or delete the keys first"});
    return;
  }
  m.claims.yield_until = m.now + job_limit;
  m.claims.yielding =
      disputed;  // not served from here on, so that no key can slip in before the log is cleared
  m.dirty = true;
  m.operate(contract::JoinVerdict{review.ticket, true, ""});
}

void end_yielding(Machine& m) {
  m.claims.yielding.reset();
  m.claims.yield_until = Instant::never();
  m.dirty = true;
}

void yield_after_join(Machine& m) {
  m.claims.yield_until = Instant::never();
  if (m.claims.yielding.none()) return;
  SlotJob job;
  job.remove = m.claims.yielding;
  job.limit = m.now + job_limit;
  m.note(NoteLevel::notice,
         "slots " + slots_text(job.remove, ranges_named_max) +
             " are empty here and served by the cluster just joined: giving up the claims");
  m.slot_jobs.push_back(std::move(job));
}

}  // namespace vswim::core
