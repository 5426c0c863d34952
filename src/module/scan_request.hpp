// What a CLUSTERSCAN asks for, read from its arguments: cursors are <fingerprint>-<{tag} of a
// slot>-<position>, so that they route like keys. Pure. Errors, their order and the answers that need no look
// at the keys are the server's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/slots.hpp"

namespace vswim::module {

struct ScanRequest {
  core::Slot slot = 0;         // where to go on
  std::uint64_t position = 0;  // in that slot
  bool one_slot = false;       // ends with the slot
  std::int64_t count = 10;
  std::optional<std::string> pattern, type;

  std::string error;                  // not empty: that is the answer
  std::optional<std::string> cursor;  // an empty page with this cursor is the answer
};

// `words`: all of the command. A position counts only behind `fingerprint`.
ScanRequest read_scan(const std::vector<std::string_view>& words, std::string_view fingerprint);

std::string scan_cursor(std::string_view fingerprint, core::Slot slot, std::uint64_t position);
std::string scan_start(core::Slot slot);  // the cursor of a slot's beginning, on any node

}  // namespace vswim::module
