#include "sim/scenario/play.hpp"

#include <memory>
#include <optional>
#include <stdexcept>

#include "base/mutation.hpp"
#include "sim/scenario/actor.hpp"

namespace vswim::sim::scenario {

namespace {
// The lines before "cluster ..." say what world it is.
struct Setting {
  ClusterSettings world;
  Shape shape;
  std::map<std::string, std::int64_t> clocks;
};

std::int64_t rate_of(const std::string& word) {
  const bool slow = word.starts_with('-');
  if (!word.ends_with('%')) throw std::invalid_argument("a clock's rate error is a percentage, such as +1%");
  const auto percent = number_of(word.substr(slow ? 1 : 0, word.size() - (slow ? 2 : 1)));
  return static_cast<std::int64_t>(percent) * (slow ? -10'000 : 10'000);
}

// True when the command belonged to the setting.
bool set(Setting& setting, const Words& words) {
  if (words[0] == "seed" && words.size() == 2) {
    setting.world.seed = number_of(words[1]);
  } else if (words[0] == "ttl" && words.size() == 2) {
    setting.world.lease_ttl = duration_of(words[1]);
  } else if (words[0] == "arbiters" && words.size() == 2) {
    setting.shape.arbiters = static_cast<std::uint32_t>(number_of(words[1]));
  } else if (words[0] == "clock" && words.size() == 3) {
    setting.clocks[words[1]] = rate_of(words[2]);
  } else {
    return false;
  }
  return true;
}

std::unique_ptr<Actor> raise_curtain(const Setting& setting, const Cluster::Tracer& tracer) {
  auto actor = std::make_unique<Actor>(setting.world, tracer);
  for (const auto& [name, ppm] : setting.clocks) actor->fix_clock(name, ppm);
  actor->form(setting.shape);
  return actor;
}

void switch_off([[maybe_unused]] const std::string& rule) {
#ifdef VSWIM_MUTATIONS
  mutation::switched_off() = rule;
#endif
}
}  // namespace

Played play(const Script& script, const PlayOptions& options) {
  Played played;
  Setting setting;
  std::unique_ptr<Actor> actor;
  switch_off("");
  for (const auto& command : script.commands) {
    try {
      if (actor != nullptr) {
        actor->act(command.words);
      } else if (command.words[0] == "cluster") {
        for (std::size_t i = 1; i < command.words.size(); ++i)
          setting.shape.data_nodes.push_back(static_cast<std::uint32_t>(number_of(command.words[i])));
        actor = raise_curtain(setting, options.tracer);
        switch_off(options.mutate);
      } else if (!set(setting, command.words)) {
        throw std::invalid_argument("before \"cluster\" stand seed, ttl, arbiters and clock only");
      }
    } catch (const std::invalid_argument& error) {
      fail(script.path, command.line, error.what());
    } catch (const Unmet& unmet) {
      played.complaints.push_back(
          {"expect", script.path + ":" + std::to_string(command.line) + ": " + unmet.what});
      break;
    }
  }
  switch_off("");
  if (actor == nullptr) return played;
  if (played.complaints.empty()) actor->end();
  for (const auto& violation : actor->cluster().oracle().violations.first()) {
    const auto ms = (violation.at - actor->teller().begun()).ms();
    played.complaints.push_back({violation.invariant, violation.invariant + " at " + std::to_string(ms) +
                                                          " ms, " + violation.node + ": " +
                                                          violation.reason});
  }
  played.trace = actor->teller().lines();
  return played;
}

}  // namespace vswim::sim::scenario
