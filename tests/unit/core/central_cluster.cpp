// The Cluster of cluster.hpp over the central provider, and the vocabulary that every provider shares.
#include <algorithm>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "base/overloaded.hpp"
#include "central_provider.hpp"
#include "cluster.hpp"

namespace vswim::core::testing {

namespace {

class CentralCluster : public Cluster {
 public:
  explicit CentralCluster(std::uint64_t seed)
      : rng_(seed), provider_(Rng(seed + 1), [this](std::size_t node, const contract::Event& event) {
          nodes_[node]->core->on_event(now_, event);
          drain(node);
        }) {}

  Instant now() const override { return now_; }
  std::size_t size() const override { return nodes_.size(); }
  Core& core(std::size_t node) override { return *nodes_[node]->core; }
  Engine& engine(std::size_t node) override { return nodes_[node]->engine; }
  const std::vector<std::string>& notes(std::size_t node) override { return nodes_[node]->notes; }
  bool graceful_end_done(std::size_t node) override { return nodes_[node]->ended; }

  void run_for(Duration duration) override {
    run_until([] { return false; }, duration);
  }

  bool run_until(const std::function<bool()>& reached, Duration limit) override {
    const auto end = now_ + limit;
    while (!reached()) {
      const auto next = next_event();
      if (next > end) {
        now_ = end;
        return reached();
      }
      now_ = std::max(now_, next);
      step();
    }
    return true;
  }

  std::size_t add_node(const Settings& settings) override {
    nodes_.push_back(std::make_unique<Node>());
    auto& node = *nodes_.back();
    node.settings = settings;
    node.engine.report.completed_sync = false;
    node.core = std::make_unique<Core>(settings, node.engine.counts, now_, Rng(rng_.next()));
    node.alive = true;
    provider_.add_node(now_, settings.bus_port);
    report(nodes_.size() - 1);
    return nodes_.size() - 1;
  }

  void configure(std::size_t node, const Settings& settings) override {
    nodes_[node]->settings = settings;
    nodes_[node]->core->configure(now_, settings);
    drain(node);
  }

  void crash(std::size_t node) override {
    nodes_[node]->alive = false;
    provider_.crash(now_, node);
  }

  void restart(std::size_t node, const Data& data) override {
    auto& n = *nodes_[node];
    n.engine = Engine{};
    n.engine.report.keys = data.keys;
    n.engine.report.offset = n.engine.report.loaded_offset = data.offset;
    n.engine.report.completed_sync = data.completed_sync;
    n.notes.clear();
    n.core = std::make_unique<Core>(n.settings, n.engine.counts, now_, Rng(rng_.next()));
    n.alive = true;
    provider_.start(now_, node);
    report(node);
  }

  void cut(std::size_t node, bool cut) override {
    nodes_[node]->cut = cut;
    provider_.cut(now_, node, cut);
  }

  Reply command(std::size_t node, const Words& words, bool can_block) override {
    const auto ticket = ++next_ticket_;
    Caller caller;
    caller.can_block = can_block;
    nodes_[node]->core->command(now_, ticket, words, caller);
    drain(node);
    if (!run_until([&] { return replies_.count(ticket) != 0; }, seconds(30))) {
      return Reply::error("NEVER answered");
    }
    return replies_[ticket];
  }

  bool write(std::size_t node, Slot slot) override {
    auto& n = *nodes_[node];
    RouteQuery query;
    query.slot = slot;
    query.write = true;
    if (!n.alive || decide(n.core->routing(), query, now_) != Decision::serve) return false;
    ++n.engine.counts.keys[slot];
    ++n.engine.report.keys;
    n.engine.report.offset += 10;
    return true;
  }

 private:
  struct Node {
    Settings settings;
    Engine engine;
    std::unique_ptr<Core> core;
    std::vector<std::string> notes;
    bool alive = false, cut = false, ended = false;
    Instant link_lost{};
  };

  Instant next_event() const {
    auto next = std::min(provider_.next_deadline(), next_tick_);
    for (const auto& node : nodes_) {
      if (node->alive) next = std::min(next, node->core->next_deadline());
    }
    return next;
  }

