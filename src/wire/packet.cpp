#include "wire/packet.hpp"

#include "base/next_minor.hpp"
#include "wire/control_codec.hpp"
#include "wire/flat_packet.hpp"
#include "wire/frame.hpp"
#include "wire/member_codec.hpp"
#include "wire/register_codec.hpp"
#include "wire/small_log_codec.hpp"
#include "wire/swim_codec.hpp"
#include "wire/version.hpp"

namespace vswim::wire {

namespace {

using Builder = flatbuffers::FlatBufferBuilder;
using RegisterLists = flatbuffers::Vector<flatbuffers::Offset<fbs::Registers>>;

// Upper bounds, checked against the encoder by a test. A mixed list spends a byte per update on its form.
constexpr std::size_t base_bytes = next_minor ? 456 : 376;
constexpr std::size_t form_bytes = 1;
constexpr std::size_t observers_bytes = 4;  // of a suspect
constexpr std::size_t shard_log_part_bytes = 56;

flatbuffers::Offset<RegisterLists> add_batches(Builder& builder,
                                               const std::vector<gossip::BatchUpdate>& batches) {
  if (batches.empty()) return {};
  std::vector<flatbuffers::Offset<fbs::Registers>> offsets;
  offsets.reserve(batches.size());
  for (const auto& batch : batches) offsets.push_back(add_registers(builder, batch.registers));
  return builder.CreateVector(offsets);
}

auto add_shard_log(Builder& builder, const std::vector<ShardLogPart>& parts) {
  std::vector<flatbuffers::Offset<fbs::ShardLog>> offsets;
  for (const auto& part : parts) {
    const auto payload = add_bytes(builder, part.payload);
    const auto shard = to_flat(part.shard);
    offsets.push_back(fbs::CreateShardLog(builder, &shard, payload));
  }
  return parts.empty() ? 0 : builder.CreateVector(offsets);
}

bool batches_from_flat(const RegisterLists* flat, Budget& budget, std::vector<gossip::BatchUpdate>& batches) {
  if (flat == nullptr) return true;
  if (flat->size() > batches_max) return false;
  batches.resize(flat->size());
  for (flatbuffers::uoffset_t i = 0; i < flat->size(); ++i) {
    if (!registers_from_flat(flat->Get(i), budget, batches[i].registers)) return false;
  }
  return true;
}

bool gossip_from_flat(const fbs::Id16* root, const RegisterLists* batches, Budget& budget,
                      std::optional<GossipPart>& part) {
  if (root == nullptr) return true;
  part.emplace();
  part->root = hash_from_flat(*root);
  return batches_from_flat(batches, budget, part->batches);
}

bool shard_log_from_flat(const fbs::Packet& flat, Budget& budget, std::vector<ShardLogPart>& parts) {
  if (flat.shard_log() == nullptr) return true;
  if (flat.shard_log()->size() > shard_log_parts_max) return false;
  for (const auto* part : *flat.shard_log()) {
    if (part->shard() == nullptr || part->payload() == nullptr) return false;
    if (!budget.take(part->payload()->size())) return false;
    parts.push_back({from_flat<ShardId>(part->shard()), to_string(part->payload())});
  }
  return true;
}

SmallNumbers numbers_of(const Header& header) { return {0, header.life, 0}; }

bool fits_small(const Header& header) {
  return fits_small(numbers_of(header)) && fits_v4(header.advertised) && fits_v4(header.observed);
}

bool header_from_flat(const fbs::Packet& flat, Header& header) {
  const auto* small = flat.small_header();
  const auto* wide = flat.wide_header();
  if ((small == nullptr) == (wide == nullptr)) return false;
  header.sender = small != nullptr ? from_flat<NodeId>(small->sender()) : from_flat<NodeId>(wide->sender());
  header.life = small != nullptr ? from_flat(small->numbers()).life : from_flat(wide->life());
  header.advertised = small != nullptr ? from_flat(small->advertised()) : from_flat(wide->advertised());
  header.observed = small != nullptr ? from_flat(small->observed()) : from_flat(wide->observed());
  return true;
}

bool packet_from_flat(const fbs::Packet& flat, Budget budget, Packet& packet) {
  packet.gossip_shard = from_flat<ShardId>(flat.gossip_shard());
  return header_from_flat(flat, packet.header) && swim_from_flat(flat.swim(), packet.swim) &&
         gossip_from_flat(flat.global_root(), flat.global_batches(), budget, packet.global_gossip) &&
         gossip_from_flat(flat.shard_root(), flat.shard_batches(), budget, packet.shard_gossip) &&
         small_log_from_flat(flat, packet.header.sender, budget, packet.small_log) &&
         shard_log_from_flat(flat, budget, packet.shard_log) &&
         control_from_flat(flat.control_type(), flat.control(), budget, packet.control);
}

DecodeError error_of(FrameError error) {
  switch (error) {
    case FrameError::none: return DecodeError::none;
    case FrameError::checksum: return DecodeError::checksum;
    case FrameError::version: return DecodeError::version;
    case FrameError::format: return DecodeError::format;
  }
  return DecodeError::format;
}

const std::vector<gossip::BatchUpdate> no_batches;

// What a later minor version may say beside what we know: a kind of message, and a field behind the last.
FlatControl unheard_of_control(Builder& builder) {
  const auto table = builder.StartTable();
  return {static_cast<fbs::Control>(200), builder.EndTable(table)};
}
void add_unheard_of_field(Builder& builder) {
  constexpr flatbuffers::voffset_t behind_the_last = fbs::Packet::VT_MINOR + sizeof(flatbuffers::voffset_t);
  builder.AddElement<std::uint64_t>(behind_the_last, 0x6d696e6f72, 0);
}

}  // namespace

std::string encode(const Packet& packet) {
  Builder builder(2'048);
  const auto swim = packet.swim ? add_swim(builder, *packet.swim) : 0;
  const auto global_batches =
      add_batches(builder, packet.global_gossip ? packet.global_gossip->batches : no_batches);
  const auto shard_batches =
      add_batches(builder, packet.shard_gossip ? packet.shard_gossip->batches : no_batches);
  const auto small_log = add_small_log(builder, packet.small_log);
  const auto shard_log = add_shard_log(builder, packet.shard_log);
  FlatControl control;
  if (packet.control) control = add_control(builder, *packet.control);
  if (next_minor && !packet.control) control = unheard_of_control(builder);

  const bool small = fits_small(packet.header);
  const Header& from = packet.header;
  const fbs::Id20 sender = to_flat(from.sender);
  fbs::PacketBuilder table(builder);
  if (small) {
    const fbs::SmallHeader header(sender, to_flat(numbers_of(from)), to_flat_v4(from.advertised),
                                  to_flat_v4(from.observed));
    table.add_small_header(&header);
  } else {
    const fbs::WideHeader header(to_flat(from.life), sender, to_flat(from.advertised),
                                 to_flat(from.observed));
    table.add_wide_header(&header);
  }
  table.add_swim(swim);
  if (packet.global_gossip) {
    const fbs::Id16 root = to_flat(packet.global_gossip->root);
    table.add_global_root(&root);
  }
  if (packet.shard_gossip) {
    const fbs::Id16 root = to_flat(packet.shard_gossip->root);
    table.add_shard_root(&root);
  }
  if (!packet.gossip_shard.is_nil()) {
    const fbs::Id20 shard = to_flat(packet.gossip_shard);
    table.add_gossip_shard(&shard);
  }
  table.add_heartbeats(small_log.heartbeats);
  table.add_answers(small_log.answers);
  table.add_lease_requests(small_log.requests);
  table.add_lease_grants(small_log.grants);
  table.add_global_batches(global_batches);
  table.add_shard_batches(shard_batches);
  table.add_shard_log(shard_log);
  table.add_control_type(control.type);
  table.add_control(control.offset);
  table.add_minor(packet_version().minor);
  if (next_minor) add_unheard_of_field(builder);
  builder.Finish(table.Finish());
  return frame(from.cluster, {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

Decoded decode(std::string_view bytes) {
  Decoded decoded;
  const Framed framed = unframe(bytes);
  decoded.error = error_of(framed.error);
  if (decoded.error != DecodeError::none) return decoded;
  const AlignedBytes payload(framed.payload);
  const auto* flat = payload.verified<fbs::Packet>();
  if (flat == nullptr || !packet_from_flat(*flat, payload.budget(), decoded.packet)) {
    return {DecodeError::format, {}};
  }
  decoded.packet.header.cluster = framed.cluster;
  decoded.minor = flat->minor();
  return decoded;
}

std::size_t encoded_bytes_base() { return base_bytes; }

std::size_t encoded_bytes(const swim::MemberUpdate& update) {
  const std::size_t bytes = form_bytes + (update.status == swim::Status::suspect ? observers_bytes : 0);
  switch (form_of(update)) {
    case MemberForm::v4: return sizeof(fbs::MemberV4) + bytes;
    case MemberForm::brief: return sizeof(fbs::MemberBrief) + bytes;
    case MemberForm::wide: return sizeof(fbs::MemberWide) + bytes;
  }
  return sizeof(fbs::MemberWide) + bytes;
}

std::size_t encoded_bytes(const gossip::BatchUpdate& batch) { return gossip::Gossip::encoded_bytes(batch); }

std::size_t encoded_bytes(const ShardLogPart& part) { return shard_log_part_bytes + part.payload.size(); }

std::size_t encoded_bytes(const SmallLogPart& part) {
  constexpr std::size_t head_of_vector = 8;  // length, and what aligns it
  return small_log_bytes(part.message) + head_of_vector;
}

std::optional<ClusterId> peek_cluster(std::string_view bytes) { return peek_frame_cluster(bytes); }

}  // namespace vswim::wire
