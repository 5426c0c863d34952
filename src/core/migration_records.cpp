// What CLUSTER GETSLOTMIGRATIONS tells: every migration this node has had a part in, newest first. For people
// only.
#include <algorithm>

#include "core/machine.hpp"

namespace vswim::core {

namespace {
std::int64_t unix_seconds(const Machine& m) { return (m.now.ns + m.settings.wall_offset.ns) / 1'000'000'000; }
}  // namespace

MigrationRecord& migration_record(Machine& m, const JobId& job, bool import) {
  auto& records = m.migrations.records;
  const auto found = std::find_if(records.begin(), records.end(), [&](const MigrationRecord& record) {
    return record.job == job && record.import == import;
  });
  if (found != records.end()) return *found;
  MigrationRecord record;
  record.job = job;
  record.import = import;
  record.created_s = record.updated_s = record.acknowledged_s = unix_seconds(m);
  records.push_front(std::move(record));
  return records.front();
}

void tell_migration(Machine& m, const JobId& job, bool import, const std::string& state,
                    const std::string& message) {
  auto& record = migration_record(m, job, import);
  if (record.over) return;
  const bool changed = record.state != state;
  record.state = state;
  record.message = message;
  record.updated_s = unix_seconds(m);
  record.over = state == "success" || state == "failed" || state == "cancelled";
  if (!changed) return;
  m.note(record.over ? NoteLevel::notice : NoteLevel::info,
         std::string(import ? "import" : "export") + " of slots " + slots_text(record.slots, 8) + " (" +
             job.hex().substr(0, 8) + "): " + state + (message.empty() ? "" : ", " + message));
}

// The newest stay, and whatever goes on.
void drop_old_records(Machine& m) {
  std::size_t kept = 0;
  std::erase_if(m.migrations.records, [&](const MigrationRecord& record) {
    return record.over && ++kept > m.settings.migration_records_max;
  });
}

void acknowledge_migration(Machine& m, const JobId& job, bool import) {
  migration_record(m, job, import).acknowledged_s = unix_seconds(m);
}

}  // namespace vswim::core
