#include "seal/datagram_head.hpp"

#include "base/bytes.hpp"

namespace vswim::seal {

namespace {

constexpr std::string_view magic = "vswm";
constexpr std::uint8_t head_version = 1;
constexpr std::size_t version_at = 4, kind_at = 5, cluster_at = 6, key_at = 8, counter_at = 12,
                      sender_at = 20, receiver_at = 28;

}  // namespace

std::string encode_head(const DatagramHead& head) {
  std::string bytes(magic);
  append_integer(bytes, head_version);
  append_integer(bytes, static_cast<std::uint8_t>(head.kind));
  append_integer(bytes, head.cluster);
  append_integer(bytes, head.key);
  append_integer(bytes, head.counter);
  append_integer(bytes, head.sender.value);
  append_integer(bytes, head.receiver.value);
  return bytes;
}

HeadError decode_head(std::string_view datagram, DatagramHead& head) {
  if (datagram.size() <= kind_at || datagram.substr(0, magic.size()) != magic) return HeadError::malformed;
  if (datagram[kind_at] == 0) return HeadError::plain;
  if (static_cast<std::uint8_t>(datagram[version_at]) != head_version) return HeadError::version;
  const auto kind = static_cast<DatagramKind>(datagram[kind_at]);
  if (kind != DatagramKind::data && kind != DatagramKind::contact) return HeadError::version;
  if (datagram.size() < DatagramHead::bytes + tag_bytes) return HeadError::malformed;
  head.kind = kind;
  head.cluster = read_integer<std::uint16_t>(datagram.substr(cluster_at));
  head.key = read_integer<std::uint32_t>(datagram.substr(key_at));
  head.counter = read_integer<std::uint64_t>(datagram.substr(counter_at));
  head.sender.value = read_integer<std::uint64_t>(datagram.substr(sender_at));
  head.receiver.value = read_integer<std::uint64_t>(datagram.substr(receiver_at));
  const bool data = kind == DatagramKind::data;
  // Only a question may be to nobody in particular, and only data has contents.
  if (head.sender.is_nil() || (data && head.receiver.is_nil())) return HeadError::malformed;
  if (data == (datagram.size() == DatagramHead::bytes + tag_bytes)) return HeadError::malformed;
  return HeadError::none;
}

bool looks_sealed(std::string_view datagram) {
  return datagram.size() >= DatagramHead::bytes + tag_bytes && datagram.substr(0, magic.size()) == magic &&
         datagram[kind_at] != 0;
}

std::uint16_t cluster_tag(std::string_view cluster_name) {
  const Key hash = derive(Key{}, "cluster name", cluster_name);
  return static_cast<std::uint16_t>(hash.bytes[0] << 8 | hash.bytes[1]);
}

}  // namespace vswim::seal
