#include "wire/file_records.hpp"

#include <algorithm>

#include "base/next_minor.hpp"
#include "base/overloaded.hpp"
#include "wire/flat_record.hpp"
#include "wire/member_codec.hpp"
#include "wire/record_frame.hpp"
#include "wire/register_codec.hpp"
#include "wire/version.hpp"

namespace vswim::wire {

namespace {

using Builder = flatbuffers::FlatBufferBuilder;

constexpr std::string_view magic("vswim\0\0\0", 8);

auto add(Builder& builder, const NodeRecord& record) {
  const auto node = to_flat(record.node);
  const auto cluster = to_flat(record.cluster);
  const auto shard = to_flat(record.membership.shard);
  const auto target = to_flat(record.move.target);
  const auto uuid = to_flat(record.move.uuid);
  return fbs::CreateNodeRecord(builder, &node, &cluster, record.generation.value, record.join.value,
                               record.membership.number, &shard, record.membership.epoch.value,
                               record.move.active, &target, &uuid);
}
auto add(Builder& builder, const KnownMembersRecord& record) {
  return fbs::CreateKnownMembersRecord(builder, add_members(builder, record.members));
}
auto add(Builder& builder, const GossipHintRecord& record) {
  return fbs::CreateGossipHintRecord(builder, add_registers(builder, record.global.registers));
}
auto add(Builder& builder, const SeatOpenedRecord& record) {
  const auto shard = to_flat(record.shard);
  const auto uuid = to_flat(record.uuid);
  return fbs::CreateSeatOpenedRecord(builder, &shard, &uuid);
}
auto add(Builder& builder, const SeatRecord& record) {
  const auto payload = add_bytes(builder, record.payload);
  const auto shard = to_flat(record.shard);
  return fbs::CreateSeatRecord(builder, &shard, payload);
}
auto add(Builder& builder, const SeatDroppedRecord& record) {
  const auto shard = to_flat(record.shard);
  return fbs::CreateSeatDroppedRecord(builder, &shard);
}

fbs::RecordBody type_of(const FileRecord& record) {
  return std::visit(Overloaded{[](const NodeRecord&) { return fbs::RecordBody::NodeRecord; },
                               [](const KnownMembersRecord&) { return fbs::RecordBody::KnownMembersRecord; },
                               [](const GossipHintRecord&) { return fbs::RecordBody::GossipHintRecord; },
                               [](const SeatOpenedRecord&) { return fbs::RecordBody::SeatOpenedRecord; },
                               [](const SeatRecord&) { return fbs::RecordBody::SeatRecord; },
                               [](const SeatDroppedRecord&) { return fbs::RecordBody::SeatDroppedRecord; }},
                    record);
}

bool get(const fbs::NodeRecord& flat, Budget&, NodeRecord& record) {
  record.node = from_flat<NodeId>(flat.node());
  record.cluster = from_flat<ClusterId>(flat.cluster());
  record.generation.value = flat.generation();
  record.join.value = flat.join();
  record.membership = {flat.membership_number(), from_flat<ShardId>(flat.shard()), {flat.shard_epoch()}};
  record.move = {flat.move_active(), from_flat<ShardId>(flat.move_target()),
                 from_flat<VoterUuid>(flat.move_uuid())};
  return flat.node() != nullptr && flat.cluster() != nullptr;
}
bool get(const fbs::KnownMembersRecord& flat, Budget&, KnownMembersRecord& record) {
  return members_from_flat(flat.members(), record.members);
}
bool get(const fbs::GossipHintRecord& flat, Budget& budget, GossipHintRecord& record) {
  return registers_from_flat(flat.global(), budget, record.global.registers);
}
bool get(const fbs::SeatOpenedRecord& flat, Budget&, SeatOpenedRecord& record) {
  record = {from_flat<ShardId>(flat.shard()), from_flat<VoterUuid>(flat.uuid())};
  return flat.shard() != nullptr && flat.uuid() != nullptr;
}
bool get(const fbs::SeatRecord& flat, Budget&, SeatRecord& record) {
  record = {from_flat<ShardId>(flat.shard()), to_string(flat.payload())};
  return flat.shard() != nullptr && flat.payload() != nullptr;
}
bool get(const fbs::SeatDroppedRecord& flat, Budget&, SeatDroppedRecord& record) {
  record = {from_flat<ShardId>(flat.shard())};
  return flat.shard() != nullptr;
}

template <class Record, class Flat>
bool get_as(const void* flat, Budget& budget, std::vector<FileRecord>& records) {
  Record record;
  if (!get(*static_cast<const Flat*>(flat), budget, record)) return false;
  records.emplace_back(std::move(record));
  return true;
}

bool append_record(std::string_view payload, std::vector<FileRecord>& records) {
  const AlignedBytes bytes(payload);
  const auto* flat = bytes.verified<fbs::Record>();
  if (flat == nullptr || flat->body() == nullptr) return false;
  Budget budget = bytes.budget();
  const void* body = flat->body();
  switch (flat->body_type()) {
    case fbs::RecordBody::NONE: return false;
    case fbs::RecordBody::NodeRecord: return get_as<NodeRecord, fbs::NodeRecord>(body, budget, records);
    case fbs::RecordBody::KnownMembersRecord:
      return get_as<KnownMembersRecord, fbs::KnownMembersRecord>(body, budget, records);
    case fbs::RecordBody::GossipHintRecord:
      return get_as<GossipHintRecord, fbs::GossipHintRecord>(body, budget, records);
    case fbs::RecordBody::SeatOpenedRecord:
      return get_as<SeatOpenedRecord, fbs::SeatOpenedRecord>(body, budget, records);
    case fbs::RecordBody::SeatRecord: return get_as<SeatRecord, fbs::SeatRecord>(body, budget, records);
    case fbs::RecordBody::SeatDroppedRecord:
      return get_as<SeatDroppedRecord, fbs::SeatDroppedRecord>(body, budget, records);
  }
  return flat->may_skip();
}

FileContents refused(std::size_t offset, std::size_t size, const std::string& what) {
  FileContents contents;
  contents.error = what + " at byte " + std::to_string(offset) + " of " + std::to_string(size);
  return contents;
}

std::string framed(const Builder& builder) {
  return frame_record({reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

// What a later minor version may write beside what we know.
std::string unheard_of_record() {
  Builder builder(64);
  const auto table = builder.StartTable();
  const flatbuffers::Offset<void> body(builder.EndTable(table));
  builder.Finish(fbs::CreateRecord(builder, static_cast<fbs::RecordBody>(200), body, true));
  return framed(builder);
}

// What a crash can leave of a file that was just begun: part of the preamble, then nothing or zeros.
bool is_begun(std::string_view bytes) {
  const std::string whole = file_preamble();
  const auto differs = std::mismatch(bytes.begin(), bytes.end(), whole.begin(), whole.end()).first;
  return std::all_of(differs, bytes.end(), [](char byte) { return byte == 0; });
}

}  // namespace

std::string file_preamble() {
  std::string preamble(magic);
  preamble.push_back(static_cast<char>(file_version().major));
  if (file_version().minor != 0) preamble.push_back(static_cast<char>(file_version().minor));
  return frame_record(preamble);
}

std::string encode_record(const FileRecord& record) {
  Builder builder(512);
  const auto body = std::visit([&builder](const auto& value) { return add(builder, value).Union(); }, record);
  builder.Finish(fbs::CreateRecord(builder, type_of(record), body));
  auto bytes = framed(builder);
  const bool hint =
      std::holds_alternative<KnownMembersRecord>(record) || std::holds_alternative<GossipHintRecord>(record);
  if (next_minor && hint) bytes += unheard_of_record();
  return bytes;
}

FileContents read_file(std::string_view bytes) {
  FileContents contents;
  contents.ok = true;
  if (bytes.empty()) return contents;
  const auto first = record_at(bytes, 0);
  if (!first) {
    if (!is_begun(bytes) || valid_record_behind(bytes, 0))
      return refused(0, bytes.size(), "is not ours or is damaged");
    contents.torn = true;
    return contents;
  }
  if (first->substr(0, magic.size()) != magic || first->size() <= magic.size()) {
    return refused(0, bytes.size(), "is not ours: no magic");
  }
  if (static_cast<std::uint8_t>((*first)[magic.size()]) != file_version().major)
    return refused(0, bytes.size(), "has an unknown version");
  std::size_t offset = record_frame_bytes + first->size();
  while (offset < bytes.size()) {
    const auto payload = record_at(bytes, offset);
    if (!payload) {
      if (valid_record_behind(bytes, offset)) return refused(offset, bytes.size(), "is damaged");
      contents.torn = true;
      break;
    }
    if (!append_record(*payload, contents.records)) {
      return refused(offset, bytes.size(), "has a record of a kind this version does not know");
    }
    offset += record_frame_bytes + payload->size();
  }
  contents.valid_bytes = offset;
  return contents;
}

}  // namespace vswim::wire
