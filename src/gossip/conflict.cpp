#include "gossip/conflict.hpp"

#include <algorithm>
#include <string_view>

namespace vswim::gossip {

namespace {

bool is_valid(const std::string& key, const std::optional<std::string>& value, const Settings& settings) {
  return !key.empty() && key.size() <= settings.key_bytes_max &&
         (!value || value->size() <= settings.value_bytes_max);
}

template <class Entries>
bool has_distinct_keys(const Entries& entries) {
  std::vector<std::string_view> keys;
  keys.reserve(entries.size());
  for (const auto& entry : entries) keys.push_back(entry.key);
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) == keys.end();
}

}  // namespace

bool supersedes(const Register& a, const Register& b) {
  if (const auto order = a.revision <=> b.revision; order != 0) return order > 0;
  return a.value > b.value;
}

bool is_valid(const Register& entry, const Settings& settings) {
  const Revision& revision = entry.revision;
  return is_valid(entry.key, entry.value, settings) && revision.minor == 0 && revision.major > 0 &&
         revision.major <= counter_max && !revision.writer.is_nil();
}

bool is_valid(const BatchUpdate& batch, const Settings& settings) {
  const auto& entries = batch.registers;
  if (entries.empty() || entries.size() > settings.registers_max) return false;
  const bool each = std::all_of(entries.begin(), entries.end(), [&](const Register& entry) {
    return is_valid(entry, settings) && entry.revision == entries.front().revision;
  });
  return each && has_distinct_keys(entries);
}

bool is_valid(const contract::Batch& batch, const Settings& settings) {
  if (batch.empty() || batch.size() > settings.registers_max) return false;
  const bool each = std::all_of(batch.begin(), batch.end(), [&](const contract::Write& write) {
    return is_valid(write.key, write.value, settings);
  });
  return each && has_distinct_keys(batch);
}

}  // namespace vswim::gossip
