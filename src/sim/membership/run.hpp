// A plan to its figures.
#pragma once

#include <optional>
#include <string>

#include "sim/membership/plan.hpp"

namespace vswim::sim::membership {

struct Quantiles {
  double p50 = 0, p99 = 0, max = 0;
};

struct Figures {
  Plan plan;
  std::optional<double> form_seconds;  // nothing: not formed in time
  std::optional<Quantiles> first_detect_s, last_detect_s;
  std::uint64_t undetected = 0;
  std::uint64_t false_deaths = 0, false_deaths_of_members = 0, faulty_deaths = 0;
  double longest_false_death_s = 0;
  std::optional<double> settled_after_begin_s, settled_after_end_s;
  std::uint64_t wrong_at_end = 0;
  double packets_per_node_s = 0, bytes_per_node_s = 0, bytes_per_node_s_max = 0, stream_bytes_per_node_s = 0;
  double bytes_per_known_member = 0;
  std::optional<double> gossip_last_s;
  std::uint64_t events = 0;
};

Figures run(const Plan& plan);
std::string json_of(const Figures& figures, double wall_seconds, double cpu_seconds);

// Heap of one real provider that knows `members` others, divided by their number.
double bytes_per_known_member(std::uint32_t members);

}  // namespace vswim::sim::membership
