#include "module/slot_export.hpp"

#include <algorithm>
#include <utility>

namespace vswim::module {

void SlotExport::begin(const core::BeginExport& action) {
  auto attempt = std::make_unique<Attempt>(api_);
  for (const core::Slot slot : action.slots) attempt->slots.set(slot);
  attempts_[action.transfer] = std::move(attempt);
}

void SlotExport::pull(const core::PullExport& action) {
  const auto found = attempts_.find(action.transfer);
  if (found == attempts_.end()) return;  // Core will hear nothing and the target begins a new attempt
  auto& attempt = *found->second;
  attempt.wanted_bytes = std::max<std::size_t>(action.bytes, 1);
  if (!action.behind_fence || attempt.behind_fence) return;
  attempt.behind_fence = true;
  attempt.due.merge(attempt.streams);
}

void SlotExport::end(core::TransferId transfer) { attempts_.erase(transfer); }

void SlotExport::changed(core::Slot slot, std::string_view key) {
  for (auto& [transfer, attempt] : attempts_) {
    if (attempt->slots[slot]) attempt->due.emplace(key);
  }
}

void SlotExport::touched(core::Slot slot, std::string_view key) {
  for (auto& [transfer, attempt] : attempts_) {
    if (attempt->slots[slot]) attempt->streams.emplace(key);
  }
}

bool SlotExport::working() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const auto& entry) { return entry.second->wanted_bytes > 0; });
}

// True once enough names are known for a pull, or all of them.
bool SlotExport::fill(Ctx* ctx, Attempt& attempt) {
  if (attempt.scanned || attempt.due.size() >= due_max) return true;
  attempt.scanned = attempt.scan.step(ctx, keys_per_step, [&](std::string_view key) {
    if (attempt.slots[core::key_slot(key)]) attempt.due.emplace(key);
  });
  return attempt.scanned || !attempt.due.empty();
}

std::vector<SlotExport::Answer> SlotExport::step(Ctx* ctx) {
  std::vector<Answer> answers;
  for (auto& [transfer, attempt] : attempts_) {
    if (attempt->wanted_bytes > 0 && fill(ctx, *attempt))
      answers.push_back(serialize(ctx, transfer, *attempt));
  }
  return answers;
}

SlotExport::Answer SlotExport::serialize(Ctx* ctx, core::TransferId transfer, Attempt& attempt) {
  Answer answer{transfer, {}, false};
  std::size_t bytes = 0;
  while (!attempt.due.empty() && bytes < attempt.wanted_bytes) {
    const std::string name = std::move(attempt.due.extract(attempt.due.begin()).value());
    answer.keys.push_back(dump(ctx, name));
    bytes += name.size() + (answer.keys.back().payload ? answer.keys.back().payload->size() : 0) + 16;
  }
  attempt.wanted_bytes = 0;
  answer.drained = attempt.scanned && attempt.due.empty();
  return answer;
}

core::MovedKey SlotExport::dump(Ctx* ctx, const std::string& name) {
  core::MovedKey key;
  key.name = name;
  const Reply payload(api_, api_.Call(ctx, "DUMP", "b", name.data(), name.size()));
  if (payload.failed() || api_.CallReplyType(payload.get()) != reply_type::string) return key;
  const Reply expiry(api_, api_.Call(ctx, "PEXPIRETIME", "b", name.data(), name.size()));
  key.payload = std::string(payload.text());
  if (!expiry.failed()) key.expires_at_ms = std::max(0LL, api_.CallReplyInteger(expiry.get()));
  return key;
}

}  // namespace vswim::module
