// Buffers that our encoder never makes, built with the schema's own builder.
#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "wire/flat_packet.hpp"
#include "wire/frame.hpp"
#include "wire/packet.hpp"

using namespace vswim;
using namespace vswim::wire;

namespace {

std::string finish(flatbuffers::FlatBufferBuilder& builder, fbs::PacketBuilder& table) {
  const fbs::SmallHeader header;
  table.add_small_header(&header);
  builder.Finish(table.Finish());
  return frame({}, {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()});
}

}  // namespace

TEST_CASE("an unknown control message is an ignored part") {
  flatbuffers::FlatBufferBuilder builder;
  const auto bytes = fbs::CreateCoreBytes(builder, builder.CreateVector(std::vector<std::uint8_t>{1, 2, 3}));
  const auto swim = fbs::CreateSwim(builder, 4);
  fbs::PacketBuilder table(builder);
  table.add_control_type(static_cast<fbs::Control>(200));
  table.add_control(bytes.Union());
  table.add_swim(swim);
  const Decoded decoded = decode(finish(builder, table));
  REQUIRE(decoded.error == DecodeError::none);
  REQUIRE_FALSE(decoded.packet.control);
  REQUIRE(decoded.packet.swim);
}

TEST_CASE("fields of a later minor version are ignored, and its number is told") {
  flatbuffers::FlatBufferBuilder builder;
  const auto swim = fbs::CreateSwim(builder, 4);
  fbs::PacketBuilder table(builder);
  table.add_swim(swim);
  table.add_minor(9);
  builder.AddElement<std::uint64_t>(fbs::Packet::VT_MINOR + 2, 1, 0);
  builder.AddElement<std::uint64_t>(fbs::Packet::VT_MINOR + 4, 2, 0);
  const Decoded decoded = decode(finish(builder, table));
  REQUIRE(decoded.error == DecodeError::none);
  REQUIRE(decoded.packet.swim);
  REQUIRE(decoded.minor == 9);
}

TEST_CASE("an unknown kind of SWIM message is an ignored part") {
  flatbuffers::FlatBufferBuilder builder;
  const auto swim = fbs::CreateSwim(builder, 5);
  fbs::PacketBuilder table(builder);
  table.add_swim(swim);
  const Decoded decoded = decode(finish(builder, table));
  REQUIRE(decoded.error == DecodeError::none);
  REQUIRE_FALSE(decoded.packet.swim);
}

TEST_CASE("a status that does not exist is refused") {
  flatbuffers::FlatBufferBuilder builder;
  const fbs::Numbers numbers = to_flat(SmallNumbers{7, {}, 0});
  const std::vector<fbs::MemberBrief> brief{{fbs::Id20(), numbers}};
  const auto swim = fbs::CreateSwim(builder, 4, 0, nullptr, nullptr, 0, builder.CreateVectorOfStructs(brief));
  fbs::PacketBuilder table(builder);
  table.add_swim(swim);
  REQUIRE(decode(finish(builder, table)).error == DecodeError::format);
}

TEST_CASE("a ping without a target, and a packet with two headers, are refused") {
  flatbuffers::FlatBufferBuilder builder;
  const auto swim = fbs::CreateSwim(builder, 0, 1);
  fbs::PacketBuilder table(builder);
  table.add_swim(swim);
  REQUIRE(decode(finish(builder, table)).error == DecodeError::format);

  flatbuffers::FlatBufferBuilder second;
  const fbs::WideHeader wide;
  fbs::PacketBuilder both(second);
  both.add_wide_header(&wide);
  REQUIRE(decode(finish(second, both)).error == DecodeError::format);
}

TEST_CASE("a writer's index that does not exist is refused") {
  flatbuffers::FlatBufferBuilder builder;
  const auto key = builder.CreateVector(std::vector<std::uint8_t>{'k'});
  const std::vector<flatbuffers::Offset<fbs::Register>> list{fbs::CreateRegister(builder, key, 0, 1, 0, 1)};
  const auto writers = builder.CreateVectorOfStructs(std::vector<fbs::Id20>(1));
  const std::vector<flatbuffers::Offset<fbs::Registers>> batches{
      fbs::CreateRegisters(builder, builder.CreateVector(list), writers)};
  const auto batch_list = builder.CreateVector(batches);
  fbs::PacketBuilder table(builder);
  const fbs::Id16 root;
  table.add_global_root(&root);
  table.add_global_batches(batch_list);
  REQUIRE(decode(finish(builder, table)).error == DecodeError::format);
}

