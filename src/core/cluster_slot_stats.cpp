// CLUSTER SLOT-STATS: keys per slot of this node's shard, and what their commands used where the engine
// counts that, as natively with cluster-slot-stats-enabled.
#include <algorithm>

#include "core/commands.hpp"
#include "core/views.hpp"

namespace vswim::core {

namespace {

using Metric = std::uint64_t SlotUsage::*;
constexpr std::pair<const char*, Metric> metrics[] = {{"cpu-usec", &SlotUsage::cpu_us},
                                                      {"network-bytes-in", &SlotUsage::bytes_in},
                                                      {"network-bytes-out", &SlotUsage::bytes_out}};

Reply stats_of(const Machine& m, Slot slot) {
  Reply::Map stats;
  stats.entries.emplace_back(Reply::bulk("key-count"), Reply::integer(m.counts.keys[slot]));
  for (const auto& [name, metric] : metrics) {
    if (!m.slot_usage) break;
    const auto value = static_cast<std::int64_t>((*m.slot_usage)[slot].*metric);
    stats.entries.emplace_back(Reply::bulk(name), Reply::integer(value));
  }
  return {Reply::Array{Reply::integer(slot), {std::move(stats)}}};
}

std::optional<Slot> slot_in(const std::string& text) {
  const auto number = parse_integer(text);
  if (!number || *number < 0 || *number >= slot_count) return std::nullopt;
  return static_cast<Slot>(*number);
}

Reply of_range(const Machine& m, const SlotSet& own, const Arguments& a) {
  const auto first = slot_in(a[2]), last = slot_in(a[3]);
  if (!first || !last) return Reply::error("ERR Invalid or out of range slot");
  if (*first > *last) {
    return Reply::error("ERR Start slot number " + std::to_string(*first) +
                        " is greater than end slot number " + std::to_string(*last));
  }
  Reply::Array all;
  for (std::uint32_t slot = *first; slot <= *last; ++slot) {
    if (own[slot]) all.push_back(stats_of(m, static_cast<Slot>(slot)));
  }
  return {std::move(all)};
}

Reply in_order(const Machine& m, const SlotSet& own, const Arguments& a) {
  const auto* wanted = std::find_if(std::begin(metrics), std::end(metrics),
                                    [&](const auto& metric) { return same_word(a[2], metric.first); });
  const bool known = same_word(a[2], "key-count") || (wanted != std::end(metrics) && m.slot_usage);
  if (!known) return Reply::error("ERR Unrecognized sort metric for ORDERBY.");
  const auto value = [&](Slot slot) -> std::uint64_t {
    return wanted == std::end(metrics) ? m.counts.keys[slot] : (*m.slot_usage)[slot].*wanted->second;
  };
  std::size_t limit = slot_count;
  bool ascending = false, ordered = false, limited = false;
  for (std::size_t i = 3; i < a.size(); ++i) {
    const bool order = same_word(a[i], "asc") || same_word(a[i], "desc");
    if (same_word(a[i], "limit") && i + 1 < a.size() && !limited) {
      const auto number = parse_integer(a[++i]);
      if (!number || *number < 1 || *number > slot_count) {
        return Reply::error("ERR Limit has to lie in between 1 and 16384 (maximum number of slots).");
      }
      limit = static_cast<std::size_t>(*number);
      limited = true;
    } else if (order && !ordered) {
      ascending = same_word(a[i], "asc");
      ordered = true;
    } else {
      return Reply::error("ERR syntax error");
    }
  }
  std::vector<Slot> slots;
  for (std::size_t slot = 0; slot < slot_count; ++slot) {
    if (own[slot]) slots.push_back(static_cast<Slot>(slot));
  }
  std::stable_sort(slots.begin(), slots.end(), [&](Slot one, Slot other) {
    const auto x = value(one), y = value(other);
    return ascending ? x < y : x > y;
  });
  Reply::Array all;
  for (std::size_t i = 0; i < std::min(limit, slots.size()); ++i) all.push_back(stats_of(m, slots[i]));
  return {std::move(all)};
}

}  // namespace

Reply cluster_slot_stats(const Machine& m, const std::vector<std::string>& a) {
  const auto own = slots_of(m, m.view.own_shard());
  if (same_word(a[1], "slotsrange") && a.size() == 4) return of_range(m, own, a);
  if (same_word(a[1], "orderby") && a.size() >= 3) return in_order(m, own, a);
  return Reply::error(subcommand_syntax_error(a[0]));
}

}  // namespace vswim::core
