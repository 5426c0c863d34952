#include "core/migration_messages.hpp"

#include <algorithm>
#include <array>

#include "base/overloaded.hpp"
#include "core/core_messages.hpp"

namespace vswim::core {

namespace {

constexpr std::string_view prefix = "vm1";
constexpr std::uint64_t number_max = 18'000'000'000'000'000'000U;
constexpr std::size_t reason_bytes_max = 512;
constexpr std::string_view export_prefix = "export:";
constexpr std::string_view import_prefix = "import:";
constexpr std::array<std::string_view, 3> stage_names{"taking", "done", "abandoned"};

using Fields = std::vector<std::string_view>;

std::optional<SlotSet> parse_slots(std::string_view text) {
  SlotSet slots;
  for (const auto part : split(text, ',')) {
    const auto range = parse_range(part);
    if (!range) return std::nullopt;
    for (std::uint32_t slot = range->first; slot <= range->last; ++slot) slots.set(slot);
  }
  return slots.any() ? std::optional(slots) : std::nullopt;
}

std::string all_slots(const SlotSet& slots) { return slots_text(slots, slot_count); }

std::optional<MigrationMessage> decode_numbers(std::string_view kind, const ShardId& shard, const JobId& job,
                                               const Fields& f) {
  std::vector<std::uint64_t> numbers;
  for (const auto field : f) {
    const auto number = parse_number(field, number_max);
    if (!number) return std::nullopt;
    numbers.push_back(*number);
  }
  if (kind == "pull" && numbers.size() == 1) return MigrationPull{shard, job, numbers[0]};
  if (kind == "ack" && numbers.size() == 3)
    return MigrationAck{shard, job, numbers[0], numbers[1], numbers[2]};
  if (kind == "abandoned" && numbers.size() == 1) return MigrationAbandoned{shard, job, numbers[0]};
  if (kind == "gone" && numbers.empty()) return MigrationGone{shard, job};
  if (kind == "done" && numbers.empty()) return MigrationDone{shard, job};
  return std::nullopt;
}

std::optional<MigrationMessage> decode_data(const ShardId& shard, const JobId& job, const Fields& f,
                                            std::string_view bytes) {
  if (f.size() != 3) return std::nullopt;
  const auto session = parse_number(f[0], number_max);
  const auto offset = parse_number(f[1], number_max);
  const auto total = f[2] == "-" ? std::nullopt : parse_number(f[2], number_max);
  if (!session || !offset || (f[2] != "-" && !total)) return std::nullopt;
  return MigrationData{shard, job, *session, *offset, total, std::string(bytes)};
}

}  // namespace

std::string encode_migration(const MigrationMessage& message) {
  const auto line = [](const char* kind, const auto& m, const std::string& rest) {
    return std::string(prefix) + " " + kind + " " + m.shard.hex() + " " + m.job.hex() +
           (rest.empty() ? "" : " " + rest) + "\n";
  };
  const auto text = [](std::uint64_t n) { return std::to_string(n); };
  return std::visit(
      Overloaded{[&](const MigrationOffer& m) { return line("offer", m, all_slots(m.slots)); },
                 [&](const MigrationPull& m) { return line("pull", m, text(m.session)); },
                 [&](const MigrationData& m) {
                   return line("data", m,
                               text(m.session) + " " + text(m.offset) + " " +
                                   (m.total ? text(*m.total) : "-")) +
                          m.bytes;
                 },
                 [&](const MigrationAck& m) {
                   return line("ack", m, text(m.session) + " " + text(m.received) + " " + text(m.applied));
                 },
                 [&](const MigrationGone& m) { return line("gone", m, ""); },
                 [&](const MigrationRefusal& m) {
                   return line("refuse", m, "") + m.reason.substr(0, reason_bytes_max);
                 },
                 [&](const MigrationAbandon& m) {
                   return line("abandon?", m, text(m.nonce) + " " + all_slots(m.slots));
                 },
                 [&](const MigrationAbandoned& m) { return line("abandoned", m, text(m.nonce)); },
                 [&](const MigrationDone& m) { return line("done", m, ""); }},
      message);
}

std::optional<MigrationMessage> decode_migration(std::string_view bytes) {
  const auto end = bytes.find('\n');
  if (bytes.size() > core_message_bytes_max || end == std::string_view::npos) return std::nullopt;
  const auto body = bytes.substr(end + 1);
  auto fields = split(bytes.substr(0, end), ' ');
  if (fields.size() < 4 || fields[0] != prefix) return std::nullopt;
  const auto kind = fields[1];
  const auto shard = ShardId::parse(fields[2]);
  const auto job = JobId::parse(fields[3]);
  if (!shard || !job) return std::nullopt;
  fields.erase(fields.begin(), fields.begin() + 4);
  if (kind == "data") return decode_data(*shard, *job, fields, body);
  if (kind == "refuse" && fields.empty() && body.size() <= reason_bytes_max)
    return MigrationRefusal{*shard, *job, std::string(body)};
  if (!body.empty()) return std::nullopt;
  if (kind == "offer" && fields.size() == 1) {
    const auto slots = parse_slots(fields[0]);
    return slots ? std::optional<MigrationMessage>(MigrationOffer{*shard, *job, *slots}) : std::nullopt;
  }
  if (kind == "abandon?" && fields.size() == 2) {
    const auto nonce = parse_number(fields[0], number_max);
    const auto slots = parse_slots(fields[1]);
    return nonce && slots ? std::optional<MigrationMessage>(MigrationAbandon{*shard, *job, *nonce, *slots})
                          : std::nullopt;
  }
  return decode_numbers(kind, *shard, *job, fields);
}

// ---- registers ----

std::string export_key(const JobId& job) { return std::string(export_prefix) + job.hex(); }
std::string import_key(const JobId& job) { return std::string(import_prefix) + job.hex(); }

std::optional<JobId> export_job(std::string_view key) {
  if (!key.starts_with(export_prefix)) return std::nullopt;
  return JobId::parse(key.substr(export_prefix.size()));
}

std::optional<JobId> import_job(std::string_view key) {
  if (!key.starts_with(import_prefix)) return std::nullopt;
  return JobId::parse(key.substr(import_prefix.size()));
}

std::string export_text(const ExportRegister& reg) {
  return reg.target.hex() + " " + all_slots(reg.slots) + (reg.fenced ? " fenced" : "");
}

std::string import_text(const ImportRegister& reg) {
  return std::string(stage_names[static_cast<std::size_t>(reg.stage)]) + " " + std::to_string(reg.session) +
         " " + reg.source.hex() + " " + all_slots(reg.slots);
}

std::optional<ExportRegister> parse_export(std::string_view text) {
  const auto fields = split(text, ' ');
  if (fields.size() < 2 || fields.size() > 3 || (fields.size() == 3 && fields[2] != "fenced"))
    return std::nullopt;
  const auto target = ShardId::parse(fields[0]);
  const auto slots = parse_slots(fields[1]);
  if (!target || !slots) return std::nullopt;
  return ExportRegister{*target, *slots, fields.size() == 3};
}

std::optional<ImportRegister> parse_import(std::string_view text) {
  const auto fields = split(text, ' ');
  if (fields.size() != 4) return std::nullopt;
  const auto stage = std::find(stage_names.begin(), stage_names.end(), fields[0]);
  const auto session = parse_number(fields[1], number_max);
  const auto source = ShardId::parse(fields[2]);
  const auto slots = parse_slots(fields[3]);
  if (stage == stage_names.end() || !session || !source || !slots) return std::nullopt;
  return ImportRegister{static_cast<ImportStage>(stage - stage_names.begin()), *session, *source, *slots};
}

}  // namespace vswim::core
