#include "wire/shard_log_values.hpp"

namespace vswim::wire {

namespace {
constexpr std::size_t table_bytes_min = 8;  // its reference and its vtable offset
constexpr std::int64_t instant_ns_max = std::int64_t{1} << 61;
using Builder = flatbuffers::FlatBufferBuilder;
using Bytes = flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>>;

Bytes add_value(Builder& builder, const std::optional<std::string>& value) {
  return value ? add_bytes(builder, *value) : Bytes{};
}

auto add_proposer(Builder& builder, const shard_log::ProposerResults& proposer) {
  std::vector<fbl::Result> results;
  for (const auto& result : proposer.results) {
    results.emplace_back(result.sequence.value, result.revision, result.matched);
  }
  const auto list = builder.CreateVectorOfStructs(results);
  const auto node = to_flat(proposer.node);
  return fbl::CreateProposer(builder, &node, proposer.start.value, list);
}
}  // namespace

fbl::Ballot to_flat(const shard_log::Ballot& ballot) {
  return fbl::Ballot(ballot.round, ballot.seat, to_flat(ballot.node));
}

shard_log::Ballot ballot_from_flat(const fbl::Ballot* flat) {
  if (flat == nullptr) return {};
  return {flat->round(), from_flat<NodeId>(flat->node()), flat->seat()};
}

flatbuffers::Offset<fbl::Configuration> add_configuration(Builder& builder,
                                                          const shard_log::Configuration& configuration) {
  std::vector<fbl::Member> members;
  for (const auto& voter : configuration.voters) {
    members.emplace_back(to_flat(voter.node), to_flat(voter.uuid), static_cast<std::uint8_t>(voter.role));
  }
  const auto list = builder.CreateVectorOfStructs(members);
  return fbl::CreateConfiguration(builder, configuration.epoch.value, list);
}

flatbuffers::Offset<fbl::Snapshot> add_snapshot(Builder& builder,
                                                const std::optional<shard_log::Snapshot>& snapshot) {
  if (!snapshot) return {};
  std::vector<flatbuffers::Offset<fbl::Register>> registers;
  registers.reserve(snapshot->registers.size());
  for (const auto& entry : snapshot->registers) {
    const auto key = add_bytes(builder, entry.key);
    const auto value = add_value(builder, entry.value);
    const auto writer = to_flat(entry.revision.writer);
    registers.push_back(
        fbl::CreateRegister(builder, key, value, entry.revision.major, entry.revision.minor, &writer));
  }
  std::vector<flatbuffers::Offset<fbl::Proposer>> proposers;
  for (const auto& proposer : snapshot->proposers) proposers.push_back(add_proposer(builder, proposer));
  const auto register_list = builder.CreateVector(registers);
  const auto proposer_list = builder.CreateVector(proposers);
  const auto chain = to_flat(snapshot->chain);
  return fbl::CreateSnapshot(builder, snapshot->revision, &chain, register_list, proposer_list);
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbl::Write>>> add_batch(
    Builder& builder, const shard_log::Batch& batch) {
  if (batch.empty()) return {};
  std::vector<flatbuffers::Offset<fbl::Write>> writes;
  writes.reserve(batch.size());
  for (const auto& write : batch) {
    const auto key = add_bytes(builder, write.key);
    const auto value = add_value(builder, write.value);
    const auto expected = write.expected.value_or(contract::Revision{});
    const auto writer = to_flat(expected.writer);
    writes.push_back(fbl::CreateWrite(builder, key, value, write.expected.has_value(), expected.major,
                                      expected.minor, expected.writer.is_nil() ? nullptr : &writer));
  }
  return builder.CreateVector(writes);
}

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fbl::Entry>>> add_entries(
    Builder& builder, const std::vector<shard_log::Entry>& entries) {
  if (entries.empty()) return {};
  std::vector<flatbuffers::Offset<fbl::Entry>> list;
  list.reserve(entries.size());
  for (const auto& entry : entries) {
    const auto batch = add_batch(builder, entry.batch);
    flatbuffers::Offset<fbl::Configuration> seal;
    if (entry.seal) seal = add_configuration(builder, *entry.seal);
    const auto ballot = to_flat(entry.ballot);
    const auto proposer = to_flat(entry.proposer);
    const auto chain = to_flat(entry.chain);
    list.push_back(fbl::CreateEntry(builder, entry.revision, &ballot,
                                    entry.proposer.is_nil() ? nullptr : &proposer, entry.proposer_start.value,
                                    entry.sequence.value, batch, seal, &chain));
  }
  return builder.CreateVector(list);
}

bool LogReader::take(std::size_t count, std::size_t bytes_each) {
  require(count <= registers_max && budget_.take(count * bytes_each));
  return ok_;
}

std::string LogReader::key(const flatbuffers::Vector<std::uint8_t>* flat) {
  require(flat != nullptr && flat->size() <= key_bytes_max && budget_.take(flat->size()));
  return ok_ ? to_string(flat) : std::string();
}

std::optional<std::string> LogReader::value(const flatbuffers::Vector<std::uint8_t>* flat) {
  if (flat == nullptr) return std::nullopt;
  require(flat->size() <= value_bytes_max && budget_.take(flat->size()));
  return ok_ ? std::optional(to_string(flat)) : std::nullopt;
}

shard_log::Configuration LogReader::configuration(const fbl::Configuration* flat) {
  shard_log::Configuration configuration;
  require(flat != nullptr);
  if (!ok_) return configuration;
  configuration.epoch = {flat->epoch()};
  if (flat->voters() == nullptr) return configuration;
  require(flat->voters()->size() <= shard_log::voters_max);
  if (!ok_ || !take(flat->voters()->size(), sizeof(fbl::Member))) return configuration;
  for (const auto* member : *flat->voters()) {
    shard_log::Voter voter{from_flat<NodeId>(member->node()), from_flat<VoterUuid>(member->uuid()),
                           role(member->role())};
    require(configuration.voters.empty() || configuration.voters.back().node < voter.node);
    configuration.voters.push_back(voter);
  }
  return configuration;
}

shard_log::Snapshot LogReader::snapshot(const fbl::Snapshot* flat) {
  shard_log::Snapshot snapshot;
  require(flat != nullptr && flat->chain() != nullptr);
  if (!ok_) return snapshot;
  snapshot.revision = flat->revision();
  snapshot.chain = hash_from_flat(*flat->chain());
  if (flat->registers() != nullptr && take(flat->registers()->size(), table_bytes_min)) {
    for (const auto* entry : *flat->registers()) {
      shard_log::Register value_here{key(entry->key()),
                                     value(entry->value()),
                                     {entry->major(), entry->minor(), from_flat<NodeId>(entry->writer())}};
      require(snapshot.registers.empty() || snapshot.registers.back().key < value_here.key);
      if (!ok_) return snapshot;
      snapshot.registers.push_back(std::move(value_here));
    }
  }
  if (flat->proposers() != nullptr && take(flat->proposers()->size(), table_bytes_min)) {
    for (const auto* proposer : *flat->proposers()) {
      shard_log::ProposerResults results{from_flat<NodeId>(proposer->node()), {proposer->start()}, {}};
      require(snapshot.proposers.empty() || snapshot.proposers.back().node < results.node);
      if (proposer->results() != nullptr) {
        require(proposer->results()->size() <= shard_log::proposals_in_flight_max);
        require(is_aligned(*proposer->results()));
        if (!take(proposer->results()->size(), sizeof(fbl::Result))) return snapshot;
        for (const auto* result : *proposer->results()) {
          results.results.push_back({{result->sequence()}, result->matched(), result->revision()});
        }
      }
      snapshot.proposers.push_back(std::move(results));
    }
  }
  return snapshot;
}

std::optional<shard_log::Snapshot> LogReader::maybe_snapshot(const fbl::Snapshot* flat) {
  return flat == nullptr ? std::nullopt : std::optional(snapshot(flat));
}

shard_log::Batch LogReader::batch(const flatbuffers::Vector<flatbuffers::Offset<fbl::Write>>* flat) {
  shard_log::Batch batch;
  if (flat == nullptr || !take(flat->size(), table_bytes_min)) return batch;
  for (const auto* write : *flat) {
    batch.push_back({key(write->key()), value(write->value()), std::nullopt});
    if (!ok_) return {};
    if (write->has_expected())
      batch.back().expected = {write->major(), write->minor(), from_flat<NodeId>(write->writer())};
  }
  return batch;
}

shard_log::Entry LogReader::entry(const fbl::Entry& flat) {
  shard_log::Entry entry;
  require(flat.chain() != nullptr && flat.revision() > 0);
  if (!ok_) return entry;
  entry.revision = flat.revision();
  entry.ballot = ballot_from_flat(flat.ballot());
  entry.proposer = from_flat<NodeId>(flat.proposer());
  entry.proposer_start = {flat.start()};
  entry.sequence = {flat.sequence()};
  entry.batch = batch(flat.batch());
  if (flat.seal() != nullptr) entry.seal = configuration(flat.seal());
  entry.chain = hash_from_flat(*flat.chain());
  return entry;
}

std::vector<shard_log::Entry> LogReader::entries(
    const flatbuffers::Vector<flatbuffers::Offset<fbl::Entry>>* flat) {
  std::vector<shard_log::Entry> entries;
  if (flat == nullptr || !take(flat->size(), table_bytes_min)) return entries;
  for (const auto* one : *flat) {
    entries.push_back(entry(*one));
    require(entries.size() == 1 || entries.back().revision == entries[entries.size() - 2].revision + 1);
    if (!ok_) return {};
  }
  return entries;
}

Duration LogReader::duration(std::int64_t ns) {
  require(ns >= 0 && ns <= seconds(86'400).ns);
  return {ok_ ? ns : 0};
}

Instant LogReader::instant(std::int64_t ns) {
  require(ns >= -instant_ns_max && ns <= instant_ns_max);
  return {ok_ ? ns : 0};
}

shard_log::Role LogReader::role(std::uint8_t number) {
  require(number <= static_cast<std::uint8_t>(shard_log::Role::learner));
  return ok_ ? static_cast<shard_log::Role>(number) : shard_log::Role::learner;
}

contract::Outcome LogReader::outcome(std::uint8_t number) {
  require(number <= static_cast<std::uint8_t>(contract::Outcome::unknown));
  return ok_ ? static_cast<contract::Outcome>(number) : contract::Outcome::unknown;
}

std::string LogReader::text(const flatbuffers::String* flat) {
  std::string text;
  require(text_from_flat(flat, text) && budget_.take(text.size()));
  return text;
}

}  // namespace vswim::wire
