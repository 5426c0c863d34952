#include "wire/digests_codec.hpp"

#include <utility>

namespace vswim::wire {

namespace {

constexpr std::size_t digest_bytes = 8;
using Bytes = flatbuffers::Vector<std::uint8_t>;

flatbuffers::Offset<Bytes> add_sums(flatbuffers::FlatBufferBuilder& builder,
                                    const gossip::BucketDigests& digests) {
  if (digests.empty()) return 0;
  std::uint8_t* bytes = nullptr;
  const auto offset = builder.CreateUninitializedVector(digests.size() * digest_bytes, 1, &bytes);
  for (const std::uint64_t sum : digests.sums()) {
    const auto numbered = number_bytes(sum);
    bytes = std::copy(numbered.begin(), numbered.end(), bytes);
  }
  return offset;
}

bool has_none(const Bytes* bytes) { return bytes == nullptr || bytes->size() == 0; }

// The number of buckets is looked at before anything is made of them.
bool sums_from_flat(const Bytes& bytes, Budget& budget, gossip::BucketDigests& digests) {
  const std::size_t buckets = bytes.size() / digest_bytes;
  if (bytes.size() % digest_bytes != 0 || !gossip::BucketDigests::is_valid_count(buckets)) return false;
  if (!budget.take(bytes.size())) return false;
  std::vector<std::uint64_t> sums(buckets);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const std::uint64_t byte = bytes.Get(static_cast<flatbuffers::uoffset_t>(at));
    sums[at / digest_bytes] |= byte << (8 * (at % digest_bytes));
  }
  auto made = gossip::BucketDigests::from(std::move(sums));
  if (made) digests = *std::move(made);
  return made.has_value();
}

}  // namespace

flatbuffers::Offset<fbs::Digests> add_digests(flatbuffers::FlatBufferBuilder& builder,
                                              const std::optional<RepairDigests>& digests) {
  if (!digests) return 0;
  const auto registers = add_sums(builder, digests->registers);
  const auto members = add_sums(builder, digests->members);
  return fbs::CreateDigests(builder, digests->era.value, registers, members);
}

bool digests_from_flat(const fbs::Digests* flat, Budget& budget, std::optional<RepairDigests>& digests) {
  if (flat == nullptr || has_none(flat->registers())) return true;
  digests.emplace();
  digests->era.value = flat->era();
  return sums_from_flat(*flat->registers(), budget, digests->registers) &&
         (has_none(flat->members()) || sums_from_flat(*flat->members(), budget, digests->members));
}

}  // namespace vswim::wire
