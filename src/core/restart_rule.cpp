#include "core/restart_rule.hpp"

#include <algorithm>

#include "base/mutation.hpp"

namespace vswim::core {

namespace {
bool empty(std::uint64_t keys, std::uint64_t loaded_offset) { return keys == 0 && loaded_offset == 0; }
}  // namespace

bool stands_after_restart(const EngineReport& own, bool ran_on, bool barred, const RestartNotice& primary) {
  if (barred || !own.completed_sync) return false;
  if (ran_on) {
    // It saw everything the primary ever gave it. Only a primary that loaded more than that outranks it.
    return own.offset >= primary.loaded_offset && (own.keys > 0 || primary.keys == 0);
  }
  // All restarted: the logged primary resumes unless it came back with less.
  if (own.keys == 0) return false;
  return own.offset > primary.loaded_offset || empty(primary.keys, primary.loaded_offset);
}

RestartVerdict judge_restart(const RestartView& view) {
  if (!VSWIM_RULE(restart)) return RestartVerdict::resume;
  const auto stands = [](const RestartAnswer& answer) { return answer.stands; };
  if (std::any_of(view.answers.begin(), view.answers.end(), stands)) return RestartVerdict::wait;
  if (view.unanswered > 0 && !view.patience_over) return RestartVerdict::wait;
  const bool somebody_has_data =
      std::any_of(view.answers.begin(), view.answers.end(),
                  [](const auto& answer) { return answer.completed_sync && answer.keys > 0; });
  if (empty(view.keys, view.loaded_offset) && somebody_has_data) return RestartVerdict::stay_down;
  return RestartVerdict::resume;
}

}  // namespace vswim::core
