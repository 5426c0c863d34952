#include "swim/suspicion.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace vswim::swim {

Duration suspicion_min(const Settings& settings, std::size_t cluster_size) {
  const double scale = std::max(1.0, std::log10(static_cast<double>(std::max<std::size_t>(cluster_size, 1))));
  const double ns = settings.suspicion_multiplier * scale * static_cast<double>(settings.probe_period.ns);
  return {static_cast<std::int64_t>(ns)};
}

Duration suspicion_max(const Settings& settings, std::size_t cluster_size) {
  return suspicion_min(settings, cluster_size) * std::max<std::uint32_t>(settings.suspicion_max_factor, 1);
}

Duration suspicion_timeout(const Settings& settings, std::size_t cluster_size, std::uint32_t confirmations,
                           std::size_t confirmers) {
  const Duration shortest = suspicion_min(settings, cluster_size);
  const Duration longest = suspicion_max(settings, cluster_size);
  const auto wanted = static_cast<std::uint32_t>(std::min<std::size_t>(settings.confirmations, confirmers));
  if (confirmations >= wanted) return shortest;
  const double fraction = std::log(confirmations + 1.0) / std::log(wanted + 1.0);
  const double ns = static_cast<double>(longest.ns) - static_cast<double>((longest - shortest).ns) * fraction;
  return std::max(shortest, Duration{static_cast<std::int64_t>(ns)});
}

std::uint32_t with_observer(std::uint32_t observers, const NodeId& observer) {
  // Multiplied by a large odd number so that all bits of the hash take part in the five that are used.
  const std::uint64_t mixed = static_cast<std::uint64_t>(observer.hash()) * 0x9e3779b97f4a7c15ULL;
  auto bit = static_cast<int>(mixed >> 59);
  bit += std::countr_one(std::rotr(observers, bit));
  return observers | std::rotl(std::uint32_t{1}, bit);
}

std::uint32_t confirmations_of(std::uint32_t observers) {
  const auto count = static_cast<std::uint32_t>(std::popcount(observers));
  return count == 0 ? 0 : count - 1;
}

std::size_t suspects_trusted(std::size_t cluster_size) { return std::max<std::size_t>(2, cluster_size / 5); }

std::uint32_t retransmit_limit(std::uint32_t multiplier, std::size_t cluster_size) {
  const double sends = multiplier * std::log10(static_cast<double>(cluster_size) + 1.0);
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::ceil(sends)));
}

}  // namespace vswim::swim
