// The state file: as it comes, and as records whose lengths and checksums are right.
#include "base/rng.hpp"
#include "fuzz/fuzz.hpp"
#include "provider/provider.hpp"
#include "wire/file_records.hpp"
#include "wire/record_frame.hpp"

using namespace vswim;

namespace {

void read(const std::string& bytes) {
  const auto contents = wire::read_file(bytes);
  FUZZ_CHECK(contents.valid_bytes <= bytes.size());
  FUZZ_CHECK(contents.ok || !contents.error.empty());
  if (!contents.ok) return;
  std::string error;
  const auto node = provider::Provider::start({}, bytes.substr(0, contents.valid_bytes), Instant{}, 1, error);
  FUZZ_CHECK(node != nullptr || !error.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(view(data, size));
  read(bytes);
  auto file = wire::file_preamble();
  std::size_t at = 0;
  while (at + 2 <= bytes.size()) {
    const std::size_t length = static_cast<std::uint8_t>(bytes[at]) | static_cast<std::uint8_t>(bytes[at + 1])
                                                                          << 8;
    const auto payload = std::string_view(bytes).substr(at + 2, length);
    if (!payload.empty()) file += wire::frame_record(payload);  // we never write an empty one
    at += 2 + length;
  }
  read(file);
  return 0;
}
