#include "sim/membership/judge.hpp"

#include <algorithm>

#include "sim/membership/plan.hpp"

namespace vswim::sim::membership {

Judge::Judge(std::uint32_t nodes, Instant now)
    : truths_(nodes, Truth{true, true, 0, now}), dead_views_(nodes), settled_at_(now) {}

// Of a pair that is held for dead.
bool Judge::is_false(std::uint32_t view, std::uint32_t subject) const {
  const Truth &seer = truths_[view], &seen = truths_[subject];
  return seer.up && seen.up && seen.healthy && seer.side == seen.side;
}

void Judge::add_wrong(Instant now, std::int64_t by) {
  wrong_ = static_cast<std::size_t>(static_cast<std::int64_t>(wrong_) + by);
  if (by != 0 && wrong_ == 0) settled_at_ = now;
}

void Judge::close(Instant now, std::uint32_t view, std::uint32_t subject, Instant since) {
  if (!is_false(view, subject)) return;
  const Instant began = std::max({since, truths_[view].since, truths_[subject].since});
  longest_ = std::max(longest_, now - began);
}

void Judge::believes(Instant now, std::uint32_t view, std::uint32_t subject, swim::Status status) {
  if (view == subject || !truths_[view].up) return;
  const bool dead = status == swim::Status::dead || status == swim::Status::left;
  const auto held = dead_.find(pair(view, subject));
  if (dead == (held != dead_.end())) return;
  const auto grave = graves_.find(subject);
  if (truths_[view].healthy && truths_[subject].up && !truths_[subject].healthy) faulty_changed_at_ = now;
  if (!dead) {
    close(now, view, subject, held->second);
    dead_.erase(held);
    --dead_views_[subject];
    if (grave != graves_.end()) {
      ++grave->second.unaware;
      add_wrong(now, 1);
    } else if (is_false(view, subject)) {
      add_wrong(now, -1);
    }
    return;
  }
  dead_.emplace(pair(view, subject), now);
  if (is_false(view, subject)) {
    ++false_deaths_;
    if (dead_views_[subject] == 0) ++false_members_;
  } else if (truths_[subject].up && !truths_[subject].healthy) {
    ++faulty_deaths_;
  }
  ++dead_views_[subject];
  if (grave != graves_.end()) {
    if (!grave->second.first) grave->second.first = now;
    if (--grave->second.unaware == 0) grave->second.last = now;
    add_wrong(now, -1);
  } else if (is_false(view, subject)) {
    add_wrong(now, 1);
  }
}

void Judge::forget_view(Instant now, std::uint32_t view) {
  std::erase_if(dead_, [&](const auto& entry) {
    if (entry.first >> 32 != view) return false;
    const auto subject = static_cast<std::uint32_t>(entry.first);
    close(now, view, subject, entry.second);
    --dead_views_[subject];
    return true;
  });
}

void Judge::killed(Instant now, std::uint32_t node) {
  forget_view(now, node);
  truths_[node].up = false;
  truths_[node].since = now;
  Grave grave;
  grave.killed_at = now;
  graves_[node] = grave;
  recount(now);
}

void Judge::stopped(Instant now, std::uint32_t node) {
  forget_view(now, node);
  truths_[node].up = false;
  truths_[node].since = now;
  recount(now);
}

void Judge::started(Instant now, std::uint32_t node, const std::vector<std::uint32_t>& holds_dead) {
  truths_[node].up = true;
  truths_[node].since = now;
  for (const auto subject : holds_dead) {
    if (dead_.emplace(pair(node, subject), now).second) ++dead_views_[subject];
  }
  recount(now);
}

void Judge::set_healthy(Instant now, std::uint32_t node, bool healthy) {
  truths_[node].healthy = healthy;
  truths_[node].since = now;
  recount(now);
}

void Judge::set_side(Instant now, std::uint32_t node, std::uint8_t side) {
  truths_[node].side = side;
  truths_[node].since = now;
}

void Judge::fault_ended(Instant now) {
  fault_end_ = now;
  recount(now);
}

// From nothing: the truth has changed.
void Judge::recount(Instant now) {
  std::size_t wrong = 0;
  std::uint32_t up = 0;
  for (const auto& truth : truths_) up += truth.up ? 1 : 0;
  for (auto& [node, grave] : graves_) grave.unaware = up;
  for (const auto& [key, since] : dead_) {
    const auto view = static_cast<std::uint32_t>(key >> 32), subject = static_cast<std::uint32_t>(key);
    const auto grave = graves_.find(subject);
    if (grave != graves_.end()) {
      --grave->second.unaware;
    } else if (is_false(view, subject)) {
      ++wrong;
    }
  }
  for (auto& [node, grave] : graves_) {
    wrong += grave.unaware;
    if (grave.unaware == 0 && !grave.last) grave.last = now;
  }
  add_wrong(now, static_cast<std::int64_t>(wrong) - static_cast<std::int64_t>(wrong_));
}

void Judge::finish(Instant now) {
  for (const auto& [key, since] : dead_)
    close(now, static_cast<std::uint32_t>(key >> 32), static_cast<std::uint32_t>(key), since);
}

std::vector<double> Judge::first_detections() const {
  std::vector<double> after;
  for (const auto& [node, grave] : graves_) {
    if (grave.first) after.push_back(seconds_of(*grave.first - grave.killed_at));
  }
  return after;
}

std::vector<double> Judge::last_detections() const {
  std::vector<double> after;
  for (const auto& [node, grave] : graves_) {
    if (grave.last) after.push_back(seconds_of(*grave.last - grave.killed_at));
  }
  return after;
}

std::size_t Judge::undetected() const {
  return static_cast<std::size_t>(
      std::count_if(graves_.begin(), graves_.end(), [](const auto& entry) { return !entry.second.last; }));
}

bool Judge::is_torn() const {
  std::unordered_map<std::uint32_t, std::uint32_t> views;
  for (const auto& [key, since] : dead_) {
    const auto view = static_cast<std::uint32_t>(key >> 32), subject = static_cast<std::uint32_t>(key);
    if (truths_[view].up && truths_[view].healthy && truths_[subject].up && !truths_[subject].healthy)
      ++views[subject];
  }
  const auto healthy = static_cast<std::uint32_t>(std::count_if(
      truths_.begin(), truths_.end(), [](const Truth& truth) { return truth.up && truth.healthy; }));
  return std::any_of(views.begin(), views.end(), [&](const auto& entry) { return entry.second < healthy; });
}

std::optional<double> Judge::settled_after_begin() const {
  if (!fault_at_ || wrong_ != 0 || is_torn()) return std::nullopt;
  return std::max(0.0, seconds_of(std::max(settled_at_, faulty_changed_at_) - *fault_at_));
}

std::optional<double> Judge::settled_after_end() const {
  if (!fault_end_ || wrong_ != 0 || is_torn()) return std::nullopt;
  return std::max(0.0, seconds_of(std::max(settled_at_, faulty_changed_at_) - *fault_end_));
}

}  // namespace vswim::sim::membership
