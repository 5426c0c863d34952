#include <cstdio>

#include "sim/membership/run.hpp"

namespace vswim::sim::membership {

namespace {

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}
std::string number(std::uint64_t value) { return std::to_string(value); }
std::string number(const std::optional<double>& value) { return value ? number(*value) : "null"; }
std::string number(const std::optional<Quantiles>& value) {
  if (!value) return "null";
  return "{\"p50\":" + number(value->p50) + ",\"p99\":" + number(value->p99) +
         ",\"max\":" + number(value->max) + "}";
}

const char* name_of(Fault fault) {
  switch (fault) {
    case Fault::none: return "none";
    case Fault::one_way: return "one-way";
    case Fault::lossy: return "lossy";
    case Fault::split: return "split";
    case Fault::flap: return "flap";
    case Fault::pause: return "pause";
    case Fault::rolling_restart: return "rolling-restart";
    case Fault::churn: return "churn";
  }
  return "none";
}

class Object {
 public:
  template <class Value>
  Object& add(const char* name, const Value& value) {
    return add_text(name, number(value));
  }
  Object& add_text(const char* name, const std::string& json) {
    text_ += (text_.empty() ? "\"" : ",\"") + std::string(name) + "\":" + json;
    return *this;
  }
  std::string text() const { return "{" + text_ + "}\n"; }

 private:
  std::string text_;
};

std::string boolean(bool value) { return value ? "true" : "false"; }

}  // namespace

std::string json_of(const Figures& figures, double wall_seconds, double cpu_seconds) {
  const Plan& plan = figures.plan;
  Object object;
  object.add("nodes", std::uint64_t{plan.nodes})
      .add("seed", plan.seed)
      .add_text("case", std::string("\"") + name_of(plan.fault) + "\"")
      .add_text("mass_start", boolean(plan.mass_start))
      .add_text("leases", boolean(plan.leases))
      .add("loss", plan.loss_per_million / 1e6)
      .add("killed", std::uint64_t{plan.kill} + plan.kill_primaries)
      .add("virtual_seconds", seconds_of(plan.length))
      .add("wall_seconds", wall_seconds)
      .add("cpu_seconds", cpu_seconds)
      .add("form_seconds", figures.form_seconds)
      .add("first_detect_s", figures.first_detect_s)
      .add("last_detect_s", figures.last_detect_s)
      .add("undetected", figures.undetected)
      .add("false_deaths", figures.false_deaths)
      .add("falsely_dead_members", figures.false_deaths_of_members)
      .add("faulty_deaths", figures.faulty_deaths)
      .add("longest_false_death_s", figures.longest_false_death_s)
      .add("settled_after_fault_s", figures.settled_after_begin_s)
      .add("settled_after_heal_s", figures.settled_after_end_s)
      .add("wrong_views_at_end", figures.wrong_at_end)
      .add("packets_per_node_s", figures.packets_per_node_s)
      .add("bytes_per_node_s", figures.bytes_per_node_s)
      .add("bytes_per_node_s_max", figures.bytes_per_node_s_max)
      .add("stream_bytes_per_node_s", figures.stream_bytes_per_node_s)
      .add("bytes_per_known_member", figures.bytes_per_known_member)
      .add("gossip_last_s", figures.gossip_last_s)
      .add("events", figures.events);
  return object.text();
}

}  // namespace vswim::sim::membership
