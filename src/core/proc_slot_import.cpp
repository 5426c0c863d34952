// Slots that come to this shard: the target's half of an atomic migration, and the one that decides. The
// register import:<job> says how far it is: taking (the slots are TAKING_OVER, not served), done (they are
// ACTIVE under a higher claim) or abandoned (never again). It is deleted only once the source's settled log
// has no such job any more, so a late message finds the answer. The copy is kept in the data set, unserved;
// whatever goes wrong with it, it is made anew from the beginning.
#include <algorithm>

#include "base/mutation.hpp"
#include "core/migration_steps.hpp"
#include "core/slot_batch.hpp"

namespace vswim::core {

namespace {

constexpr Duration pull_interval = milliseconds(500);
constexpr Duration silence_limit = seconds(2);  // of the source, before the copy begins anew
constexpr Duration tell_interval = milliseconds(300);
constexpr Duration drop_interval = seconds(1);
constexpr Duration retry_after = milliseconds(100);
constexpr Duration replica_patience = seconds(10);  // while nobody waits
constexpr Duration replicate_limit = seconds(1);  // behind the fence: longer means a link that was just lost
constexpr Duration offset_interval = milliseconds(30);
constexpr Duration offset_interval_fenced = milliseconds(3);

// The log's word about a job, and whether it may be acted upon.
struct Known {
  const ImportRegister& reg;
  bool settled = false;
};

std::optional<Known> known_import(const Machine& m, const JobId& id) {
  const auto found = m.log.imports().find(id);
  if (found == m.log.imports().end()) return std::nullopt;
  return Known{found->second.value, m.log.is_settled(found->second.revision)};
}

void write(Machine& m, const JobId& id, ImportJob& job, contract::Batch batch) {
  job.log.in_flight = m.next_ticket(MigrationOp{id, true, {}, {}});
  m.operate(contract::UpdateShardLog{*job.log.in_flight, std::move(batch)});
}

contract::Write register_write(const Machine& m, const JobId& id, const std::optional<ImportRegister>& reg) {
  const auto key = import_key(id);
  return {key, reg ? std::optional(import_text(*reg)) : std::nullopt, m.log.revision(key)};
}

SlotSet taking(const Machine& m, const ImportRegister& reg) {
  return slots_where(m, reg.slots, [&](const SlotEntry& entry) {
    return entry.state == SlotState::taking_over && entry.peer == reg.source;
  });
}

// The slots are nobody's here again, and the register says so until nobody asks and the copy is gone.
void give_up(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  job.ended_because = job.error.empty() ? "Connection lost to source: it has ended the migration" : job.error;
  auto batch = slot_batch(m, taking(m, reg), [](Slot, const SlotEntry& entry) { return given_up(entry); });
  auto after = reg;
  after.stage = ImportStage::abandoned;
  batch.push_back(register_write(m, id, after));
  write(m, id, job, std::move(batch));
}

std::uint64_t draw_session(Machine& m) { return m.rng.below(1'000'000'000'000) + 1; }

// The attempt's number is written first: from then on no ACTIVE that an earlier attempt, of this primary or
// of one before it, may still have proposed can commit, and only then the slots may be emptied.
void begin_attempt(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  const auto log = job.log;
  const auto contact_at = job.contact_at;
  const auto ended_because = job.ended_because;  // of an end that may have been written all the same
  job = ImportJob{};
  job.log = log;
  job.contact_at = contact_at;
  job.ended_because = ended_because;
  job.phase = ImportPhase::claiming;
  job.session = draw_session(m);
  job.heard_at = m.now;
  tell_migration(m, id, true, "connecting", "");
  auto claimed = reg;
  claimed.session = job.session;
  write(m, id, job, {register_write(m, id, claimed)});
}

// What was copied is of no use: the next step draws a new session.
void begin_anew(ImportJob& job) {
  job.phase = ImportPhase::idle;
  job.session = 0;
}

void empty_slots(Machine& m, const ImportRegister& reg, ImportJob& job) {
  job.phase = ImportPhase::emptying;
  job.transfer = ++m.migrations.last_transfer;
  job.importing = true;
  m.act(EmptySlots{job.transfer, slot_list(reg.slots)});
}

void hand_over(Machine& m, ImportJob& job) {
  if (job.importing) return;
  auto keys = job.stream.take();
  if (keys.empty()) return;
  job.importing = true;
  m.act(ImportKeys{job.transfer, std::move(keys)});
}

void acknowledge(Machine& m, const JobId& id, const ImportRegister& reg, const ImportJob& job) {
  if (job.stream.crowded()) return;  // the source waits until the engine has caught up
  if (const auto primary = m.view.primary_of(reg.source)) {
    m.send(*primary, MigrationAck{m.view.own_shard(), id, job.session, job.stream.received(), job.safe});
  }
}

void ask_replicas(Machine& m, ImportJob& job, Duration interval) {
  if (m.now < job.next_tell) return;
  job.next_tell = m.now + interval;
  for (const auto& peer : m.reachable_peers()) {
    const auto answer = job.replicas.find(peer);
    if (answer == job.replicas.end() || answer->second.offset < job.offset)
      m.send(peer, OffsetQuestion{m.view.own_shard()});
  }
}

bool replicated(const Machine& m, const ImportJob& job) {
  const auto peers = m.reachable_peers();
  return std::all_of(peers.begin(), peers.end(), [&](const NodeId& peer) {
    const auto answer = job.replicas.find(peer);
    return answer != job.replicas.end() && answer->second.offset >= job.offset;
  });
}

// Before the fence, so that nobody waits for it behind: a server gives a replica nothing for up to a second
// after a full sync, and a replica whose link is down has nothing for longer.
void follow_replicas(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  if (job.safe == job.applied) return;
  if (job.mark == job.safe) {
    job.mark = job.applied;
    job.offset = m.engine.report.offset;
    job.mark_at = m.now;
  }
  const bool have_it = replicated(m, job);
  if (!have_it) ask_replicas(m, job, offset_interval);
  m.migrations.wake = std::min(m.migrations.wake, job.next_tell);
  if (!have_it && !job.replicas_lag && m.now < job.mark_at + replica_patience) return;
  job.replicas_lag = !have_it;
  job.safe = job.mark = have_it ? job.mark : job.applied;
  acknowledge(m, id, reg, job);
}

void activate(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  auto batch = slot_batch(m, reg.slots, [&](Slot slot, const SlotEntry& entry) {
    return SlotEntry{SlotState::active, next_claim(std::max(m.claim_seen(slot), entry.claim)), {}};
  });
  auto after = reg;
  after.stage = ImportStage::done;
  batch.push_back(register_write(m, id, after));
  tell_migration(m, id, true, "failover-requested", "");
  write(m, id, job, std::move(batch));
}

void step_copying(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  if (job.stream.received() == 0 && !job.total && m.now >= job.next_pull) {
    job.next_pull = m.now + pull_interval;
    if (const auto primary = m.view.primary_of(reg.source))
      m.send(*primary, MigrationPull{m.view.own_shard(), id, job.session});
  }
  hand_over(m, job);
  follow_replicas(m, id, reg, job);
  const bool whole = job.total && job.applied == *job.total;
  if (!whole && !(job.total && !VSWIM_RULE(whole_copy))) return;
  job.phase = ImportPhase::replicating;
  job.offset = m.engine.report.offset;
  job.replicate_until = m.now + (job.replicas_lag ? Duration{} : replicate_limit);
  job.next_tell = m.now;
}

void step_replicating(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  if (m.migrations.holds.failover) return;
  if (replicated(m, job) || m.now >= job.replicate_until) {
    job.phase = ImportPhase::activating;
    return activate(m, id, reg, job);
  }
  ask_replicas(m, job, offset_interval_fenced);
  m.migrations.wake = std::min(m.migrations.wake, job.next_tell);
}

void step_taking(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  if (!job.log.free(m.now)) return;
  if (taking(m, reg) != reg.slots) job.error = "slots of it were given away meanwhile";
  if (job.contact_at == Instant{}) job.contact_at = m.now;
  if (m.now >= job.contact_at + m.settings.migration_silence && job.error.empty())
    job.error = "Timed out after too long with no interaction";
  if (!job.error.empty() && job.phase != ImportPhase::activating) return give_up(m, id, reg, job);
  if (reg.session != job.session) return begin_attempt(m, id, reg, job);
  const bool silent = !job.importing && m.now >= job.heard_at + silence_limit;
  switch (job.phase) {
    case ImportPhase::idle:
    case ImportPhase::claiming: return empty_slots(m, reg, job);
    case ImportPhase::emptying: return;
    case ImportPhase::copying:
      if (silent) return begin_attempt(m, id, reg, job);
      step_copying(m, id, reg, job);
      if (job.phase == ImportPhase::replicating) step_replicating(m, id, reg, job);
      break;
    case ImportPhase::replicating: step_replicating(m, id, reg, job); break;
    case ImportPhase::activating: return activate(m, id, reg, job);  // its outcome was unknown
  }
  if (job.phase != ImportPhase::copying || job.importing) return;
  m.migrations.wake = std::min(m.migrations.wake, job.heard_at + silence_limit);
  if (job.stream.received() == 0 && !job.total)
    m.migrations.wake = std::min(m.migrations.wake, job.next_pull);
}

// Keys of a copy that came to nothing, of this primary or of one before it. Without a session there is none.
SlotSet left_of_copy(const Machine& m, const ImportRegister& reg) {
  if (reg.stage != ImportStage::abandoned || reg.session == 0) return {};
  return slots_where(m, with_keys(m, reg.slots),
                     [](const SlotEntry& e) { return e.state == SlotState::none; });
}

// Once nothing is left the register says so: keys that come into these slots later are nobody's copy.
void drop_copy(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  if (reg.stage != ImportStage::abandoned || reg.session == 0 || m.now < job.next_drop) return;
  job.next_drop = m.now + drop_interval;
  if (const auto left = left_of_copy(m, reg); left.any()) {
    m.act(DropSlots{slot_list(left)});
  } else if (job.log.free(m.now)) {
    auto clean = reg;
    clean.session = 0;
    write(m, id, job, {register_write(m, id, clean)});
  }
}

void step_ended(Machine& m, const JobId& id, const ImportRegister& reg, ImportJob& job) {
  job.phase = ImportPhase::idle;
  drop_copy(m, id, reg, job);
  if (reg.stage == ImportStage::done) {
    tell_migration(m, id, true, "success", "");
  } else if (left_of_copy(m, reg).none()) {
    tell_migration(m, id, true, "failed", job.ended_because);
  }
  if (m.now < job.next_tell) return;
  job.next_tell = m.now + tell_interval;
  const auto primary = m.view.primary_of(reg.source);
  if (!primary) return;
  if (reg.stage == ImportStage::done) {
    m.send(*primary, MigrationDone{m.view.own_shard(), id});
  } else {
    const auto& why = job.ended_because;
    m.send(*primary, MigrationRefusal{m.view.own_shard(), id, why.empty() ? "it has given up" : why});
  }
}

// The log says that this attempt has come to nothing: its keys go, where the slots are nobody's.
void forget_copy(Machine& m, const SlotSet& slots) {
  const auto left = slots_where(m, slots, [](const SlotEntry& e) { return e.state == SlotState::none; });
  if (left.any()) m.act(DropSlots{slot_list(left)});
}

// The end of an attempt has been shown since the job was last looked at.
void see_end(Machine& m, const ImportRegister& reg, ImportJob& job) {
  if (reg.stage == ImportStage::taking || job.phase == ImportPhase::idle) return;
  if (reg.stage == ImportStage::done) {
    m.act(AdoptSlots{slot_list(reg.slots), reg.source});
  } else {
    forget_copy(m, reg.slots);
  }
  job.phase = ImportPhase::idle;
  job.next_tell = m.now;
}

// Once nothing was missing at a message without bytes, what still comes are changes.
void tell_copying(Machine& m, const MigrationData& data, const ImportJob& job) {
  constexpr const char* waiting = "waiting-for-paused";
  const bool nothing_missing =
      data.bytes.empty() && data.offset == job.stream.received() && job.safe == data.offset;
  const bool was = migration_record(m, data.job, true).state == waiting;
  tell_migration(m, data.job, true, was || nothing_missing ? waiting : "receiving-snapshot", "");
}

}  // namespace

// FLUSHALL of half a copy would tear it, and what the source's fence holds still it must not pass by: it
// waits until these slots are on one side or the other.
bool flushes_wait(const Machine& m) {
  const auto& exports = m.log.exports();
  const auto& imports = m.migrations.imports;
  return std::any_of(exports.begin(), exports.end(), [](const auto& e) { return e.second.value.fenced; }) ||
         std::any_of(imports.begin(), imports.end(), [](const auto& entry) {
           const auto& [id, job] = entry;
           return job.total.has_value() && job.phase != ImportPhase::idle;
         });
}

namespace {

constexpr const char* failed_over = "A failover occurred during slot import";

// A replica knows of them by the log.
void step_imports_of_primary(Machine& m) {
  for (auto& record : m.migrations.records) {
    const auto left = [&] {
      return slots_where(m, with_keys(m, record.slots),
                         [](const SlotEntry& e) { return e.state == SlotState::none; });
    };
    if (record.import && !record.over && !m.log.imports().contains(record.job) && left().none()) {
      const auto primary = m.view.primary_of(m.view.own_shard());
      const bool another = record.failed_over || (primary && record.target != *primary);
      tell_migration(m, record.job, true, "failed", another ? failed_over : "");
    }
  }
  for (const auto& [id, logged] : m.log.imports()) {
    const auto& reg = logged.value;
    auto& record = migration_record(m, id, true);
    if (reg.stage == ImportStage::taking) record.over = false;
    const auto target = m.view.primary_of(m.view.own_shard()).value_or(NodeId{});
    if (!record.over && record.target != NodeId{} && record.target != target) record.failed_over = true;
    record.slots = reg.slots;
    record.target = target;
    record.source = m.view.primary_of(reg.source).value_or(NodeId{});
    const bool taking = reg.stage == ImportStage::taking, done = reg.stage == ImportStage::done;
    if (taking || done || left_of_copy(m, reg).none())
      tell_migration(m, id, true,
                     taking ? "occurring-on-primary"
                     : done ? "success"
                            : "failed",
                     record.failed_over && !done ? failed_over : "");
  }
}

}  // namespace

void step_imports(Machine& m) {
  auto& jobs = m.migrations.imports;
  if (!m.primary_here) {
    jobs.clear();
    return step_imports_of_primary(m);
  }
  for (auto it = jobs.begin(); it != jobs.end();) {
    auto& [id, job] = *it;
    const bool logged = m.log.imports().contains(id);
    if (!logged && job.phase != ImportPhase::idle) {
      forget_copy(m, migration_record(m, id, true).slots);
      tell_migration(m, id, true, "failed", job.error.empty() ? "given up" : job.error);
    }
    if (!logged) job.phase = ImportPhase::idle;
    it = logged || job.log.in_flight ? std::next(it) : jobs.erase(it);
  }
  for (const auto& [id, logged] : m.log.imports()) {
    if (!m.log.is_settled(logged.revision)) continue;
    const auto& reg = logged.value;
    auto [found, fresh] = jobs.try_emplace(id);
    auto& job = found->second;
    if (fresh && m.migrations.ends_inherited) job.error = "A failover occurred during slot import";
    auto& record = migration_record(m, id, true);
    record.slots = reg.slots;
    record.target = m.view.self();
    record.source = m.view.primary_of(reg.source).value_or(NodeId{});
    see_end(m, reg, job);
    reg.stage == ImportStage::taking ? step_taking(m, id, reg, job) : step_ended(m, id, reg, job);
    m.migrations.wake = std::min(m.migrations.wake, m.now + milliseconds(200));
  }
  m.migrations.ends_inherited = false;
}

void on_imported(Machine& m, TransferId transfer, const std::string& error) {
  for (auto& [id, job] : m.migrations.imports) {
    if (job.transfer != transfer || !job.importing) continue;
    job.importing = false;
    if (!error.empty()) job.error = error;
    job.heard_at = std::max(job.heard_at, m.now);
    if (job.phase == ImportPhase::emptying) {
      job.phase = ImportPhase::copying;
      job.next_pull = m.now;
      return;
    }
    job.applied = job.stream.taken();
    const auto known = known_import(m, id);
    if (known) acknowledge(m, id, known->reg, job);
  }
}

void on_offer(Machine& m, const NodeId& from, const MigrationOffer& offer) {
  if (!m.primary_here || !m.speaks_for_another(from, offer.shard)) return;
  auto& job = m.migrations.imports[offer.job];
  job.contact_at = m.now;
  if (const auto known = known_import(m, offer.job)) {
    // Its step answers. Who offers has no attempt in hand: what came so far is of one that ended.
    const bool begun = job.phase == ImportPhase::copying && (job.stream.received() > 0 || job.total);
    if (begun && known->reg.source == offer.shard) begin_anew(job);
    return;
  }
  if (!job.log.free(m.now)) return;
  const auto not_free =
      slots_where(m, offer.slots, [](const SlotEntry& entry) { return entry.state != SlotState::none; });
  if (std::ranges::find(m.table.mode, SlotMode::importing) != m.table.mode.end()) {
    return m.send(from, MigrationRefusal{m.view.own_shard(), offer.job, "Slots are being manually imported"});
  }
  const auto of_its_last = slots_where(m, not_free, [&](const SlotEntry& entry) {
    return entry.state == SlotState::taking_over && entry.peer == offer.shard;
  });
  // A job that is over there: this one finds the slots free when it is over here, too.
  if (not_free.any() && not_free == of_its_last) return;
  if (not_free.any()) {
    return m.send(from, MigrationRefusal{m.view.own_shard(), offer.job,
                                         "slots " + slots_text(not_free, 8) + " are not free there"});
  }
  auto batch = slot_batch(m, offer.slots, [&](Slot slot, const SlotEntry&) {
    return SlotEntry{SlotState::taking_over, m.claim_seen(slot), offer.shard};
  });
  job.session = draw_session(m);
  job.heard_at = m.now;
  const ImportRegister reg{ImportStage::taking, job.session, offer.shard, offer.slots};
  batch.push_back(register_write(m, offer.job, reg));
  migration_record(m, offer.job, true).slots = offer.slots;
  write(m, offer.job, job, std::move(batch));
}

void on_data(Machine& m, const NodeId& from, const MigrationData& data) {
  const auto found = m.migrations.imports.find(data.job);
  if (found == m.migrations.imports.end() || found->second.session != data.session) return;
  auto& job = found->second;
  const auto known = known_import(m, data.job);
  if (!known || known->reg.stage != ImportStage::taking || !m.speaks_for_another(from, data.shard)) return;
  if (job.phase != ImportPhase::copying || data.shard != known->reg.source) return;
  if (!job.stream.receive(data.offset, data.bytes)) {
    job.phase = ImportPhase::idle;
    return;
  }
  job.heard_at = job.contact_at = m.now;
  if (data.total) job.total = data.total;
  tell_copying(m, data, job);
  acknowledge_migration(m, data.job, true);
  acknowledge(m, data.job, known->reg, job);
}

void on_gone(Machine& m, const NodeId& from, const MigrationGone& gone) {
  if (!m.primary_here || !m.speaks_for_another(from, gone.shard)) return;
  const auto known = known_import(m, gone.job);
  const auto found = m.migrations.imports.find(gone.job);
  if (!known || !known->settled || known->reg.source != gone.shard) return;
  if (found == m.migrations.imports.end() || !found->second.log.free(m.now)) return;
  if (known->reg.stage == ImportStage::taking) return give_up(m, gone.job, known->reg, found->second);
  if (left_of_copy(m, known->reg).any()) return;  // whoever is primary then has to know what to drop
  write(m, gone.job, found->second, {register_write(m, gone.job, std::nullopt)});
}

void on_abandon(Machine& m, const NodeId& from, const MigrationAbandon& question) {
  if (!m.primary_here || !m.speaks_for_another(from, question.shard)) return;
  const auto known = known_import(m, question.job);
  if (known && known->settled && known->reg.stage == ImportStage::abandoned)
    return m.send(from, MigrationAbandoned{m.view.own_shard(), question.job, question.nonce});
  if (known && (known->reg.stage != ImportStage::taking || !known->settled)) return;  // its step answers
  auto& job = m.migrations.imports[question.job];
  if (!job.log.free(m.now)) return;
  if (known) return give_up(m, question.job, known->reg, job);
  // The offer may still be on its way: it must find that it comes too late.
  const ImportRegister never{ImportStage::abandoned, 0, question.shard, question.slots};
  write(m, question.job, job, {register_write(m, question.job, never)});
}

// As natively that ends it, unless the source's slots are fenced: then the copy is made anew.
void on_import_flushed(Machine& m) {
  for (auto& [id, job] : m.migrations.imports) {
    if (job.phase != ImportPhase::copying && job.phase != ImportPhase::replicating) continue;
    if (job.total) {
      begin_anew(job);
    } else if (job.error.empty()) {
      job.error = "Data was flushed";
    }
  }
}

bool an_import_is_open(const Machine& m) {
  return std::ranges::any_of(
      m.log.imports(), [](const auto& entry) { return entry.second.value.stage == ImportStage::taking; });
}

void on_import_written(Machine& m, const MigrationOp& op, const contract::Completed& done) {
  const auto found = m.migrations.imports.find(op.job);
  if (found == m.migrations.imports.end() || found->second.log.in_flight != done.ticket) return;
  found->second.log.in_flight.reset();
  if (done.outcome != contract::Outcome::ok) found->second.log.retry_at = m.now + retry_after;
}

void note_replica_offset(Machine& m, const NodeId& from, const OffsetAnswer& answer) {
  for (auto& [id, job] : m.migrations.imports) {
    if (job.phase == ImportPhase::copying || job.phase == ImportPhase::replicating)
      job.replicas[from] = answer;
  }
}

}  // namespace vswim::core
