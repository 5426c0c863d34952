#include "sim/report.hpp"

#include <cstdio>
#include <cstring>

namespace vswim::sim {

namespace {
constexpr std::size_t first_bytes_max = 100'000;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + '"';
}

std::string hex(std::uint64_t number) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(number));
  return text;
}

std::string fixed(double number, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, number);
  return text;
}

std::string json_of(const Violation& violation, std::uint64_t seed) {
  return "{\"seed\":" + std::to_string(seed) + ",\"invariant\":" + quoted(violation.invariant) +
         ",\"node\":" + quoted(violation.node) +
         ",\"time_ms\":" + std::to_string(violation.at.ns / 1'000'000) +
         ",\"reason\":" + quoted(violation.reason) + "}";
}

std::string json_of(const Coverage& coverage) {
  std::string out = "{";
  for (const auto& [name, field] : Coverage::fields())
    out += quoted(name) + ":" + std::to_string(coverage.*field) + ",";
  out += "\"crashes_at\":{";
  for (std::size_t i = 0; i < persistence_points; ++i) {
    if (!point_exists(i)) continue;
    out += (out.ends_with('{') ? "" : ",") + quoted(point_name(i)) + ":" +
           std::to_string(coverage.persistence_crashes[i]);
  }
  return out + "}}";
}

// A value after the other; texts with their length.
class Writer {
 public:
  void number(std::uint64_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (bytes_.size() < sizeof value) return fail();
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
    return value;
  }
  std::string text() {
    const auto size = number();
    if (size > bytes_.size()) return fail(), std::string();
    std::string value(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return value;
  }
  bool whole() const { return sound_ && bytes_.empty(); }

 private:
  std::uint64_t fail() {
    sound_ = false;
    bytes_ = {};
    return 0;
  }
  std::string_view bytes_;
  bool sound_ = true;
};
}  // namespace

std::string line_of(const RunResult& run) {
  std::string text =
      "seed " + std::to_string(run.seed) + " " + run.conditions + " hash " + hex(run.hash) + " events " +
      std::to_string(run.events) + ": " +
      (run.violations.empty() ? "ok" : std::to_string(run.violations.total()) + " violations") + "\n";
  for (const auto& violation : run.violations.first()) {
    text += "  " + violation.invariant + " " + violation.node + " at " +
            fixed(static_cast<double>(violation.at.ns) / 1e9, 3) + " s: " + violation.reason + "\n";
  }
  return text;
}

void Total::add(const RunResult& run) {
  ++seeds_;
  events_ += run.events;
  violations_ += run.violations.total();
  red_seeds_ += run.violations.empty() ? 0 : 1;
  hash_ = (hash_ ^ run.hash) * 0x9fb21c651e98df25ULL;
  virtual_minutes_ += static_cast<double>(run.virtual_time.ms()) / 60'000.0;
  coverage_.add(run.coverage);
  for (const auto& violation : run.violations.first()) {
    if (!wanted_.empty() && violation.invariant != wanted_) continue;
    if (first_.size() < first_bytes_max) first_ += (first_.empty() ? "" : ",") + json_of(violation, run.seed);
  }
}

std::string Total::json(std::string_view mutation, double minutes, double wall_seconds) const {
  return "{\"scenario\":\"shard\",\"mutate\":" + quoted(mutation) + ",\"seeds\":" + std::to_string(seeds_) +
         ",\"minutes\":" + fixed(minutes, 2) + ",\"virtual_minutes\":" + fixed(virtual_minutes_, 1) +
         ",\"group_hours\":" + fixed(static_cast<double>(coverage_.group_ms) / 3.6e6, 2) +
         ",\"events\":" + std::to_string(events_) + ",\"wall_seconds\":" + fixed(wall_seconds, 1) +
         ",\"violations\":" + std::to_string(violations_) + ",\"red_seeds\":" + std::to_string(red_seeds_) +
         ",\"hash\":" + quoted(hex(hash_)) + ",\"coverage\":" + json_of(coverage_) + ",\"first\":[" + first_ +
         "]}\n";
}

std::string packed(const RunResult& run) {
  Writer out;
  out.number(run.seed);
  out.text(run.conditions);
  out.number(run.hash);
  out.number(run.events);
  out.number(static_cast<std::uint64_t>(run.virtual_time.ns));
  for (const auto& [name, field] : Coverage::fields()) out.number(run.coverage.*field);
  for (const auto crashes : run.coverage.persistence_crashes) out.number(crashes);
  out.number(run.violations.total());
  out.number(run.violations.first().size());
  for (const auto& violation : run.violations.first()) {
    out.text(violation.invariant);
    out.text(violation.node);
    out.number(static_cast<std::uint64_t>(violation.at.ns));
    out.text(violation.reason);
  }
  return out.take();
}

std::optional<RunResult> unpacked(std::string_view bytes) {
  Reader in(bytes);
  RunResult run;
  run.seed = in.number();
  run.conditions = in.text();
  run.hash = in.number();
  run.events = in.number();
  run.virtual_time.ns = static_cast<std::int64_t>(in.number());
  for (const auto& [name, field] : Coverage::fields()) run.coverage.*field = in.number();
  for (auto& crashes : run.coverage.persistence_crashes) crashes = in.number();
  const auto total = in.number();
  const auto kept = in.number();
  for (std::uint64_t i = 0; i < kept; ++i) {
    auto invariant = in.text();
    auto node = in.text();
    const WorldTime at{static_cast<std::int64_t>(in.number())};
    run.violations.add(std::move(invariant), std::move(node), at, in.text());
  }
  run.violations.count_unkept(total - kept);
  if (!in.whole()) return std::nullopt;
  return run;
}

}  // namespace vswim::sim
