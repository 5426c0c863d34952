// Messages of the shard log, and its records in the state file.
#include "fuzz/fuzz.hpp"
#include "wire/shard_log_codec.hpp"

using namespace vswim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = view(data, size);
  if (const auto message = wire::decode_message(bytes)) {
    const auto again = wire::decode_message(wire::encode_message(*message));
    FUZZ_CHECK(again.has_value());
  }
  if (const auto record = wire::decode_seat_record(bytes)) {
    const auto again = wire::decode_seat_record(wire::encode_seat_record(*record));
    FUZZ_CHECK(again.has_value());
  }
  return 0;
}