TEST_CASE("references that share one value cannot unfold into more bytes than arrived") {
  flatbuffers::FlatBufferBuilder builder;
  const auto key = builder.CreateVector(std::vector<std::uint8_t>{'k'});
  const auto value = builder.CreateVector(std::vector<std::uint8_t>(60'000, 'v'));
  const std::vector<flatbuffers::Offset<fbs::Register>> list(10'000,
                                                             fbs::CreateRegister(builder, key, value));
  const auto writers = builder.CreateVectorOfStructs(std::vector<fbs::Id20>(1));
  const std::vector<flatbuffers::Offset<fbs::Registers>> batches(
      100, fbs::CreateRegisters(builder, builder.CreateVector(list), writers));
  const auto batch_list = builder.CreateVector(batches);
  fbs::PacketBuilder table(builder);
  const fbs::Id16 root;
  table.add_global_root(&root);
  table.add_global_batches(batch_list);
  REQUIRE(decode(finish(builder, table)).error == DecodeError::format);
}

namespace {

struct SentDigests {
  std::optional<std::size_t> registers_bytes, members_bytes;
};

// A request (or, as a part, what would be answered) with byte vectors of these lengths for digests.
Decoded decode_digests(const SentDigests& sent, bool as_part) {
  flatbuffers::FlatBufferBuilder builder;
  const auto bytes = [&](const std::optional<std::size_t>& size) {
    return size ? builder.CreateVector(std::vector<std::uint8_t>(*size, 7))
                : flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>>();
  };
  const auto registers = bytes(sent.registers_bytes), members = bytes(sent.members_bytes);
  const auto digests = fbs::CreateDigests(builder, 9, registers, members);
  const fbs::Id20 shard;
  const auto control = as_part ? fbs::CreateRepairPart(builder, 1, &shard, 3, 0, 0, digests).Union()
                               : fbs::CreateSnapshotRequest(builder, 1, &shard, digests, true).Union();
  fbs::PacketBuilder table(builder);
  table.add_control_type(as_part ? fbs::Control::RepairPart : fbs::Control::SnapshotRequest);
  table.add_control(control);
  return decode(finish(builder, table));
}

}  // namespace

TEST_CASE("digests of a wrong length, of too few, too many or an odd number of buckets are refused") {
  for (const bool as_part : {false, true}) {
    for (const std::size_t wrong :
         {1, 7, 8, 120, 127, 129, 136, 8 * 24, 8 * 4'095, 8 * 4'096 + 1, 8 * 8'192}) {
      INFO(wrong);
      REQUIRE(decode_digests({wrong, {}}, as_part).error == DecodeError::format);
      REQUIRE(decode_digests({128, wrong}, as_part).error == DecodeError::format);
    }
    for (const std::size_t right : {8 * 16, 8 * 32, 8 * 1'024, 8 * 4'096}) {
      REQUIRE(decode_digests({right, {}}, as_part).error == DecodeError::none);
      REQUIRE(decode_digests({right, 128}, as_part).error == DecodeError::none);
    }
  }
}

TEST_CASE("a request without digests, or with none in them, is one for the whole snapshot") {
  for (const SentDigests& sent :
       {SentDigests{}, SentDigests{0, {}}, SentDigests{0, 0}, SentDigests{{}, 128}}) {
    const auto decoded = decode_digests(sent, false);
    REQUIRE(decoded.error == DecodeError::none);
    REQUIRE_FALSE(std::get<SnapshotRequest>(*decoded.packet.control).digests);
  }
  // As a version without digests says it.
  flatbuffers::FlatBufferBuilder builder;
  const fbs::Id20 shard;
  const auto start = builder.StartTable();
  builder.AddStruct(fbs::SnapshotRequest::VT_SHARD, &shard);
  builder.AddElement<std::uint8_t>(fbs::SnapshotRequest::VT_SCOPE, 1, 0);
  const flatbuffers::Offset<void> control(builder.EndTable(start));
  fbs::PacketBuilder table(builder);
  table.add_control_type(fbs::Control::SnapshotRequest);
  table.add_control(control);
  const auto decoded = decode(finish(builder, table));
  REQUIRE(decoded.error == DecodeError::none);
  REQUIRE(std::get<SnapshotRequest>(*decoded.packet.control) ==
          SnapshotRequest{contract::Scope::global, {}, {}, false});
}
