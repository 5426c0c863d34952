// A deterministic world of SWIM machines: virtual time, a network with loss, delay and cuts. One seed, one
// history.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "swim/swim.hpp"

namespace vswim::swim::test {

struct Node {
  MemberUpdate identity;  // what the node would have on disk
  std::unique_ptr<Swim> swim;
  int side = 0;  // nodes on different sides of a partition do not hear each other
  Instant armed_at = Instant::never();
  std::size_t sent = 0;
  std::size_t refutations = 0;
  bool self_forgotten = false;
};

class World {
 public:
  explicit World(std::uint64_t seed = 1) : rng_(seed) {}

  Settings settings;
  std::uint32_t loss_per_million = 0;
  Duration delay_min = microseconds(200);
  Duration delay_max = milliseconds(2);
  // Every MemberChanged, after it happened: (observer, member).
  std::function<void(std::size_t, const NodeId&)> on_changed;
  // Every datagram before it is sent; false drops it.
  std::function<bool(std::size_t, const Datagram&)> filter;

  Instant now() const { return now_; }
  std::size_t size() const { return nodes_.size(); }
  Node& node(std::size_t i) { return nodes_[i]; }
  Swim& swim(std::size_t i) { return *nodes_[i].swim; }
  const NodeId& id(std::size_t i) const { return nodes_[i].identity.id; }
  static Address address_of(std::size_t i, std::uint16_t port = 17000) {
    return Address::v4(10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                       static_cast<std::uint8_t>(i), port);
  }

