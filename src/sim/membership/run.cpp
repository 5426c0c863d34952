#include "sim/membership/run.hpp"

#include <algorithm>

#include "sim/membership/faults.hpp"

namespace vswim::sim::membership {

namespace {

constexpr Duration warm_up = seconds(6);       // a formed cluster has said who it is
constexpr Duration form_limit = seconds(180);  // three times what is asked for
constexpr Duration shards_limit = seconds(20);
constexpr Duration gossip_limit = seconds(20);

std::optional<Quantiles> quantiles_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const auto at = [&](std::size_t percent) { return values[(values.size() - 1) * percent / 100]; };
  return Quantiles{at(50), at(99), values.back()};
}

void take_traffic(const Crowd& crowd, Duration length, Figures& figures) {
  Sent sum;
  std::uint64_t bytes_max = 0;
  for (const auto& sent : crowd.sent()) {
    sum.packets += sent.packets;
    sum.bytes += sent.bytes;
    sum.stream_bytes += sent.stream_bytes;
    bytes_max = std::max(bytes_max, sent.bytes);
  }
  const double node_seconds = seconds_of(length) * static_cast<double>(crowd.size());
  figures.packets_per_node_s = static_cast<double>(sum.packets) / node_seconds;
  figures.bytes_per_node_s = static_cast<double>(sum.bytes) / node_seconds;
  figures.stream_bytes_per_node_s = static_cast<double>(sum.stream_bytes) / node_seconds;
  figures.bytes_per_node_s_max = static_cast<double>(bytes_max) / seconds_of(length);
}

void take_verdict(Judge& judge, Figures& figures) {
  figures.first_detect_s = quantiles_of(judge.first_detections());
  figures.last_detect_s = quantiles_of(judge.last_detections());
  figures.undetected = judge.undetected();
  figures.false_deaths = judge.false_deaths();
  figures.false_deaths_of_members = judge.false_deaths_of_members();
  figures.faulty_deaths = judge.faulty_deaths();
  figures.longest_false_death_s = seconds_of(judge.longest_false_death());
  figures.settled_after_begin_s = judge.settled_after_begin();
  figures.settled_after_end_s = judge.settled_after_end();
  figures.wrong_at_end = judge.wrong_now();
}

}  // namespace

Figures run(const Plan& plan) {
  Figures figures;
  figures.plan = plan;
  Crowd crowd(plan);
  if (plan.mass_start) {
    crowd.start_cold();
    const bool formed = crowd.run_until_true(crowd.now() + form_limit, [&] { return crowd.is_formed(); });
    if (formed) figures.form_seconds = seconds_of(crowd.now() - Instant{});
  } else {
    crowd.start_formed();
    figures.form_seconds = 0;
    crowd.run_until(crowd.now() + warm_up);
  }
  if (plan.leases) {
    crowd.form_shards();
    const Instant limit = crowd.now() + shards_limit;
    while (crowd.now() < limit && !crowd.shards_are_whole()) crowd.run_until(crowd.now() + milliseconds(100));
    crowd.run_until(crowd.now() + warm_up);
  }
  crowd.judge_from_now();
  crowd.reset_sent();
  schedule_faults(crowd, plan);
  crowd.run_until(crowd.now() + plan.length);
  crowd.judge().finish(crowd.now());
  take_traffic(crowd, plan.length, figures);
  take_verdict(crowd.judge(), figures);

  // After what is measured, so that it burdens no mean: one small register, until everybody has it.
  const Instant written = crowd.now();
  crowd.write_register(crowd.some_nodes(1).front());
  const bool heard = crowd.run_until_true(written + gossip_limit, [&] { return crowd.everybody_heard(); });
  if (heard) figures.gossip_last_s = seconds_of(crowd.now() - written);
  figures.events = crowd.events();
  figures.bytes_per_known_member = bytes_per_known_member(plan.nodes);
  return figures;
}

}  // namespace vswim::sim::membership
