#include "sim/membership/faults.hpp"

#include <algorithm>
#include <memory>

namespace vswim::sim::membership {

namespace {

constexpr std::uint32_t heavy_loss = 800'000;  // a million
constexpr Duration split_lasts = seconds(30);
constexpr Duration flap_half = seconds(5);
constexpr Duration pause_lasts = seconds(5);
constexpr Duration restart_takes = seconds(2);
constexpr Duration churn_away = seconds(10);

std::uint32_t percent(std::uint32_t nodes, std::uint32_t share) {
  return std::max<std::uint32_t>(1, nodes * share / 100);
}

void one_way(Crowd& crowd, Instant begin) {
  crowd.at(begin, [&crowd] {
    const auto chosen = crowd.some_nodes(2 * percent(crowd.size(), 1));
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      auto& path = crowd.paths().of(chosen[i]);
      (i % 2 == 0 ? path.deaf : path.mute) = true;
      crowd.judge().set_healthy(crowd.now(), chosen[i], false);
    }
    crowd.judge().fault_began(crowd.now());
  });
}

void lossy(Crowd& crowd, Instant begin) {
  crowd.at(begin, [&crowd] {
    for (const auto node : crowd.some_nodes(percent(crowd.size(), 1))) {
      crowd.paths().of(node).loss_per_million = heavy_loss;
      crowd.judge().set_healthy(crowd.now(), node, false);
    }
    crowd.judge().fault_began(crowd.now());
  });
}

void split(Crowd& crowd, Instant begin) {
  const auto set_halves = [&crowd](std::uint8_t side) {
    for (std::uint32_t node = 0; node < crowd.size(); node += 2) {
      crowd.paths().of(node).side = side;
      crowd.judge().set_side(crowd.now(), node, side);
    }
  };
  crowd.at(begin, [&crowd, set_halves] {
    set_halves(1);
    crowd.judge().fault_began(crowd.now());
  });
  crowd.at(begin + split_lasts, [&crowd, set_halves] {
    set_halves(0);
    crowd.judge().fault_ended(crowd.now());
  });
}

void flap(Crowd& crowd, Instant begin, Instant end) {
  const std::uint32_t node = crowd.size() / 2;
  bool cut = true;
  for (Instant when = begin; when < end; when = when + flap_half, cut = !cut) {
    crowd.at(when, [&crowd, node, cut] {
      crowd.paths().of(node).mute = crowd.paths().of(node).deaf = cut;
      crowd.judge().set_healthy(crowd.now(), node, false);
      crowd.judge().fault_began(crowd.now());
    });
  }
}

void pause(Crowd& crowd, Instant begin) {
  auto chosen = std::make_shared<std::vector<std::uint32_t>>();
  crowd.at(begin, [&crowd, chosen] {
    *chosen = crowd.some_nodes(percent(crowd.size(), 10));
    for (const auto node : *chosen) {
      crowd.pause(node, pause_lasts);
      crowd.judge().set_healthy(crowd.now(), node, false);
    }
    crowd.judge().fault_began(crowd.now());
  });
  crowd.at(begin + pause_lasts, [&crowd, chosen] {
    for (const auto node : *chosen) crowd.judge().set_healthy(crowd.now(), node, true);
    crowd.judge().fault_ended(crowd.now());
  });
}

void restart(Crowd& crowd, std::uint32_t node, Instant when, Duration away, bool gracefully) {
  auto stopped = std::make_shared<bool>(false);
  crowd.at(when, [&crowd, node, gracefully, stopped] {
    if (!crowd.judge().truth(node).up) return;
    *stopped = true;
    crowd.stop(node, gracefully);
    crowd.judge().fault_began(crowd.now());
  });
  crowd.at(when + away, [&crowd, node, stopped] {
    if (!*stopped) return;
    crowd.start_again(node);
    crowd.judge().fault_ended(crowd.now());
  });
}

// One after another, so that the last is back some time before the end.
void rolling_restart(Crowd& crowd, Instant begin, Duration length) {
  const Duration step = length / (2 * static_cast<std::int64_t>(crowd.size()));
  for (std::uint32_t node = 0; node < crowd.size(); ++node)
    restart(crowd, node, begin + step * node, restart_takes, true);
}

void churn(Crowd& crowd, Instant begin, Instant end) {
  const Duration step = seconds(60) / percent(crowd.size(), 1);
  for (Instant when = begin; when < end - seconds(30); when = when + step)
    restart(crowd, static_cast<std::uint32_t>(crowd.rng().below(crowd.size())), when, churn_away, false);
}

void kill(Crowd& crowd, const Plan& plan, Instant begin) {
  crowd.at(begin, [&crowd, plan] {
    auto victims = crowd.some_nodes(plan.kill);
    for (std::uint32_t i = 0; i < plan.kill_primaries && 2 * i < plan.nodes; ++i) victims.push_back(2 * i);
    std::sort(victims.begin(), victims.end());
    victims.erase(std::unique(victims.begin(), victims.end()), victims.end());
    for (const auto node : victims) crowd.kill(node);
    crowd.judge().fault_began(crowd.now());
  });
}

}  // namespace

void schedule_faults(Crowd& crowd, const Plan& plan) {
  const Instant begin = crowd.now() + fault_after, end = crowd.now() + plan.length;
  if (plan.kill + plan.kill_primaries > 0) kill(crowd, plan, begin);
  switch (plan.fault) {
    case Fault::none: break;
    case Fault::one_way: one_way(crowd, begin); break;
    case Fault::lossy: lossy(crowd, begin); break;
    case Fault::split: split(crowd, begin); break;
    case Fault::flap: flap(crowd, begin, end); break;
    case Fault::pause: pause(crowd, begin); break;
    case Fault::rolling_restart: rolling_restart(crowd, begin, plan.length); break;
    case Fault::churn: churn(crowd, begin, end); break;
  }
}

}  // namespace vswim::sim::membership
