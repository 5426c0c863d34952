// A primary that comes back does not take up its right before its replicas had their turn (design 1,
// "Restart"). Pure decisions of both sides: a data set that is empty or older never wins over one that is
// newer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "core/core_messages.hpp"
#include "core/engine.hpp"

namespace vswim::core {

// Replica: does it stand against the logged primary that announced its restart? `ran_on`: this process was
// linked to the primary, or was primary, in its present life. `barred`: why_not_stand gave a reason.
bool stands_after_restart(const EngineReport& own, bool ran_on, bool barred, const RestartNotice& primary);

enum class RestartVerdict : std::uint8_t { wait, resume, stay_down };
struct RestartView {
  std::uint64_t keys = 0;  // the restarted primary's own
  std::uint64_t loaded_offset = 0;
  std::vector<RestartAnswer> answers;
  std::size_t unanswered = 0;  // reachable replicas that said nothing yet
  bool patience_over = false;  // silent ones count as unreachable from now on
};
// Primary: may it resume?
RestartVerdict judge_restart(const RestartView& view);

}  // namespace vswim::core
