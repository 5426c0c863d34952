// The two halves of a slot migration as the rest of Core calls them.
#pragma once

#include <string>
#include <vector>

#include "core/machine.hpp"

namespace vswim::core {

// ---- proc_slot_export.cpp ----
void step_exports(Machine& m);
void on_exported(Machine& m, TransferId transfer, std::vector<MovedKey> keys, bool drained);
void on_export_flushed(Machine& m);
void on_pull(Machine& m, const NodeId& from, const MigrationPull& pull);
void on_ack(Machine& m, const NodeId& from, const MigrationAck& ack);
void on_target_refusal(Machine& m, const NodeId& from, const MigrationRefusal& refusal);
void on_abandoned(Machine& m, const NodeId& from, const MigrationAbandoned& answer);
void on_done(Machine& m, const NodeId& from, const MigrationDone& done);
void on_export_written(Machine& m, const MigrationOp& op, const contract::Completed& done);
// Of a slot that is taken away by BUMPEPOCH, as natively; false when it is the target's to decide, or there
// is none.
bool end_open_export(Machine& m, Slot slot);

// ---- proc_slot_import.cpp ----
void step_imports(Machine& m);
void on_imported(Machine& m, TransferId transfer, const std::string& error);
void on_offer(Machine& m, const NodeId& from, const MigrationOffer& offer);
void on_data(Machine& m, const NodeId& from, const MigrationData& data);
void on_gone(Machine& m, const NodeId& from, const MigrationGone& gone);
void on_abandon(Machine& m, const NodeId& from, const MigrationAbandon& question);
void on_import_flushed(Machine& m);
bool an_import_is_open(const Machine& m);
bool flushes_wait(const Machine& m);
void on_import_written(Machine& m, const MigrationOp& op, const contract::Completed& done);
void note_replica_offset(Machine& m, const NodeId& from, const OffsetAnswer& answer);

// ---- migration_records.cpp ----
MigrationRecord& migration_record(Machine& m, const JobId& job, bool import);
void tell_migration(Machine& m, const JobId& job, bool import, const std::string& state,
                    const std::string& message);
void acknowledge_migration(Machine& m, const JobId& job, bool import);
void drop_old_records(Machine& m);

// ---- commands_migrations.cpp ----
void on_announced(Machine& m, const MigrationOp& op, const contract::Completed& done);

}  // namespace vswim::core