  std::size_t add() {
    const std::size_t i = nodes_.size();
    nodes_.emplace_back();
    MemberUpdate& identity = nodes_[i].identity;
    identity.id = rng_.id<NodeId>();
    identity.shard = rng_.id<ShardId>();
    identity.address = address_of(i);
    identity.life = {{1}, {1}, {0}};
    boot(i);
    return i;
  }
  // Everybody knows everybody, as after joining with complete snapshots.
  void add_cluster(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) add();
    std::vector<MemberUpdate> all;
    for (const Node& node : nodes_) all.push_back(node.identity);
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      swim(i).merge(now_, all, true);
      collect(i);
    }
    run_for(seconds(3));
  }
  void kill(std::size_t i) {
    by_address_.erase(nodes_[i].identity.address);
    nodes_[i].swim.reset();
  }
  // A start of the same node: next generation, empty memory; `hints` is its state file.
  void restart(std::size_t i, const std::vector<MemberUpdate>& hints = {}) {
    kill(i);
    nodes_[i].identity.life.generation = nodes_[i].identity.life.generation.next();
    boot(i);
    swim(i).merge(now_, hints, true);
    collect(i);
  }
  void move(std::size_t i, const Address& address) { nodes_[i].identity.address = address; }
  void partition(const std::set<std::size_t>& away) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i].side = away.contains(i) ? 1 : 0;
  }
  void heal() { partition({}); }

  // After calling a verb of a machine directly.
  void collect(std::size_t i) {
    Output output = nodes_[i].swim->take_output();
    for (Datagram& datagram : output.datagrams) transmit(i, std::move(datagram));
    for (const Event& event : output.events) {
      if (const auto* changed = std::get_if<MemberChanged>(&event); changed && on_changed)
        on_changed(i, changed->id);
      if (std::holds_alternative<SelfRefuted>(event)) ++nodes_[i].refutations;
      if (std::holds_alternative<SelfForgotten>(event)) nodes_[i].self_forgotten = true;
    }
    const Instant deadline = std::max(nodes_[i].swim->next_deadline(), now_);
    if (deadline < nodes_[i].armed_at && deadline < Instant::never()) {
      nodes_[i].armed_at = deadline;
      events_.push({deadline, ++order_, i, no_datagram});
    }
  }
  void collect_all() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].swim) collect(i);
    }
  }

  void run_for(Duration duration) { run_until(now_ + duration); }
  // True when the condition held in time; asked every `step`.
  bool run_until_true(Duration limit, const std::function<bool()>& condition,
                      Duration step = milliseconds(50)) {
    const Instant end = now_ + limit;
    while (!condition()) {
      if (now_ >= end) return false;
      run_for(step);
    }
    return true;
  }

  bool running(std::size_t i) const { return nodes_[i].swim != nullptr; }
  bool sees(std::size_t observer, std::size_t member, Status status) const {
    const auto view = nodes_[observer].swim->find(id(member));
    return view ? view->record.status == status : status == Status::forgotten;
  }
  bool knows(std::size_t observer, std::size_t member) const {
    return nodes_[observer].swim->find(id(member)).has_value();
  }
  bool all_see(std::size_t member, Status status) const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (i != member && running(i) && !sees(i, member, status)) return false;
    }
    return true;
  }
  bool all_see_all_alive() const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (running(i) && !all_see(i, Status::alive)) return false;
    }
    return true;
  }
  std::size_t datagrams_sent() const {
    std::size_t sum = 0;
    for (const Node& node : nodes_) sum += node.sent;
    return sum;
  }

 private:
  static constexpr std::uint32_t no_datagram = 0xffff'ffff;
  struct Due {
    Instant at;
    std::uint64_t order;
    std::size_t node;
    std::uint32_t datagram;
    friend bool operator<(const Due& a, const Due& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;  // the heap's top is the earliest
    }
  };
  struct InFlight {
    NodeId from;
    Address source, to;
    int side = 0;
    Datagram datagram;
  };
  struct AddressHash {
    std::size_t operator()(const Address& a) const {
      return std::size_t{a.ip[13]} << 32 | std::size_t{a.ip[14]} << 24 | std::size_t{a.ip[15]} << 16 | a.port;
    }
  };

  void boot(std::size_t i) {
    Node& node = nodes_[i];
    node.swim = std::make_unique<Swim>(settings, node.identity, now_, Rng(rng_.next()));
    node.armed_at = Instant::never();
    node.self_forgotten = false;
    by_address_[node.identity.address] = i;
  }

  void transmit(std::size_t from, Datagram&& datagram) {
    Node& node = nodes_[from];
    ++node.sent;
    if (filter && !filter(from, datagram)) return;
    if (rng_.chance(loss_per_million)) return;
    std::uint32_t at = static_cast<std::uint32_t>(flights_.size());
    if (free_.empty()) {
      flights_.emplace_back();
    } else {
      at = free_.back();
      free_.pop_back();
    }
    const Address to = datagram.address;
    flights_[at] = {node.identity.id, node.identity.address, to, node.side, std::move(datagram)};
    const auto spread = static_cast<std::uint64_t>((delay_max - delay_min).ns + 1);
    const Duration delay = delay_min + nanoseconds(static_cast<std::int64_t>(rng_.below(spread)));
    events_.push({now_ + delay, ++order_, from, at});
  }

  void run_until(Instant end) {
    while (!events_.empty() && events_.top().at <= end) {
      const Due event = events_.top();
      events_.pop();
      now_ = std::max(now_, event.at);
      if (event.datagram == no_datagram) {
        Node& node = nodes_[event.node];
        if (!node.swim || node.armed_at != event.at) continue;
        node.armed_at = Instant::never();
        if (node.swim->next_deadline() <= now_) node.swim->on_timer(now_);
        collect(event.node);
        continue;
      }
      const InFlight flight = std::move(flights_[event.datagram]);
      free_.push_back(event.datagram);
      const auto target = by_address_.find(flight.to);
      if (target == by_address_.end()) continue;
      Node& node = nodes_[target->second];
      if (node.side != flight.side) continue;
      node.swim->step(now_, flight.from, flight.source, flight.datagram.message, flight.datagram.updates);
      collect(target->second);
    }
    now_ = end;
  }

  Rng rng_;
  Instant now_ = Instant{1'000'000'000};
  std::vector<Node> nodes_;
  std::unordered_map<Address, std::size_t, AddressHash> by_address_;
  std::priority_queue<Due> events_;
  std::vector<InFlight> flights_;
  std::vector<std::uint32_t> free_;
  std::uint64_t order_ = 0;
};

}  // namespace vswim::swim::test