  void step() {
    provider_.step(now_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i]->alive || nodes_[i]->core->next_deadline() > now_) continue;
      nodes_[i]->core->on_timer(now_);
      drain(i);
    }
    if (now_ < next_tick_) return;
    next_tick_ = now_ + milliseconds(50);
    for (std::size_t i = 0; i < nodes_.size(); ++i) replicate(i);
  }

  std::optional<std::size_t> find(const NodeId& id) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (provider_.id(i) == id) return i;
    }
    return std::nullopt;
  }

  void replicate(std::size_t node) {
    auto& n = *nodes_[node];
    if (!n.alive) return;
    auto& report = n.engine.report;
    const bool was_up = report.link_up;
    if (n.engine.follows) {
      const auto from = find(*n.engine.follows);
      // PSYNC is answered by the leased primary only; a stream that runs goes on.
      const bool there = from && nodes_[*from]->alive && !nodes_[*from]->cut && !n.cut;
      const bool fed = there && (was_up ? !nodes_[*from]->engine.report.is_replica
                                        : nodes_[*from]->core->may_feed_replicas(now_));
      report.link_up = fed && (was_up || !n.engine.frozen);
      if (fed && !n.engine.frozen) copy(nodes_[*from]->engine, n.engine);
      if (!report.link_up && was_up) n.link_lost = now_;
      report.down_since_ms = report.link_up ? 0 : static_cast<std::uint64_t>((now_ - n.link_lost).ms());
    }
    this->report(node);
  }

  static void copy(const Engine& from, Engine& to) {
    to.counts = from.counts;
    to.report.keys = from.report.keys;
    to.report.offset = from.report.offset;
    to.report.history = from.report.history;
    to.report.completed_sync = true;
  }

  void report(std::size_t node) {
    nodes_[node]->core->on_engine(now_, nodes_[node]->engine.report);
    drain(node);
  }

  void drain(std::size_t node) {
    auto output = nodes_[node]->core->take_output();
    auto& n = *nodes_[node];
    n.ended = n.ended || output.graceful_end_done;
    for (const auto& note : output.notes) n.notes.push_back(note.text);
    for (auto& reply : output.replies) {
      if (!replies_.emplace(reply.ticket, reply.reply).second) replies_[reply.ticket] = Reply::error("TWICE");
    }
    bool role_changed = false;
    for (const auto& action : output.actions) role_changed = act(n, action) || role_changed;
    for (const auto& operation : output.operations) provider_.submit(now_, node, operation);
    if (role_changed) report(node);
  }

  bool act(Node& n, const EngineAction& action) {
    n.engine.done.push_back(action);
    auto& engine = n.engine;
    return std::visit(
        Overloaded{[&](const Follow& follow) {
                     engine.follows = follow.primary;
                     engine.report.is_replica = true;
                     engine.report.link_up = false;
                     n.link_lost = now_;
                     return true;
                   },
                   [&](const Promote&) {
                     engine.follows.reset();
                     engine.report.is_replica = false;
                     engine.report.link_up = false;
                     engine.report.completed_sync = true;
                     return true;
                   },
                   [&](const Detach&) {
                     engine.follows.reset();
                     return false;
                   },
                   [](const CutOff&) { return false; }, [](const BeginExport&) { return false; },
                   [](const PullExport&) { return false; }, [](const EndExport&) { return false; },
                   [](const EmptySlots&) { return false; }, [](const ImportKeys&) { return false; },
                   [](const AdoptSlots&) { return false; },
                   [&](const DropSlots& drop) {
                     for (const auto slot : drop.slots) {
                       engine.report.keys -= engine.counts.keys[slot];
                       engine.counts.keys[slot] = 0;
                     }
                     return true;
                   },
                   [&](const FlushAll&) {
                     engine.counts = SlotKeyCounts{};
                     engine.report.keys = 0;
                     return true;
                   },
                   [&](const ListKeys& list) {
                     Reply::Array names;
                     const auto count = std::min<std::int64_t>(list.count, engine.counts.keys[list.slot]);
                     for (std::int64_t i = 0; i < count; ++i) names.push_back(Reply::bulk("key"));
                     replies_[list.ticket] = {std::move(names)};
                     return false;
                   }},
        action);
  }

  Instant now_ = Instant{seconds(1'000).ns};
  Instant next_tick_ = Instant{seconds(1'000).ns};
  Rng rng_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<CommandTicket, Reply> replies_;
  CommandTicket next_ticket_ = 0;
  CentralProvider provider_;
};

}  // namespace

std::unique_ptr<Cluster> make_cluster(std::uint64_t seed) { return std::make_unique<CentralCluster>(seed); }

std::string error_of(const Reply& reply) {
  const auto* error = std::get_if<Reply::Error>(&reply.value);
  return error == nullptr ? "" : error->text;
}

std::string text_of(const Reply& reply) {
  if (const auto* simple = std::get_if<Reply::Simple>(&reply.value)) return simple->text;
  if (const auto* bulk = std::get_if<Reply::Bulk>(&reply.value)) return bulk->text;
  if (const auto* verbatim = std::get_if<Reply::Verbatim>(&reply.value)) return verbatim->text;
  return "";
}

bool is_ok(const Reply& reply) { return text_of(reply) == "OK"; }

std::string id_of(Cluster& cluster, std::size_t node) { return text_of(cluster.command(node, {"MYID"})); }

std::vector<std::string> node_lines(Cluster& cluster, std::size_t node) {
  std::istringstream text(text_of(cluster.command(node, {"NODES"})));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

Words node_line(Cluster& cluster, std::size_t node, std::size_t subject) {
  const auto id = id_of(cluster, subject);
  for (const auto& line : node_lines(cluster, node)) {
    if (line.rfind(id, 0) != 0) continue;
    std::istringstream words(line);
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

std::string info_field(Cluster& cluster, std::size_t node, const std::string& name) {
  std::istringstream text(cluster.core(node).info_text(cluster.now()));
  for (std::string line; std::getline(text, line);) {
    if (line.rfind(name + ":", 0) == 0)
      return line.substr(name.size() + 1, line.find('\r') - name.size() - 1);
  }
  return "";
}

bool is_primary(Cluster& cluster, std::size_t node) {
  const auto& table = cluster.core(node).routing();
  return table.primary_here && cluster.now() < table.lease_until;
}

bool noted(Cluster& cluster, std::size_t node, const std::string& part) {
  const auto& notes = cluster.notes(node);
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

Settings settings_for(std::size_t index) {
  Settings settings;
  settings.port = static_cast<std::uint16_t>(7'000 + index);
  settings.bus_port = static_cast<std::uint16_t>(17'000 + index);
  settings.server_version = "8.0.1";
  return settings;
}

Settings partial_settings_for(std::size_t index) {
  auto settings = settings_for(index);
  settings.require_full_coverage = false;
  return settings;
}

void create_cluster(Cluster& cluster, std::size_t count, std::size_t primaries) {
  for (std::size_t i = 0; i < count; ++i) cluster.add_node(settings_for(i));
  const auto per_primary = slot_count / primaries;
  for (std::size_t i = 0; i < primaries; ++i) {
    const auto first = i * per_primary;
    const auto last = i + 1 == primaries ? slot_count - 1U : first + per_primary - 1;
    Words words = {"ADDSLOTS"};
    for (auto slot = first; slot <= last; ++slot) words.push_back(std::to_string(slot));
    if (!is_ok(cluster.command(i, words))) throw std::runtime_error("ADDSLOTS");
  }
  for (std::size_t i = 0; i < count; ++i) cluster.command(i, {"SET-CONFIG-EPOCH", std::to_string(i + 1)});
  for (std::size_t i = 1; i < count; ++i) {
    if (!is_ok(cluster.command(i, {"MEET", "127.0.0.1", "7000"}))) throw std::runtime_error("MEET");
  }
  cluster.run_for(seconds(2));
  for (std::size_t i = primaries; i < count; ++i) {
    const auto reply = cluster.command(i, {"REPLICATE", id_of(cluster, (i - primaries) % primaries)});
    if (!is_ok(reply)) throw std::runtime_error("REPLICATE: " + error_of(reply));
  }
  cluster.run_for(seconds(3));
}

}  // namespace vswim::core::testing
