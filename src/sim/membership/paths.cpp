#include "sim/membership/paths.hpp"

#include <algorithm>

namespace vswim::sim::membership {

namespace {
constexpr Duration delay_min = microseconds(200), delay_max = milliseconds(2);
constexpr Duration retransmission = milliseconds(200);
constexpr int retransmissions_max = 15;
constexpr std::int64_t line_bytes_per_us = 125;  // 1 Gbit/s
}  // namespace

Duration Paths::delay() {
  return delay_min + nanoseconds(static_cast<std::int64_t>(
                         rng_.below(static_cast<std::uint64_t>((delay_max - delay_min).ns))));
}

bool Paths::loses(std::uint32_t from, std::uint32_t to) {
  for (const std::uint32_t loss :
       {loss_per_million_, nodes_[from].loss_per_million, nodes_[to].loss_per_million}) {
    if (loss != 0 && rng_.chance(loss)) return true;
  }
  return false;
}

std::optional<Instant> Paths::datagram(Instant now, std::uint32_t from, std::uint32_t to) {
  if (is_cut(from, to) || loses(from, to)) return std::nullopt;
  return now + delay();
}

std::optional<Instant> Paths::stream(Instant now, std::uint32_t from, std::uint32_t to, std::size_t bytes) {
  if (is_cut(from, to) || is_cut(to, from)) return std::nullopt;
  Instant& free_at = nodes_[from].line_free_at;
  free_at = std::max(free_at, now) + microseconds(static_cast<std::int64_t>(bytes) / line_bytes_per_us);
  Instant arrival = free_at + delay() * 3;  // the connection is made first
  for (int lost = 0; loses(from, to); ++lost) {
    if (lost == retransmissions_max) return std::nullopt;
    arrival = arrival + retransmission;
  }
  return arrival;
}

}  // namespace vswim::sim::membership
