// Ids, hashes, addresses and lives between their base types and FlatBuffers structs, and the one way to
// verify a buffer. Internal to the wire.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "base/address.hpp"
#include "base/hash.hpp"
#include "base/ids.hpp"
#include "generated/swim_generated.h"
#include "swim/messages.hpp"
#include "wire/limits.hpp"

namespace vswim::wire {

template <class Tag>
fbs::Id20 to_flat(const Id<Tag, 20>& id) {
  return fbs::Id20(flatbuffers::span<const std::uint8_t, 20>(id.bytes));
}
template <class Tag>
fbs::Id16 to_flat(const Id<Tag, 16>& id) {
  return fbs::Id16(flatbuffers::span<const std::uint8_t, 16>(id.bytes));
}
template <class IdType, class Flat>
IdType from_flat(const Flat& flat) {
  IdType id;
  static_assert(sizeof flat == sizeof id.bytes);
  std::copy(flat.bytes()->begin(), flat.bytes()->end(), id.bytes.begin());
  return id;
}
// An absent id is nil: FlatBuffers leaves defaults out.
template <class IdType, class Flat>
IdType from_flat(const Flat* flat) {
  return flat == nullptr ? IdType{} : from_flat<IdType>(*flat);
}

fbs::Id16 to_flat(const Hash128& hash);
Hash128 hash_from_flat(const fbs::Id16& flat);

fbs::AddressAny to_flat(const Address& address);
Address from_flat(const fbs::AddressAny& flat);
bool fits_v4(const Address& address);  // IPv4, or unset
fbs::AddressV4 to_flat_v4(const Address& address);
Address from_flat(const fbs::AddressV4& flat);

std::array<std::uint8_t, 8> number_bytes(std::uint64_t number);
std::uint64_t number_of(const flatbuffers::Array<std::uint8_t, 8>& bytes);

fbs::Life to_flat(const swim::Life& life);
swim::Life from_flat(const fbs::Life& flat);

// Status, life and shard epoch in 40 bits (schemas/swim.fbs).
struct SmallNumbers {
  std::uint8_t status = 0;
  swim::Life life;
  std::uint64_t epoch = 0;
};
bool fits_small(const SmallNumbers& numbers);
fbs::Numbers to_flat(const SmallNumbers& numbers);
SmallNumbers from_flat(const fbs::Numbers& flat);

inline flatbuffers::Offset<flatbuffers::Vector<std::uint8_t>> add_bytes(
    flatbuffers::FlatBufferBuilder& builder, std::string_view bytes) {
  return builder.CreateVector(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}
// Texts for people are cut rather than refused.
inline flatbuffers::Offset<flatbuffers::String> add_text(flatbuffers::FlatBufferBuilder& builder,
                                                         std::string_view text) {
  return builder.CreateString(text.substr(0, text_bytes_max));
}
inline std::string to_string(const flatbuffers::Vector<std::uint8_t>* bytes) {
  return bytes == nullptr ? std::string()
                          : std::string(reinterpret_cast<const char*>(bytes->data()), bytes->size());
}
inline bool text_from_flat(const flatbuffers::String* flat, std::string& text) {
  if (flat == nullptr) return true;
  if (flat->size() > text_bytes_max) return false;
  text = flat->str();
  return true;
}

// What a buffer may turn into: no more bytes than it has. FlatBuffers lets many references share one value,
// so that a small hostile packet could unfold into gigabytes; our encoder never shares.
class Budget {
 public:
  explicit Budget(std::size_t bytes) : left_(bytes) {}
  bool take(std::size_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }

 private:
  std::size_t left_;
};

// Bytes at an address that FlatBuffers may read in place; a misaligned view is copied.
class AlignedBytes {
 public:
  explicit AlignedBytes(std::string_view bytes);
  AlignedBytes(const AlignedBytes&) = delete;
  AlignedBytes& operator=(const AlignedBytes&) = delete;

  Budget budget() const { return Budget(size_); }

  // nullptr when the bytes are not a well-formed `Root`.
  template <class Root>
  const Root* verified() const {
    if (size_ < 8 || size_ > packet_bytes_max) return nullptr;
    flatbuffers::Verifier::Options options;
    options.max_depth = table_depth_max;
    options.max_tables =
        static_cast<flatbuffers::uoffset_t>(size_ / 4 + 1);  // a table takes at least its vtable offset
    flatbuffers::Verifier verifier(data_, size_, options);
    return verifier.VerifyBuffer<Root>(nullptr) ? flatbuffers::GetRoot<Root>(data_) : nullptr;
  }

 private:
  std::string copy_;
  const std::uint8_t* data_;
  std::size_t size_;
};

// A verifier looks at where a vector begins, not at where its structs do: those that hold wider numbers than
// bytes can be put off their alignment by whoever wrote them.
template <class Struct>
bool is_aligned(const flatbuffers::Vector<const Struct*>& vector) {
  return vector.size() == 0 || reinterpret_cast<std::uintptr_t>(vector.Data()) % alignof(Struct) == 0;
}

}  // namespace vswim::wire
