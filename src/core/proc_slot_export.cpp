// Slots that leave this shard (design 1, section 5, "Atomic slot migration"): the source's half. The log's
// register export:<job> is the whole truth of a migration here; it exists from CLUSTER MIGRATESLOTS until it
// is over. While it says nothing of a fence the source may end it at any time by deleting it: that is the
// committed refusal. Once it is fenced only the target's committed word ends it: done (the slots leave this
// log, then their keys go) or abandoned (they are ACTIVE again). Nothing is acted upon before it is settled.
#include <algorithm>
#include <utility>

#include "core/migration_steps.hpp"
#include "core/slot_batch.hpp"

namespace vswim::core {

namespace {

constexpr Duration offer_interval = milliseconds(500);
constexpr Duration alive_interval = milliseconds(500);
constexpr Duration retry_after = milliseconds(100);
constexpr Duration progress_limit = seconds(60);  // of an attempt that goes nowhere, before the fence
constexpr Duration fence_limit = seconds(3);      // then the target is asked to abandon
constexpr Duration abandon_interval = milliseconds(300);
constexpr std::uint64_t close_bytes = 256 * 1024;  // so little is left when the fence goes up
constexpr std::size_t pull_bytes = 256 * 1024;
constexpr Duration pull_interval = milliseconds(10);  // once the engine had no more

bool is_fenced_for(const SlotEntry& entry, const ShardId& target) {
  return entry.state == SlotState::fenced && entry.peer == target;
}

SlotSet fenced_slots(const Machine& m, const ExportRegister& reg) {
  return slots_where(m, reg.slots, [&](const SlotEntry& entry) { return is_fenced_for(entry, reg.target); });
}

void end_attempt(Machine& m, ExportJob& job) {
  if (job.transfer != 0) m.act(EndExport{job.transfer});
  job.session = 0;
  job.transfer = 0;
  job.stream = StreamSender();
  job.pulling = job.drained = job.ready = job.end_told = job.pause_asked = job.at_pause = false;
  job.first_whole.reset();
  job.keys = 0;
}

void write(Machine& m, const JobId& id, ExportJob& job, contract::Batch batch) {
  job.log.in_flight = m.next_ticket(MigrationOp{id, false, {}, {}});
  m.operate(contract::UpdateShardLog{*job.log.in_flight, std::move(batch)});
}

contract::Write close_register(const Machine& m, const JobId& id) {
  const auto key = export_key(id);
  return {key, std::nullopt, m.log.revision(key)};
}

// Also behind the fence: to a target whose attempt is not this primary's.
void offer(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job) {
  if (job.session != 0 || m.now < job.next_offer) return;
  job.next_offer = m.now + offer_interval;
  if (const auto primary = m.view.primary_of(reg.target))
    m.send(*primary, MigrationOffer{m.view.own_shard(), id, reg.slots});
}

// ---- before the fence ----

void raise_fence(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job) {
  auto batch = slot_batch(m, reg.slots, [&](Slot, const SlotEntry& entry) {
    return SlotEntry{SlotState::fenced, entry.claim, reg.target};
  });
  auto fenced = reg;
  fenced.fenced = true;
  const auto key = export_key(id);
  batch.push_back({key, export_text(fenced), m.log.revision(key)});
  tell_migration(m, id, false, "waiting-to-pause", "");
  write(m, id, job, std::move(batch));
}

// All of it is FAIL: a target that was never heard of need not be waited for.
bool nobody_there(const Machine& m, const ShardId& shard) {
  return std::ranges::all_of(m.view.members_of(shard), [&](const NodeId& id) {
    return m.view.member(id)->health == contract::Health::fail;
  });
}

void step_open(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job) {
  const auto mine =
      slots_where(m, reg.slots, [](const SlotEntry& e) { return e.state == SlotState::active; });
  if (mine != reg.slots && job.reason.empty()) job.reason = "slots of it are not this shard's any more";
  if (m.view.members_of(reg.target).empty() && job.reason.empty()) job.reason = "the target shard is gone";
  if (job.puller == NodeId{} && nobody_there(m, reg.target) && job.reason.empty())
    job.reason = "Unable to connect to target node: Connection refused, nobody of its shard is alive";
  if (m.now >= job.heard_at + m.settings.migration_silence && job.reason.empty())
    job.reason = "Timed out after too long with no interaction";
  if (job.at_pause) job.progress_at = m.now;
  if (m.now >= job.progress_at + progress_limit && job.reason.empty())
    job.reason = "the target made no progress for " + std::to_string(progress_limit.ms() / 1'000) + " s";
  if (!job.reason.empty()) {
    if (job.session != 0) end_attempt(m, job);
    if (job.log.free(m.now)) write(m, id, job, {close_register(m, id)});
    return;
  }
  offer(m, id, reg, job);
  if (job.ready && job.log.free(m.now)) raise_fence(m, id, reg, job);
}

// ---- behind the fence ----

void ask_to_abandon(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job) {
  if (!job.fenced_at || m.now < *job.fenced_at + fence_limit || m.now < job.next_abandon) return;
  job.next_abandon = m.now + abandon_interval;
  if (job.abandon_nonce == 0) {
    job.abandon_nonce = m.rng.below(1'000'000'000'000) + 1;
    tell_migration(m, id, false, "failover-paused", "the target takes long: it is asked to give up");
  }
  end_attempt(m, job);
  if (const auto primary = m.view.primary_of(reg.target)) {
    m.send(*primary, MigrationAbandon{m.view.own_shard(), id, job.abandon_nonce, reg.slots});
  }
}

void step_fenced(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job) {
  if (!job.fenced_at) job.fenced_at = m.now;
  if (job.cancelled) *job.fenced_at = std::min(*job.fenced_at, m.now - fence_limit);
  if (fenced_slots(m, reg).none()) {  // taken: the log is clear of them
    end_attempt(m, job);
    job.reason = "";
    if (job.log.free(m.now)) write(m, id, job, {close_register(m, id)});
    return;
  }
  if (job.abandon_nonce == 0)
    tell_migration(m, id, false, job.end_told ? "failover-granted" : "failover-paused", "");
  ask_to_abandon(m, id, reg, job);
}

// ---- the copy ----

void pay(Machine& m) {
  const auto rate = m.settings.migration_bytes_per_second;
  const auto elapsed = std::min(m.now - m.migrations.paid_at, milliseconds(100));
  m.migrations.paid_at = m.now;
  m.migrations.budget = std::min(m.migrations.budget + rate * (elapsed.ns / 1'000) / 1'000'000, rate / 10);
}

void send(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job, bool settled) {
  const bool final = reg.fenced && settled && job.drained && job.abandon_nonce == 0;
  const auto total = final ? std::optional(job.stream.end()) : std::nullopt;
  const auto message = [&](std::uint64_t offset, std::string bytes) {
    m.send(job.puller, MigrationData{m.view.own_shard(), id, job.session, offset, total, std::move(bytes)});
    job.next_alive = m.now + (final ? alive_interval / 5 : alive_interval);
  };
  // Behind the fence clients wait: nothing is throttled.
  while (reg.fenced || m.settings.migration_bytes_per_second == 0 || m.migrations.budget > 0) {
    auto chunk = job.stream.next(m.now);
    if (!chunk) break;
    m.migrations.budget -= static_cast<std::int64_t>(chunk->bytes.size());
    message(chunk->offset, std::move(chunk->bytes));
  }
  const bool news = total && !std::exchange(job.end_told, true);
  if (news || m.now >= job.next_alive) message(job.stream.end() - job.stream.unsent(), "");
}

void pull(Machine& m, const ExportRegister& reg, ExportJob& job, bool settled) {
  if (job.pulling || !job.stream.wants_more()) return;
  if (job.drained && reg.fenced && settled) return;  // everything that will ever be
  if (reg.fenced && !settled) return;                // commands may still change what the fence will hold
  if (job.ready || (job.drained && job.stream.unapplied() > close_bytes / 2)) return;
  if (!reg.fenced && m.now < job.next_pull) {
    m.migrations.wake = std::min(m.migrations.wake, job.next_pull);
    return;
  }
  job.pulling = true;
  job.drained = false;
  m.act(PullExport{job.transfer, pull_bytes, reg.fenced});
}

void copy(Machine& m, const JobId& id, const ExportRegister& reg, ExportJob& job, bool settled) {
  if (job.session == 0) {
    if (reg.fenced && settled && job.abandon_nonce == 0) offer(m, id, reg, job);
    return;
  }
  // What was drained before the fence was not everything.
  if (reg.fenced && job.ready) job.ready = job.drained = false;
  pull(m, reg, job, settled);
  send(m, id, reg, job, settled);
  auto& record = migration_record(m, id, false);
  record.remaining_bytes = job.stream.unapplied();
  if (!reg.fenced) {
    const bool whole = job.first_whole.has_value();
    tell_migration(m, id, false,
                   job.at_pause ? "waiting-to-pause"
                   : whole      ? "streaming"
                                : "snapshotting",
                   std::to_string(job.keys) + " keys sent");
  }
  m.migrations.wake = std::min({m.migrations.wake, job.next_alive, job.stream.resend_at()});
  if (job.stream.unsent() > 0 && m.settings.migration_bytes_per_second != 0)
    m.migrations.wake = std::min(m.migrations.wake, m.now + milliseconds(5));
}

void tell_gone(Machine& m, const NodeId& to, const JobId& id) {
  m.send(to, MigrationGone{m.view.own_shard(), id});
}

void finish(Machine& m, const JobId& id, ExportJob& job) {
  end_attempt(m, job);
  auto& record = migration_record(m, id, false);
  if (record.over) return;
  record.remaining_bytes = 0;
  if (job.reason.empty() && job.fenced_at) return tell_migration(m, id, false, "success", "");
  tell_migration(m, id, false, job.cancelled ? "cancelled" : "failed", job.reason);
  if (record.target != NodeId{}) tell_gone(m, record.target, id);  // it would ask, but only after a while
}

// The log's word about a job, and whether it may be acted upon.
struct Known {
  const ExportRegister& reg;
  bool settled = false;
};

std::optional<Known> known_export(const Machine& m, const JobId& id) {
  const auto found = m.log.exports().find(id);
  if (found == m.log.exports().end()) return std::nullopt;
  return Known{found->second.value, m.log.is_settled(found->second.revision)};
}

// Who cancelled waits for what has not been fenced to be over.
void answer_cancels(Machine& m) {
  std::erase_if(m.migrations.cancels, [&](CancelWait& wait) {
    std::erase_if(wait.jobs, [&](const JobId& id) {
      const auto found = m.migrations.exports.find(id);
      return found == m.migrations.exports.end() || found->second.fenced_at;
    });
    if (wait.jobs.empty()) m.reply(wait.ticket, Reply::ok());
    return wait.jobs.empty();
  });
}

}  // namespace

namespace {

void tell_that_another_has_them(Machine& m) {
  for (const auto& record : m.migrations.records) {
    if (record.import || record.over) continue;
    tell_migration(m, record.job, false, "failed",
                   "Slots are no longer owned by myself: the shard's primary is another");
  }
}

}  // namespace

void step_exports(Machine& m) {
  auto& jobs = m.migrations.exports;
  if (!m.primary_here) {
    for (auto& [id, job] : jobs) end_attempt(m, job);
    jobs.clear();
    for (const auto& wait : std::exchange(m.migrations.cancels, {}))
      m.reply(wait.ticket,
              Reply::error("ERR this node is not primary now, nothing is known to be cancelled"));
    if (m.is_replica_role()) tell_that_another_has_them(m);
    return;
  }
  pay(m);
  for (auto it = jobs.begin(); it != jobs.end();) {
    if (known_export(m, it->first)) {
      ++it;
      continue;
    }
    finish(m, it->first, it->second);
    it = jobs.erase(it);
  }
  answer_cancels(m);
  for (const auto& [id, logged] : m.log.exports()) {
    const auto& reg = logged.value;
    const bool settled = m.log.is_settled(logged.revision);
    auto [found, fresh] = jobs.try_emplace(id);
    auto& job = found->second;
    if (fresh) {
      job.progress_at = job.heard_at = m.now;
      if (m.migrations.ends_inherited && !reg.fenced) job.reason = "the shard was failed over by hand";
      auto& record = migration_record(m, id, false);
      record.slots = reg.slots;
      record.source = m.view.self();
      record.target = m.view.primary_of(reg.target).value_or(NodeId{});
      if (record.state.empty()) tell_migration(m, id, false, "connecting", "");
    }
    if (settled) reg.fenced ? step_fenced(m, id, reg, job) : step_open(m, id, reg, job);
    copy(m, id, reg, job, settled);
    m.migrations.wake = std::min(m.migrations.wake, m.now + milliseconds(200));
  }
}

void on_exported(Machine& m, TransferId transfer, std::vector<MovedKey> keys, bool drained) {
  for (auto& [id, job] : m.migrations.exports) {
    if (job.transfer != transfer || transfer == 0) continue;
    job.pulling = false;
    job.drained = drained;
    std::size_t bytes = 0;
    for (const auto& key : keys) {
      job.stream.append(key);
      bytes += key.name.size() + (key.payload ? key.payload->size() : 0);
    }
    job.keys += keys.size();
    const auto known = known_export(m, id);
    const bool open = known && !known->reg.fenced;
    job.next_pull = m.now + pull_interval;
    if (open && !job.first_whole && !keys.empty() && m.settings.migration_key_delay > Duration{}) {
      job.drained = drained = false;
      job.next_pull = m.now + m.settings.migration_key_delay * static_cast<std::int64_t>(keys.size());
    }
    if (drained && !job.first_whole) job.first_whole = job.stream.end();
    const bool keeps_up = drained && job.stream.applied() >= *job.first_whole;
    const bool close = open && keeps_up && job.stream.unapplied() <= close_bytes;
    if (close && !m.migrations.holds.pause) job.ready = true;
    if (close && m.migrations.holds.pause && !std::exchange(job.pause_asked, true)) job.next_alive = m.now;
    if (bytes > 0) job.progress_at = m.now;
  }
}

// Before the fence that ends it, as natively; behind it the copy is made anew.
void on_export_flushed(Machine& m) {
  for (auto& [id, job] : m.migrations.exports) {
    const auto known = known_export(m, id);
    if (known && !known->reg.fenced && job.reason.empty()) job.reason = "Data was flushed";
    if (job.session == 0) continue;
    end_attempt(m, job);
    job.next_offer = m.now;  // which tells the target
  }
}

void on_pull(Machine& m, const NodeId& from, const MigrationPull& pull) {
  if (!m.primary_here || !m.speaks_for_another(from, pull.shard)) return;
  const auto known = known_export(m, pull.job);
  if (!known) return tell_gone(m, from, pull.job);
  const auto found = m.migrations.exports.find(pull.job);
  if (!known->settled || known->reg.target != pull.shard || found == m.migrations.exports.end()) return;
  auto& job = found->second;
  // Who has been asked to abandon gets nothing more to complete with.
  if (job.session == pull.session || job.abandon_nonce != 0 || !job.reason.empty()) return;
  end_attempt(m, job);
  job.session = pull.session;
  job.puller = from;
  job.heard_at = m.now;
  job.transfer = ++m.migrations.last_transfer;
  job.next_alive = m.now;
  m.act(BeginExport{job.transfer, slot_list(known->reg.slots)});
}

void on_ack(Machine& m, const NodeId& from, const MigrationAck& ack) {
  const auto found = m.migrations.exports.find(ack.job);
  if (found == m.migrations.exports.end() || found->second.session != ack.session ||
      from != found->second.puller)
    return;
  auto& job = found->second;
  const auto before = job.stream.unapplied();
  job.stream.acknowledged(m.now, ack.received, ack.applied);
  if (job.stream.unapplied() < before) job.progress_at = m.now;
  job.heard_at = m.now;
  if (job.pause_asked && ack.applied == job.stream.end()) job.at_pause = true;
  acknowledge_migration(m, ack.job, false);
}

void on_target_refusal(Machine& m, const NodeId& from, const MigrationRefusal& refusal) {
  if (!m.primary_here || !m.speaks_for_another(from, refusal.shard)) return;
  const auto known = known_export(m, refusal.job);
  if (!known) return tell_gone(m, from, refusal.job);
  const auto found = m.migrations.exports.find(refusal.job);
  if (!known->settled || known->reg.target != refusal.shard || found == m.migrations.exports.end()) return;
  auto& job = found->second;
  if (job.reason.empty() && job.abandon_nonce == 0)
    job.reason = "Connection lost to target: " + refusal.reason;
  if (known->reg.fenced && job.fenced_at) *job.fenced_at = std::min(*job.fenced_at, m.now - fence_limit);
}

void on_abandoned(Machine& m, const NodeId& from, const MigrationAbandoned& answer) {
  if (!m.primary_here || !m.speaks_for_another(from, answer.shard)) return;
  const auto known = known_export(m, answer.job);
  const auto found = m.migrations.exports.find(answer.job);
  if (!known || !known->settled || !known->reg.fenced || known->reg.target != answer.shard) return;
  if (found == m.migrations.exports.end()) return;
  auto& job = found->second;
  if (job.abandon_nonce == 0 || job.abandon_nonce != answer.nonce || !job.log.free(m.now)) return;
  if (job.reason.empty()) job.reason = "Unpaused before migration completed: the target gave up";
  auto batch = slot_batch(m, known->reg.slots, [&](Slot, const SlotEntry& entry) {
    return is_fenced_for(entry, known->reg.target) ? SlotEntry{SlotState::active, entry.claim, {}} : entry;
  });
  batch.push_back(close_register(m, answer.job));
  write(m, answer.job, job, std::move(batch));
}

void on_done(Machine& m, const NodeId& from, const MigrationDone& done) {
  if (!m.primary_here || !m.speaks_for_another(from, done.shard)) return;
  const auto known = known_export(m, done.job);
  if (!known) return tell_gone(m, from, done.job);
  if (!known->settled || !known->reg.fenced || known->reg.target != done.shard) return;
  SlotJob job;
  job.remove = fenced_slots(m, known->reg);
  m.migrations.handed[done.shard] |= job.remove;
  linger(m, job.remove);
  for (const auto& other : m.slot_jobs) job.remove &= ~other.remove;
  if (job.remove.none()) return;
  job.lost_to = done.shard;
  job.limit = m.now + seconds(10);
  m.slot_jobs.push_back(std::move(job));
}

bool end_open_export(Machine& m, Slot slot) {
  for (auto& [id, job] : m.migrations.exports) {
    const auto known = known_export(m, id);
    if (!known || known->reg.fenced || !known->reg.slots[slot]) continue;
    if (job.reason.empty()) job.reason = "Slots are no longer owned by myself";
    return true;
  }
  return false;
}

void on_export_written(Machine& m, const MigrationOp& op, const contract::Completed& done) {
  const auto found = m.migrations.exports.find(op.job);
  if (found == m.migrations.exports.end() || found->second.log.in_flight != done.ticket) return;
  found->second.log.in_flight.reset();
  if (done.outcome != contract::Outcome::ok) found->second.log.retry_at = m.now + retry_after;
}

}  // namespace vswim::core
