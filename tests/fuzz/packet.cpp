// Packets: as they come, and behind a good checksum, where an enemy without a secret can put anything.
#include "wire/packet.hpp"

#include "fuzz/fuzz.hpp"
#include "wire/frame.hpp"
#include "wire/shard_log_codec.hpp"

using namespace vswim;

namespace {

// What was understood is said again in the same words: nothing was read that is not there.
void decode_and_encode(std::string_view bytes) {
  const auto decoded = wire::decode(bytes);
  if (decoded.error != wire::DecodeError::none) return;
  const auto again = wire::decode(wire::encode(decoded.packet));
  FUZZ_CHECK(again.error == wire::DecodeError::none);
  FUZZ_CHECK(again.packet == decoded.packet);
  for (const auto& part : decoded.packet.shard_log) static_cast<void>(wire::decode_message(part.payload));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = view(data, size);
  static_cast<void>(wire::peek_cluster(bytes));
  decode_and_encode(bytes);
  decode_and_encode(wire::frame({}, bytes));
  return 0;
}
