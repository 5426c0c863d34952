// What other nodes' Cores say: registers of gossip and of the shard log, and messages from Core to Core.
#include "core/metadata.hpp"

#include "core/core_messages.hpp"
#include "core/migration_messages.hpp"
#include "core/slot_table.hpp"
#include "fuzz/fuzz.hpp"

using namespace vswim;
using namespace vswim::core;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = view(data, size);
  if (const auto key = parse_key(text)) FUZZ_CHECK(parse_key(key_text(*key)).has_value());
  if (const auto info = parse_node_info(text)) {
    const auto again = parse_node_info(node_info_text(*info));
    FUZZ_CHECK(again && *again == *info);
  }
  for (const std::uint16_t bucket : {std::uint16_t{0}, std::uint16_t{63}}) {
    if (const auto ranges = parse_claimed(bucket, text)) {
      const auto again = parse_claimed(bucket, claimed_text(*ranges));
      FUZZ_CHECK(again && *again == *ranges);
    }
    static_cast<void>(parse_bucket(bucket, text));
  }
  if (const auto offset = parse_offset(text)) {
    const auto again = parse_offset(offset_text(*offset));
    FUZZ_CHECK(again && *again == *offset);
  }
  static_cast<void>(decode(text));
  static_cast<void>(decode_migration(text));
  static_cast<void>(export_job(text));
  static_cast<void>(import_job(text));
  static_cast<void>(parse_export(text));
  static_cast<void>(parse_import(text));
  return 0;
}
