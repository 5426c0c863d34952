// Changes of this shard's slots: the shard log first; after the settled commit the gossip projection, then
// the client's OK; and keys of slots lost for good go only after the log is clear of them (rule I21).
#include <algorithm>

#include "core/machine.hpp"

namespace vswim::core {

namespace {

constexpr Duration publish_limit = seconds(2);

Bucket changed_bucket(const Machine& m, const SlotJob& job, std::uint16_t bucket) {
  const auto* present = m.log.slots().bucket(bucket);
  Bucket entries = present != nullptr ? *present : Bucket{};
  for (std::uint16_t i = 0; i < bucket_slots; ++i) {
    const Slot slot = bucket_first(bucket) + i;
    auto& entry = entries[i];
    if (job.remove[slot]) entry = SlotEntry{};
    if (job.add[slot] && !state_owns(entry.state)) {
      entry = {SlotState::active, next_claim(std::max(m.view.claim_seen(slot), entry.claim)), {}};
    }
  }
  return entries;
}

contract::Batch batch_of(const Machine& m, const SlotJob& job) {
  contract::Batch batch;
  const auto touched = job.add | job.remove;
  for (std::uint16_t b = 0; b < bucket_count; ++b) {
    bool any = false;
    for (std::uint16_t i = 0; i < bucket_slots && !any; ++i) any = touched[bucket_first(b) + std::size_t{i}];
    if (!any) continue;
    const auto entries = changed_bucket(m, job, b);
    const auto* present = m.log.slots().bucket(b);
    if (entries == (present != nullptr ? *present : Bucket{})) continue;
    const auto text = bucket_text(b, entries);
    const auto key = slots_key(b);
    batch.push_back({key, text.empty() ? std::nullopt : std::optional(text), m.log.revision(key)});
  }
  return batch;
}

void finish(Machine& m, const SlotJob& job) {
  m.claims.yielding &= ~job.remove;
  if (job.drop_keys) {
    DropSlots drop;
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
      if (job.remove[slot]) drop.slots.push_back(static_cast<Slot>(slot));
    }
    m.act(std::move(drop));
  }
  if (job.client) m.publish.replies.emplace_back(*job.client, m.now + publish_limit);
  m.dirty = true;
  m.publish.due = true;
}

void give_up(Machine& m, const SlotJob& job, const std::string& reason) {
  m.reply(job.client, Reply::error("ERR " + reason));
}

}  // namespace

void run_slot_jobs(Machine& m) {
  while (!m.slot_jobs.empty() && !m.slot_job_in_flight) {
    const auto& job = m.slot_jobs.front();
    if (!m.primary_here) {
      if (m.now < job.limit && !job.drop_keys) return;  // claims are compared anew before keys go (rule I21)
      give_up(m, job, "this node is not the primary of its shard with a live lease, try again later");
      m.slot_jobs.pop_front();
      continue;
    }
    auto batch = batch_of(m, job);
    if (batch.empty()) {
      finish(m, job);
      m.slot_jobs.pop_front();
      continue;
    }
    m.slot_job_in_flight = m.next_ticket(SlotsOp{});
    m.operate(contract::UpdateShardLog{*m.slot_job_in_flight, std::move(batch)});
  }
}

void on_slots_done(Machine& m, const contract::Completed& done) {
  if (m.slot_job_in_flight != done.ticket) return;  // of a namespace that is gone
  m.slot_job_in_flight.reset();
  const auto job = m.slot_jobs.front();
  switch (done.outcome) {
    case contract::Outcome::ok:
      finish(m, job);
      m.slot_jobs.pop_front();
      break;
    case contract::Outcome::stale:  // computed from an older revision: once more from what is shown now
      if (m.now < job.limit && !job.drop_keys) break;
      give_up(m, job, "the shard's log changed meanwhile, try again");
      m.slot_jobs.pop_front();
      break;
    case contract::Outcome::failed:
      give_up(m, job, "the shard's log refused the change: " + done.text);
      m.slot_jobs.pop_front();
      break;
    case contract::Outcome::unknown:
      give_up(m, job,
              "the change may or may not have been committed (" + done.text + "), look at CLUSTER NODES");
      m.slot_jobs.pop_front();
      break;
  }
}

void end_slot_jobs(Machine& m, const std::string& reason) {
  for (const auto& job : m.slot_jobs) give_up(m, job, reason);
  m.slot_jobs.clear();
  m.slot_job_in_flight.reset();
}

}  // namespace vswim::core
