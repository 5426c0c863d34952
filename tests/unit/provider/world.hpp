// A few real providers over a lossless network in virtual time, each with a Core that agrees to everything.
// For the provider's own claims; faults in earnest are the simulator's (src/sim).
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "base/overloaded.hpp"
#include "provider/provider.hpp"

namespace vswim::test {

struct Node {
  std::unique_ptr<provider::Provider> provider;
  Address address;
  std::string file;  // what the disk holds durably
  std::vector<contract::Event> events;
  std::map<std::uint64_t, contract::Completed> completed;
  std::map<std::string, contract::Register> log;
  std::map<std::string, contract::Register> global, shard;
  contract::MembershipChanged view;
  Instant lease_until{};
  std::uint64_t settled = 0;
  int resets_global = 0, resets_shard = 0;
  bool main_thread_runs = true;
};

class World {
 public:
  Instant now = Instant{} + seconds(1'000);
  std::map<int, Node> nodes;
  std::set<std::pair<int, int>> cut;  // from, to

  Node& add(int n) {
    auto& node = nodes[n];
    node.address = Address::v4(10, 0, 0, static_cast<std::uint8_t>(n), 17'000);
    start(n);
    return node;
  }

  void start(int n, std::vector<Address> seeds = {}) {
    auto& node = nodes[n];
    provider::Settings settings;
    settings.advertised.port = node.address.port;
    settings.seeds = std::move(seeds);
    std::string error;
    node.log.clear();
    node.global.clear();
    node.shard.clear();
    node.provider = provider::Provider::start(settings, node.file, now,
                                              77 * ++lives_ + static_cast<std::uint64_t>(n), error);
    if (!node.provider) throw std::runtime_error(error);
    settle(n);
  }

  void crash(int n) {
    nodes[n].provider.reset();
    nodes[n].lease_until = {};
  }

  std::uint64_t submit(int n, contract::Operation operation) {
    const Ticket ticket{++tickets_};
    std::visit(
        [&](auto& op) {
          if constexpr (requires { op.ticket; }) op.ticket = ticket;
        },
        operation);
    nodes[n].provider->submit(now, operation);
    settle(n);
    return ticket.value;
  }

  // Runs virtual time until the condition holds; false when the limit comes first.
  template <class Condition>
  bool run_until(Duration limit, Condition&& condition) {
    const auto end = now + limit;
    while (!condition()) {
      if (now >= end) return false;
      step(end);
    }
    return true;
  }
  void run_for(Duration duration) {
    run_until(duration, [] { return false; });
  }
  // The completion of a ticket within the limit.
  contract::Completed result(int n, std::uint64_t ticket, Duration limit = seconds(40)) {
    if (!run_until(limit, [&] { return nodes[n].completed.contains(ticket); })) {
      return {Ticket{ticket}, contract::Outcome::unknown, "no completion", {}};
    }
    return nodes[n].completed.at(ticket);
  }
  contract::Completed meet(int n, int target) {
    return result(n, submit(n, contract::JoinCluster{{}, {nodes[target].address}}));
  }
  bool leased(int n) const { return nodes.at(n).lease_until > now; }

 private:
  struct Packet {
    Instant at;
    std::uint64_t order;
    int from;
    provider::Transmit transmit;
    bool operator>(const Packet& other) const {
      return std::tie(at, order) > std::tie(other.at, other.order);
    }
  };
  struct Sync {
    Instant at;
    int node;
    std::uint64_t sequence;
  };

  void settle(int n) {
    auto& node = nodes[n];
    for (auto output = node.provider->take_output();; output = node.provider->take_output()) {
      if (output.transmits.empty() && output.writes.empty() && output.events.empty()) break;
      for (auto& transmit : output.transmits)
        packets_.push({now + microseconds(200), ++order_, n, std::move(transmit)});
      for (auto& write : output.writes) {
        if (write.rewrite) node.file.clear();
        node.file += write.bytes;
        syncs_.push_back({now + microseconds(150), n, write.sequence});
      }
      for (auto& event : output.events) on_event(n, event);
    }
  }

  void on_event(int n, const contract::Event& event) {
    auto& node = nodes[n];
    node.events.push_back(event);
    const auto merge = [](auto& map, const auto& registers) {
      for (const auto& reg : registers) map[reg.key] = reg;
    };
    std::visit(Overloaded{
                   [&](const contract::Completed& done) { node.completed[done.ticket.value] = done; },
                   [&](const contract::MembershipChanged& changed) { node.view = changed; },
                   [&](const contract::GossipUpdated& updated) {
                     merge(updated.scope == contract::Scope::global ? node.global : node.shard,
                           updated.registers);
                   },
                   [&](const contract::ShardLogUpdated& updated) {
                     if (updated.snapshot) node.log.clear();
                     merge(node.log, updated.registers);
                     node.provider->submit(now, contract::Shown{updated.namespace_number, updated.revision});
                   },
                   [&](const contract::Settled& settled) { node.settled = settled.revision.minor; },
                   [&](const contract::Reset& reset) {
                     if (reset.which == contract::Namespace::global) {
                       ++node.resets_global;
                       node.global.clear();
                     } else {
                       ++node.resets_shard;
                       node.log.clear();
                       node.shard.clear();
                       node.settled = 0;
                     }
                   },
                   [&](const contract::Heartbeat& heartbeat) { node.lease_until = heartbeat.deadline; },
                   [&](const contract::ClusterDown&) { node.lease_until = {}; },
                   [&](const contract::JoinReview& review) {
                     node.provider->submit(now, contract::JoinVerdict{review.ticket, true, ""});
                   },
                   [&](const contract::ReceivedFromCore&) {},
                   [&](const contract::ProviderStatus&) {},
               },
               event);
  }

  void step(Instant end) {
    Instant next = end;
    for (auto& [n, node] : nodes) {
      if (node.provider) next = std::min(next, node.provider->next_deadline());
    }
    if (!packets_.empty()) next = std::min(next, packets_.top().at);
    for (const auto& sync : syncs_) next = std::min(next, sync.at);
    next = std::min(next, next_pulse_);
    now = std::max(now, next);
    if (now >= next_pulse_) {
      next_pulse_ = now + milliseconds(100);
      for (auto& [n, node] : nodes) {
        if (!node.provider || !node.main_thread_runs) continue;
        node.provider->submit(now, contract::Pulse{});
        settle(n);
      }
    }
    const auto due =
        std::stable_partition(syncs_.begin(), syncs_.end(), [&](const Sync& sync) { return sync.at > now; });
    const std::vector<Sync> done(due, syncs_.end());
    syncs_.erase(due, syncs_.end());
    for (const auto& sync : done) {
      if (!nodes[sync.node].provider) continue;
      nodes[sync.node].provider->on_persisted(now, sync.sequence);
      settle(sync.node);
    }
    while (!packets_.empty() && packets_.top().at <= now) {
      const auto packet = packets_.top();
      packets_.pop();
      for (auto& [n, node] : nodes) {
        if (node.address != packet.transmit.to || !node.provider || cut.contains({packet.from, n})) continue;
        const auto& from = nodes[packet.from].address;
        if (packet.transmit.transport == provider::Transport::datagram) {
          node.provider->on_datagram(now, from, packet.transmit.bytes);
        } else {
          node.provider->on_frame(now, from, packet.transmit.bytes);
        }
        settle(n);
      }
    }
    for (auto& [n, node] : nodes) {
      if (node.provider && node.provider->next_deadline() <= now) {
        node.provider->on_timer(now);
        settle(n);
      }
    }
  }

  std::priority_queue<Packet, std::vector<Packet>, std::greater<>> packets_;
  std::vector<Sync> syncs_;
  Instant next_pulse_ = now;
  std::uint64_t order_ = 0, tickets_ = 0, lives_ = 0;
};

}  // namespace vswim::test
