// Changes of this shard's slots: the shard log first; after the settled commit the gossip projection, then
// the client's OK; and keys of slots lost for good go only after the log is clear of them (rule I21).
#include <algorithm>

#include "base/mutation.hpp"
#include "core/machine.hpp"
#include "core/slot_batch.hpp"

namespace vswim::core {

namespace {

constexpr Duration publish_limit = seconds(2);
constexpr Duration drop_look = milliseconds(5);  // at whether a slot's keys are gone

bool may_change(const SlotChange& change, const SlotEntry& entry) {
  return std::find(change.from.begin(), change.from.end(), entry.state) != change.from.end();
}

SlotEntry after(const Machine& m, const SlotJob& job, Slot slot, SlotEntry entry) {
  const auto claim = [&](ClaimNumber floor) {
    return next_claim(std::max({m.claim_seen(slot), entry.claim, floor}));
  };
  if (job.remove[slot] && entry.state != SlotState::none) {
    entry = job.lost_to ? lost(entry, *job.lost_to) : given_up(entry);
  }
  if (job.add[slot] && !state_owns(entry.state)) entry = {SlotState::active, claim(0), {}};
  if (!job.change || job.change->slot != slot || !may_change(*job.change, entry)) return entry;
  const auto& to = job.change->to;
  if (to.state == SlotState::none) return given_up(entry);
  const bool taken = state_owns(to.state) && !state_owns(entry.state);
  return {to.state, taken ? claim(to.claim) : entry.claim, to.peer};
}

contract::Batch batch_of(const Machine& m, const SlotJob& job) {
  auto touched = job.add | job.remove;
  if (job.change) touched.set(job.change->slot);
  return slot_batch(m, touched,
                    [&](Slot slot, const SlotEntry& entry) { return after(m, job, slot, entry); });
}

void finish(Machine& m, const SlotJob& job) {
  m.claims.yielding &= ~job.remove;
  if (job.lost_to) m.act(DropSlots{slot_list(job.remove)});
  if (job.compared) m.claims.next_ask = m.now;  // about those that another shard got meanwhile
  m.dirty = true;
  m.publish.due = true;
  if (job.hand_over) return on_handed_over(m, job);
  if (job.client) m.publish.replies.emplace_back(*job.client, m.now + publish_limit);
}

void give_up(Machine& m, const SlotJob& job, const std::string& reason) {
  m.reply(job.client, Reply::error("ERR " + reason));
}

// One that an atomic migration keeps from this job.
std::optional<Slot> migrating_slot(const Machine& m, const SlotJob& job) {
  if (job.change)
    return moves_as_a_whole(m, job.change->slot) ? std::optional(job.change->slot) : std::nullopt;
  if (job.compared || job.lost_to) return std::nullopt;  // the slot is another shard's, by a higher claim
  for (const Slot slot : slot_list(job.add | job.remove)) {
    if (migration_decides(m, slot)) return slot;
  }
  return std::nullopt;
}

// A slot that comes back must not find keys of its former stay: some of them may be deleted elsewhere since.
std::optional<Slot> unfinished_drop(const Machine& m, const SlotJob& job) {
  const auto waits = [&](Slot slot) { return m.counts.keys[slot] != 0 && is_lost(m.log.slots().at(slot)); };
  if (job.change) return waits(job.change->slot) ? std::optional(job.change->slot) : std::nullopt;
  for (const Slot slot : slot_list(job.add)) {
    if (waits(slot)) return slot;
  }
  return std::nullopt;
}

// The first job's log write; absent when it has been given up.
std::optional<contract::Batch> next_batch(Machine& m, const SlotJob& job) {
  if (!m.primary_here) {
    give_up(m, job, "this node is not the primary of its shard with a live lease, try again later");
    return std::nullopt;
  }
  if (job.change && !may_change(*job.change, m.log.slots().at(job.change->slot))) {
    give_up(m, job, "slot " + std::to_string(job.change->slot) + " changed meanwhile, try again");
    return std::nullopt;
  }
  if (const auto slot = unfinished_drop(m, job)) {
    give_up(m, job,
            "keys of slot " + std::to_string(*slot) +
                ", which another shard took, are still being removed, try again");
    return std::nullopt;
  }
  if (const auto slot = migrating_slot(m, job)) {
    give_up(m, job, "slot " + std::to_string(*slot) + std::string(being_migrated));
    return std::nullopt;
  }
  return batch_of(m, job);
}

}  // namespace

void run_slot_jobs(Machine& m) {
  while (!m.slot_jobs.empty() && !m.slot_job_in_flight && !m.in_transaction) {
    const auto& job = m.slot_jobs.front();
    // Claims are compared anew before keys go (rule I21).
    if (!m.primary_here && m.now < job.limit && !job.compared) return;
    const auto dropping = unfinished_drop(m, job);
    if (dropping && m.primary_here && m.now < job.limit) {
      m.slot_jobs_wait = m.now + drop_look;
      return;
    }
    auto batch = next_batch(m, job);
    if (batch && !batch->empty()) {
      m.slot_job_in_flight = m.next_ticket(SlotsOp{});
      m.operate(contract::UpdateShardLog{*m.slot_job_in_flight, std::move(*batch)});
      return;
    }
    const auto done = std::move(m.slot_jobs.front());
    m.slot_jobs.pop_front();
    if (batch) finish(m, done);
  }
}

void on_slots_done(Machine& m, const contract::Completed& done) {
  if (m.slot_job_in_flight != done.ticket) return;  // of a namespace that is gone
  m.slot_job_in_flight.reset();
  const bool stale = done.outcome == contract::Outcome::stale;
  // Computed from an older revision: once more from what is shown now.
  if (stale && m.now < m.slot_jobs.front().limit && !m.slot_jobs.front().compared) return;
  const auto job = std::move(m.slot_jobs.front());
  m.slot_jobs.pop_front();
  switch (done.outcome) {
    case contract::Outcome::ok: finish(m, job); break;
    case contract::Outcome::stale: give_up(m, job, "the shard's log changed meanwhile, try again"); break;
    case contract::Outcome::failed:
      give_up(m, job, "the shard's log refused the change: " + done.text);
      break;
    case contract::Outcome::unknown:
      give_up(m, job,
              "the change may or may not have been committed (" + done.text + "), look at CLUSTER NODES");
      break;
  }
}

void drop_lost_keys(Machine& m) {
  if (!m.primary_here || !VSWIM_RULE(lost_keys)) return;
  SlotSet left = slots_where(m, with_keys(m, ~SlotSet{}), is_lost);
  for (const Slot slot : slot_list(left)) {
    const auto written = m.log.revision(slots_key(bucket_of(slot)));
    if (!written || !m.log.is_settled(*written)) left.reset(slot);
  }
  if (left.any()) m.act(DropSlots{slot_list(left)});
}

bool migration_decides(const Machine& m, Slot slot) {
  const auto state = m.log.slots().at(slot).state;
  return state == SlotState::fenced || state == SlotState::taking_over;
}

bool moves_as_a_whole(const Machine& m, Slot slot) {
  if (migration_decides(m, slot)) return true;
  const auto& jobs = m.log.exports();
  return std::any_of(jobs.begin(), jobs.end(), [&](const auto& job) { return job.second.value.slots[slot]; });
}

SlotEntry planned_entry(const Machine& m, Slot slot) {
  auto entry = m.log.slots().at(slot);
  for (const auto& job : m.slot_jobs) entry = after(m, job, slot, entry);
  return entry;
}

void end_slot_jobs(Machine& m, const std::string& reason) {
  for (const auto& job : m.slot_jobs) give_up(m, job, reason);
  m.slot_jobs.clear();
  m.slot_job_in_flight.reset();
}

}  // namespace vswim::core
