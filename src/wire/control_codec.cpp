#include "wire/control_codec.hpp"

#include "base/overloaded.hpp"
#include "wire/digests_codec.hpp"
#include "wire/member_codec.hpp"
#include "wire/register_codec.hpp"

namespace vswim::wire {

namespace {

using Builder = flatbuffers::FlatBufferBuilder;

auto add(Builder& builder, const JoinRequest& value) {
  const auto joiner = add_members(builder, {value.joiner});
  return fbs::CreateJoinRequest(builder, value.request, joiner, value.alone, value.members);
}
auto add(Builder& builder, const JoinAnswer& value) {
  const auto reason = add_text(builder, value.reason);
  const auto members = add_members(builder, value.members);
  const auto global = add_registers(builder, value.global.registers);
  const auto cluster = to_flat(value.cluster);
  return fbs::CreateJoinAnswer(builder, value.request, value.accepted, reason, value.invites, &cluster,
                               value.join_min.value, members, global);
}
auto add(Builder& builder, const JoinResult& value) {
  const auto reason = add_text(builder, value.reason);
  return fbs::CreateJoinResult(builder, value.request, value.ok, reason);
}
auto add(Builder& builder, const SnapshotRequest& value) {
  const auto shard = to_flat(value.shard);
  const auto digests = add_digests(builder, value.digests);
  return fbs::CreateSnapshotRequest(builder, static_cast<std::uint8_t>(value.scope), &shard, digests,
                                    value.both_ways);
}
auto add(Builder& builder, const SnapshotAnswer& value) {
  const auto snapshot = add_registers(builder, value.snapshot.registers);
  const auto members = add_members(builder, value.members);
  const auto shard = to_flat(value.shard);
  return fbs::CreateSnapshotAnswer(builder, static_cast<std::uint8_t>(value.scope), &shard, snapshot,
                                   members);
}
auto add(Builder& builder, const ShardRequest& value) {
  const auto shard = to_flat(value.shard);
  const auto node = to_flat(value.node);
  const auto uuid = to_flat(value.uuid);
  return fbs::CreateShardRequest(builder, value.request, &shard, value.add, &node, &uuid);
}
auto add(Builder& builder, const ShardAnswer& value) {
  const auto text = add_text(builder, value.text);
  return fbs::CreateShardAnswer(builder, value.request, static_cast<std::uint8_t>(value.outcome), text,
                                value.epoch.value);
}
auto add(Builder& builder, const CoreBytes& value) {
  const auto bytes = add_bytes(builder, value.bytes);
  return fbs::CreateCoreBytes(builder, bytes);
}
auto add(Builder& builder, const RepairPart& value) {
  const auto registers = add_registers(builder, value.part.registers);
  const auto members = add_members(builder, value.members);
  const auto digests = add_digests(builder, value.digests);
  const auto shard = to_flat(value.shard);
  return fbs::CreateRepairPart(builder, static_cast<std::uint8_t>(value.scope), &shard, value.part.era.value,
                               registers, members, digests);
}
auto add(Builder& builder, const LeaseEvidence& value) {
  const auto shard = to_flat(value.shard);
  const auto node = to_flat(value.node);
  return fbs::CreateLeaseEvidence(builder, &shard, &node, value.ended);
}

bool scope_from_flat(std::uint8_t flat, contract::Scope& scope) {
  if (flat > static_cast<std::uint8_t>(contract::Scope::global)) return false;
  scope = static_cast<contract::Scope>(flat);
  return true;
}

bool get(const fbs::JoinRequest& flat, Budget&, JoinRequest& value) {
  std::vector<swim::MemberUpdate> joiner;
  if (!members_from_flat(flat.joiner(), joiner) || joiner.size() != 1) return false;
  value = {flat.request(), joiner.front(), flat.alone(), flat.members()};
  return true;
}
bool get(const fbs::JoinAnswer& flat, Budget& budget, JoinAnswer& value) {
  value.request = flat.request();
  value.accepted = flat.accepted();
  value.invites = flat.invites();
  value.cluster = from_flat<ClusterId>(flat.cluster());
  value.join_min.value = flat.join_min();
  return text_from_flat(flat.reason(), value.reason) && members_from_flat(flat.members(), value.members) &&
         registers_from_flat(flat.global(), budget, value.global.registers);
}
bool get(const fbs::JoinResult& flat, Budget&, JoinResult& value) {
  value.request = flat.request();
  value.ok = flat.ok();
  return text_from_flat(flat.reason(), value.reason);
}
bool get(const fbs::SnapshotRequest& flat, Budget& budget, SnapshotRequest& value) {
  value.shard = from_flat<ShardId>(flat.shard());
  value.both_ways = flat.both_ways();
  return scope_from_flat(flat.scope(), value.scope) &&
         digests_from_flat(flat.digests(), budget, value.digests);
}
bool get(const fbs::SnapshotAnswer& flat, Budget& budget, SnapshotAnswer& value) {
  value.shard = from_flat<ShardId>(flat.shard());
  return scope_from_flat(flat.scope(), value.scope) && members_from_flat(flat.members(), value.members) &&
         registers_from_flat(flat.snapshot(), budget, value.snapshot.registers);
}
bool get(const fbs::ShardRequest& flat, Budget&, ShardRequest& value) {
  value = {flat.request(), from_flat<ShardId>(flat.shard()), flat.add(), from_flat<NodeId>(flat.node()),
           from_flat<VoterUuid>(flat.uuid())};
  return true;
}
bool get(const fbs::ShardAnswer& flat, Budget&, ShardAnswer& value) {
  if (flat.outcome() > static_cast<std::uint8_t>(contract::Outcome::unknown)) return false;
  value.request = flat.request();
  value.outcome = static_cast<contract::Outcome>(flat.outcome());
  value.epoch.value = flat.epoch();
  return text_from_flat(flat.text(), value.text);
}
bool get(const fbs::CoreBytes& flat, Budget& budget, CoreBytes& value) {
  if (flat.bytes() != nullptr && !budget.take(flat.bytes()->size())) return false;
  value.bytes = to_string(flat.bytes());
  return true;
}
bool get(const fbs::RepairPart& flat, Budget& budget, RepairPart& value) {
  value.shard = from_flat<ShardId>(flat.shard());
  value.part.era.value = flat.era();
  return scope_from_flat(flat.scope(), value.scope) && members_from_flat(flat.members(), value.members) &&
         registers_from_flat(flat.registers(), budget, value.part.registers) &&
         digests_from_flat(flat.digests(), budget, value.digests);
}
bool get(const fbs::LeaseEvidence& flat, Budget&, LeaseEvidence& value) {
  value = {from_flat<ShardId>(flat.shard()), from_flat<NodeId>(flat.node()), flat.ended()};
  return flat.shard() != nullptr && flat.node() != nullptr;
}

template <class Value, class Flat>
bool get_as(const void* flat, Budget& budget, std::optional<Control>& control) {
  control.emplace(Value{});
  return get(*static_cast<const Flat*>(flat), budget, std::get<Value>(*control));
}

}  // namespace

FlatControl add_control(Builder& builder, const Control& control) {
  const auto type =
      std::visit(Overloaded{[](const JoinRequest&) { return fbs::Control::JoinRequest; },
                            [](const JoinAnswer&) { return fbs::Control::JoinAnswer; },
                            [](const JoinResult&) { return fbs::Control::JoinResult; },
                            [](const SnapshotRequest&) { return fbs::Control::SnapshotRequest; },
                            [](const SnapshotAnswer&) { return fbs::Control::SnapshotAnswer; },
                            [](const ShardRequest&) { return fbs::Control::ShardRequest; },
                            [](const ShardAnswer&) { return fbs::Control::ShardAnswer; },
                            [](const CoreBytes&) { return fbs::Control::CoreBytes; },
                            [](const LeaseEvidence&) { return fbs::Control::LeaseEvidence; },
                            [](const RepairPart&) { return fbs::Control::RepairPart; }},
                 control);
  return {type, std::visit([&builder](const auto& value) { return add(builder, value).Union(); }, control)};
}

bool control_from_flat(fbs::Control type, const void* flat, Budget& budget, std::optional<Control>& control) {
  if (flat == nullptr) return true;
  switch (type) {
    case fbs::Control::NONE: return true;
    case fbs::Control::JoinRequest: return get_as<JoinRequest, fbs::JoinRequest>(flat, budget, control);
    case fbs::Control::JoinAnswer: return get_as<JoinAnswer, fbs::JoinAnswer>(flat, budget, control);
    case fbs::Control::JoinResult: return get_as<JoinResult, fbs::JoinResult>(flat, budget, control);
    case fbs::Control::SnapshotRequest:
      return get_as<SnapshotRequest, fbs::SnapshotRequest>(flat, budget, control);
    case fbs::Control::SnapshotAnswer:
      return get_as<SnapshotAnswer, fbs::SnapshotAnswer>(flat, budget, control);
    case fbs::Control::ShardRequest: return get_as<ShardRequest, fbs::ShardRequest>(flat, budget, control);
    case fbs::Control::ShardAnswer: return get_as<ShardAnswer, fbs::ShardAnswer>(flat, budget, control);
    case fbs::Control::CoreBytes: return get_as<CoreBytes, fbs::CoreBytes>(flat, budget, control);
    case fbs::Control::LeaseEvidence: return get_as<LeaseEvidence, fbs::LeaseEvidence>(flat, budget, control);
    case fbs::Control::RepairPart: return get_as<RepairPart, fbs::RepairPart>(flat, budget, control);
  }
  return true;
}

}  // namespace vswim::wire
