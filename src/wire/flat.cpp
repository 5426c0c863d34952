#include "wire/flat.hpp"

namespace vswim::wire {

namespace {

constexpr std::array<std::uint8_t, 12> v4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::array<std::uint8_t, 2> port_bytes(std::uint16_t port) {
  return {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port & 0xff)};
}

template <class Flat>
std::uint16_t port_of(const Flat& flat) {
  return static_cast<std::uint16_t>(flat.port()->Get(0) << 8 | flat.port()->Get(1));
}

// Field widths of fbs::Numbers.
constexpr unsigned status_bits = 3, join_bits = 6, generation_bits = 12, incarnation_bits = 9,
                   epoch_bits = 10;
static_assert(status_bits + join_bits + generation_bits + incarnation_bits + epoch_bits == 40);

bool fits(std::uint64_t value, unsigned bits) { return value >> bits == 0; }

}  // namespace

fbs::Id16 to_flat(const Hash128& hash) {
  std::array<std::uint8_t, 16> bytes;
  for (unsigned i = 0; i < 8; ++i) {
    bytes[i] = static_cast<std::uint8_t>(hash.low >> (8 * i));
    bytes[8 + i] = static_cast<std::uint8_t>(hash.high >> (8 * i));
  }
  return fbs::Id16(flatbuffers::span<const std::uint8_t, 16>(bytes));
}

Hash128 hash_from_flat(const fbs::Id16& flat) {
  Hash128 hash;
  for (unsigned i = 0; i < 8; ++i) {
    hash.low |= static_cast<std::uint64_t>(flat.bytes()->Get(i)) << (8 * i);
    hash.high |= static_cast<std::uint64_t>(flat.bytes()->Get(8 + i)) << (8 * i);
  }
  return hash;
}

fbs::AddressAny to_flat(const Address& address) {
  const auto port = port_bytes(address.port);
  return fbs::AddressAny(flatbuffers::span<const std::uint8_t, 16>(address.ip),
                         flatbuffers::span<const std::uint8_t, 2>(port));
}

Address from_flat(const fbs::AddressAny& flat) {
  Address address;
  std::copy(flat.ip()->begin(), flat.ip()->end(), address.ip.begin());
  address.port = port_of(flat);
  return address;
}

bool fits_v4(const Address& address) {
  if (!address.has_ip()) return true;
  const bool mapped = std::equal(v4_prefix.begin(), v4_prefix.end(), address.ip.begin());
  const bool zero =
      std::all_of(address.ip.begin() + 12, address.ip.end(), [](auto byte) { return byte == 0; });
  return mapped && !zero;  // 0.0.0.0 stands for unset
}

fbs::AddressV4 to_flat_v4(const Address& address) {
  std::array<std::uint8_t, 4> ip;
  std::copy(address.ip.begin() + 12, address.ip.end(), ip.begin());
  const auto port = port_bytes(address.port);
  return fbs::AddressV4(flatbuffers::span<const std::uint8_t, 4>(ip),
                        flatbuffers::span<const std::uint8_t, 2>(port));
}

Address from_flat(const fbs::AddressV4& flat) {
  Address address;
  std::copy(flat.ip()->begin(), flat.ip()->end(), address.ip.begin() + 12);
  if (address.has_ip()) std::copy(v4_prefix.begin(), v4_prefix.end(), address.ip.begin());
  address.port = port_of(flat);
  return address;
}

std::array<std::uint8_t, 8> number_bytes(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes;
  for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return bytes;
}

std::uint64_t number_of(const flatbuffers::Array<std::uint8_t, 8>& bytes) {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < 8; ++i) number |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
  return number;
}

fbs::Life to_flat(const swim::Life& life) {
  const auto join = number_bytes(life.join.value);
  const auto generation = number_bytes(life.generation.value);
  const auto incarnation = number_bytes(life.incarnation.value);
  using Bytes = flatbuffers::span<const std::uint8_t, 8>;
  return fbs::Life(Bytes(join), Bytes(generation), Bytes(incarnation));
}

swim::Life from_flat(const fbs::Life& flat) {
  return {{number_of(*flat.join())}, {number_of(*flat.generation())}, {number_of(*flat.incarnation())}};
}

bool fits_small(const SmallNumbers& numbers) {
  return fits(numbers.status, status_bits) && fits(numbers.life.join.value, join_bits) &&
         fits(numbers.life.generation.value, generation_bits) &&
         fits(numbers.life.incarnation.value, incarnation_bits) && fits(numbers.epoch, epoch_bits);
}

fbs::Numbers to_flat(const SmallNumbers& numbers) {
  std::uint64_t packed = numbers.epoch;
  packed = packed << incarnation_bits | numbers.life.incarnation.value;
  packed = packed << generation_bits | numbers.life.generation.value;
  packed = packed << join_bits | numbers.life.join.value;
  packed = packed << status_bits | numbers.status;
  std::array<std::uint8_t, 5> bytes;
  for (unsigned i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(packed >> (8 * i));
  return fbs::Numbers(flatbuffers::span<const std::uint8_t, 5>(bytes));
}

SmallNumbers from_flat(const fbs::Numbers& flat) {
  std::uint64_t packed = 0;
  for (unsigned i = 0; i < 5; ++i) packed |= static_cast<std::uint64_t>(flat.bytes()->Get(i)) << (8 * i);
  const auto take = [&packed](unsigned bits) {
    const std::uint64_t value = packed & ((std::uint64_t{1} << bits) - 1);
    packed >>= bits;
    return value;
  };
  SmallNumbers numbers;
  numbers.status = static_cast<std::uint8_t>(take(status_bits));
  numbers.life.join.value = take(join_bits);
  numbers.life.generation.value = take(generation_bits);
  numbers.life.incarnation.value = take(incarnation_bits);
  numbers.epoch = take(epoch_bits);
  return numbers;
}

AlignedBytes::AlignedBytes(std::string_view bytes)
    : data_(reinterpret_cast<const std::uint8_t*>(bytes.data())), size_(bytes.size()) {
  if (reinterpret_cast<std::uintptr_t>(data_) % 8 == 0) return;
  copy_.reserve(
      std::max<std::size_t>(bytes.size(), 32));  // beyond the small-string buffer: from the aligned heap
  copy_.assign(bytes);
  data_ = reinterpret_cast<const std::uint8_t*>(copy_.data());
}

}  // namespace vswim::wire
