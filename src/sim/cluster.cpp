#include "sim/cluster.hpp"

#include <algorithm>
#include <utility>

#include "base/overloaded.hpp"

namespace vswim::sim {

namespace {
constexpr std::uint16_t bus_port = 16'379;

Address bus_address(std::uint32_t number) {
  return Address::v4(10, 0, static_cast<std::uint8_t>(number / 250),
                     static_cast<std::uint8_t>(1 + number % 250), bus_port);
}
}  // namespace

std::string text_of(const core::Reply& reply) {
  return std::visit(Overloaded{
                        [](const core::Reply::Simple& simple) { return "+" + simple.text; },
                        [](const core::Reply::Error& error) { return "-" + error.text; },
                        [](const core::Reply::Bulk& bulk) { return bulk.text; },
                        [](const core::Reply::Verbatim& verbatim) { return verbatim.text; },
                        [](const core::Reply::Null&) { return std::string("(null)"); },
                        [](std::int64_t number) { return std::to_string(number); },
                        [](const core::Reply::Array& array) {
                          std::string text;
                          for (const auto& item : array) text += text_of(item) + "\n";
                          return text;
                        },
                        [](const core::Reply::Map& map) {
                          std::string text;
                          for (const auto& [key, value] : map.entries)
                            text += text_of(key) + ": " + text_of(value) + "\n";
                          return text;
                        },
                    },
                    reply.value);
}

Cluster::Cluster(const ClusterSettings& settings, Tracer tracer)
    : settings_(settings), rng_(settings.seed), tracer_(std::move(tracer)), longest_ttl_(settings.lease_ttl) {
  Network::Receiver receiver;
  receiver.deliver = [this](NodeIndex to, const Parcel& parcel) { nodes_[to]->on_parcel(parcel); };
  receiver.stream_failed = [this](NodeIndex sender, std::uint64_t life, const Address& to) {
    nodes_[sender]->on_stream_failed(life, to);
  };
  network_ = std::make_unique<Network>(scheduler_, Rng(rng_.next()), std::move(receiver));
  oracle_.connect(
      [this](NodeIndex a, NodeIndex b) { return network_->reaches(a, b) && network_->reaches(b, a); });
}

Cluster::~Cluster() = default;

Surroundings Cluster::surroundings() {
  Surroundings around;
  around.scheduler = &scheduler_;
  around.network = network_.get();
  around.oracle = &oracle_;
  around.deliver_engine = [this](NodeIndex to, NodeIndex from, const EngineMessage& message) {
    nodes_[to]->on_engine_message(from, message);
  };
  around.client_host = [this](const std::string& host, std::uint16_t) -> std::optional<NodeIndex> {
    const auto address = Address::parse(host, bus_port);
    return address ? network_->host_at(*address) : std::nullopt;
  };
  around.crash = [this](NodeIndex node) { crash(node); };
  around.seals = [this](NodeIndex node) {
    if (seals_) seals_(node);
  };
  around.serves_by_others = [this](NodeIndex node) {
    if (serves_by_others_) serves_by_others_(node);
  };
  around.installs = [this](NodeIndex node, const ShardId& shard, Epoch epoch) {
    if (installs_) installs_(node, shard, epoch);
  };
  around.adopts = [this](NodeIndex node, const core::AdoptSlots& adopted) { on_adopt(node, adopted); };
  if (tracer_)
    around.trace = [this](NodeIndex node, std::string_view text) { tracer_(scheduler_.now(), node, text); };
  return around;
}

void Cluster::on_adopt(NodeIndex index, const core::AdoptSlots& adopted) {
  std::vector<SourceSeen> sources;
  for (NodeIndex other = 0; other < nodes_.size(); ++other) {
    if (other == index || !serves(other) || shard_of(other) != adopted.from) continue;
    const auto& table = nodes_[other]->core().routing();
    SourceSeen source{other, false, true, &nodes_[other]->engine().data()};
    for (const auto slot : adopted.slots) {
      source.serves = source.serves || table.served[slot];
      source.exporting = source.exporting && table.mode[slot] == core::SlotMode::fenced &&
                         nodes_[other]->engine().exports(slot);
    }
    sources.push_back(source);
  }
  oracle_.on_adopt(now(), index, adopted.slots, nodes_[index]->engine().data(), sources);
}

void Cluster::set_leaving(NodeIndex index, bool leaving) {
  leaving ? void(leaving_.insert(index)) : void(leaving_.erase(index));
}

bool Cluster::is_leaving(NodeIndex index) const {
  return leaving_.contains(index) || (nodes_[index]->alive() && nodes_[index]->provider().is_moving());
}

void Cluster::fix_clock(NodeIndex index, std::int64_t rate_error_ppm) {
  fixed_clocks_[index] = rate_error_ppm;
}

std::int64_t Cluster::rate_error_of(NodeIndex index) {
  if (const auto fixed = fixed_clocks_.find(index); fixed != fixed_clocks_.end()) return fixed->second;
  const auto most = settings_.clock_error_ppm;
  if (rng_.chance(settings_.extreme_clock_ppm)) return rng_.chance(500'000) ? most : -most;
  return static_cast<std::int64_t>(rng_.below(2 * static_cast<std::uint64_t>(most) + 1)) - most;
}

NodeIndex Cluster::add_node() {
  NodeConfig config;
  config.index = static_cast<NodeIndex>(nodes_.size());
  config.bus = bus_address(addresses_given_++);
  config.host_label = "host" + std::to_string(config.index);
  config.lease_ttl = settings_.lease_ttl;
  nodes_.push_back(std::make_unique<Node>(config, surroundings(), Rng(rng_.next())));
  StartOptions options;
  options.rate_error_ppm = rate_error_of(config.index);
  nodes_.back()->start(options);
  return config.index;
}

void Cluster::crash(NodeIndex index) { nodes_[index]->crash(); }

void Cluster::restart(NodeIndex index, StartOptions options) {
  if (nodes_[index]->alive()) crash(index);
  options.rate_error_ppm = rate_error_of(index);
  if (nodes_[index]->start(options) || !options.damaged) return;
  wipe_disk(index);  // as the operator of a server that refuses to start would, to have a fresh node
  options.damaged = false;
  nodes_[index]->start(options);
}

void Cluster::move_address(NodeIndex index, std::vector<Address> seeds) {
  auto& config = nodes_[index]->config();
  config.bus = bus_address(addresses_given_++);
  config.seeds = std::move(seeds);
}

void Cluster::change_ttl(NodeIndex index, Duration lease_ttl) {
  nodes_[index]->config().lease_ttl = lease_ttl;
  longest_ttl_ = std::max(longest_ttl_, lease_ttl);
}

void Cluster::pause_main(NodeIndex index, Duration duration) { nodes_[index]->pause_main(duration); }
void Cluster::pause_node_thread(NodeIndex index, Duration duration) {
  nodes_[index]->pause_node_thread(duration);
}
void Cluster::stop(NodeIndex index, Duration duration) {
  pause_main(index, duration);
  pause_node_thread(index, duration);
}

std::optional<NodeIndex> Cluster::find(const NodeId& id) const {
  for (const auto& node : nodes_) {
    if (node->alive() && node->id() == id) return node->config().index;
  }
  return std::nullopt;
}

void Cluster::cut_one_way(NodeIndex from, NodeIndex to) { network_->cut(from, to); }
void Cluster::cut(NodeIndex a, NodeIndex b) {
  network_->cut(a, b);
  network_->cut(b, a);
}
void Cluster::mend(NodeIndex a, NodeIndex b) {
  network_->mend(a, b);
  network_->mend(b, a);
}
void Cluster::isolate(NodeIndex index) {
  for (NodeIndex other = 0; other < nodes_.size(); ++other) {
    if (other != index) cut(index, other);
  }
}
void Cluster::split(const std::vector<NodeIndex>& one, const std::vector<NodeIndex>& other) {
  for (const auto a : one) {
    for (const auto b : other) cut(a, b);
  }
}
void Cluster::heal() { network_->mend_all(); }

void Cluster::garbage(NodeIndex to, std::size_t datagrams) {
  for (std::size_t i = 0; i < datagrams; ++i) {
    Parcel parcel{to, bus_address(60'000), nodes_[to]->config().bus, false, {}};
    parcel.bytes.resize(rng_.below(1'500));
    for (auto& byte : parcel.bytes) byte = static_cast<char>(rng_.next());
    network_->send_datagram(std::move(parcel));
  }
}

bool Cluster::wait_until(const std::function<bool()>& condition, Duration limit, Duration step) {
  const WorldTime end = now() + limit;
  while (!condition()) {
    if (now() >= end) return false;
    scheduler_.run_until(std::min(end, now() + step));
  }
  return true;
}

std::optional<std::string> Cluster::call(NodeIndex index, std::vector<std::string> arguments,
                                         Duration limit) {
  auto answer = std::make_shared<std::optional<std::string>>();
  nodes_[index]->command(std::move(arguments),
                         [answer](const core::Reply& reply) { *answer = text_of(reply); });
  wait_until([&] { return answer->has_value(); }, limit, milliseconds(1));
  return *answer;
}

core::Decision Cluster::write(NodeIndex index, const std::string& key, const std::string& value) {
  auto answer = std::make_shared<std::optional<core::Decision>>();
  nodes_[index]->write_key(key, value, [answer](core::Decision decision) { *answer = decision; });
  wait_until([&] { return answer->has_value(); }, seconds(1), milliseconds(1));
  return answer->value_or(core::Decision::clusterdown);
}

bool Cluster::serves(NodeIndex index) {
  return nodes_[index]->alive() && nodes_[index]->seen().serves(now());
}

std::optional<NodeIndex> Cluster::primary_of(const ShardId& shard) {
  for (NodeIndex index = 0; index < nodes_.size(); ++index) {
    if (shard_of(index) == shard && serves(index)) return index;
  }
  return std::nullopt;
}

}  // namespace vswim::sim
