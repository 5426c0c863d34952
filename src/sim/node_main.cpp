// The main thread's half of a simulated server: Core, the engine, clients.
#include <algorithm>
#include <utility>

#include "base/hash.hpp"
#include "base/mutation.hpp"
#include "base/overloaded.hpp"
#include "core/slots.hpp"
#include "sim/node.hpp"

namespace vswim::sim {

namespace {
constexpr std::uint64_t own_tickets = 1ULL << 62;  // Core numbers its own from below
constexpr Duration timer_resolution = microseconds(1);
constexpr Duration report_interval = seconds(1);
constexpr Duration save_interval = seconds(5);

core::Settings core_settings(const NodeConfig& config) {
  core::Settings settings;
  settings.port = config.client_port;
  settings.bus_port = config.bus.port;
  settings.lease_ttl = config.lease_ttl;
  settings.replica_no_failover = config.replica_no_failover;
  settings.repl_ping_period = seconds(1);
  settings.server_version = "9.1.2";
  return settings;
}

bool changed(const core::EngineReport& a, const core::EngineReport& b) {
  return a.is_replica != b.is_replica || a.link_up != b.link_up || a.sync_in_progress != b.sync_in_progress ||
         a.loading != b.loading || a.completed_sync != b.completed_sync || a.history != b.history ||
         a.replicas != b.replicas;
}
}  // namespace

void Node::start_core() {
  const Instant now = clock_now();
  core_ = std::make_unique<core::Core>(core_settings(config_), engine_->counts(), now, Rng(rng_.next()));
  last_report_ = last_save_ = around_.scheduler->now();
  on_main_thread([&](Instant at) { report_engine(at, true); });
  main_tick();
}

// Ten times a second, as the server's own cron: the pulse of rule L8, the engine's clockwork, reports.
void Node::main_tick() {
  around_.scheduler->after(Engine::tick_interval, [this, life = life_] {
    if (!alive() || life != life_) return;
    main_lane_.post({}, [this] {
      on_main_thread([&](Instant now) {
        const WorldTime world = around_.scheduler->now();
        engine_->on_tick(world);
        if (world - last_save_ >= save_interval) {
          last_save_ = world;
          saved_ = engine_->image();
          around_.oracle->on_gossip(world, config_.index,
                                    provider_->global_gossip().snapshot().registers.size());
        }
        report_engine(now, world - last_report_ >= report_interval);
      });
      submit(contract::Pulse{});
      main_tick();
    });
  });
}

void Node::on_main_thread(const std::function<void(Instant)>& work) {
  const Instant now = clock_now();
  const auto before = engine_->syncs();
  work(now);
  drain_core(now);
  run_held_writes(now);
  drain_engine();
  const bool wanted = std::exchange(report_wanted_, false);
  auto& coverage = around_.oracle->coverage;
  coverage.wiped_replicas += engine_->syncs().wiped - before.wiped;
  coverage.full_syncs += engine_->syncs().full - before.full;
  coverage.partial_syncs += engine_->syncs().partial - before.partial;
  report_engine(now, wanted);
  drain_core(now);
  observe_core();
  arm_main_timer();
}

void Node::on_event(Instant now, const contract::Event& event, Duration waited) {
  note_event(event);
  if (const auto* completed = std::get_if<contract::Completed>(&event)) {
    if (completes_own(*completed)) return;
  }
  const auto* heartbeat = std::get_if<contract::Heartbeat>(&event);
  if (heartbeat != nullptr && !VSWIM_RULE(l6)) {  // the lease was queued as a duration
    core_->on_event(now, contract::Heartbeat{heartbeat->deadline + waited});
    return;
  }
  core_->on_event(now, event);
}

void Node::note_event(const contract::Event& event) {
  const WorldTime world = around_.scheduler->now();
  auto& oracle = *around_.oracle;
  oracle.on_handed(world, config_.index, event);
  std::visit(Overloaded{
                 [&](const contract::Reset& reset) {
                   if (reset.which != contract::Namespace::shard) {
                     global_registers_.clear();
                     return;
                   }
                   namespace_ = reset.namespace_number;
                   seen_.shard = reset.own_shard;
                   seen_.shown = 0;
                   id_ = seen_.id = reset.self;
                   shard_registers_.clear();
                   oracle.on_namespace_shown(config_.index);
                 },
                 [&](const contract::ShardLogUpdated& update) {
                   if (update.namespace_number != namespace_) return;
                   oracle.on_shown(world, config_.index, seen_.shard, update);
                   seen_.shown = update.revision.minor;
                   if (update.snapshot) shard_registers_.clear();
                   for (const auto& entry : update.registers) shard_registers_[entry.key] = entry;
                 },
                 [&](const contract::GossipUpdated& update) {
                   if (update.scope != contract::Scope::global) return;
                   for (const auto& entry : update.registers) global_registers_[entry.key] = entry;
                 },
                 [&](const contract::MembershipChanged& view) { membership_ = view; },
                 [](const contract::Completed&) {},
                 [](const contract::Settled&) {},
                 [](const contract::Heartbeat&) {},
                 [&](const contract::ClusterDown& down) { trace("cluster down: " + down.reason); },
                 [](const contract::JoinReview&) {},
                 [](const contract::ReceivedFromCore&) {},
                 [](const contract::ProviderStatus&) {},
             },
             event);
}

bool Node::completes_own(const contract::Completed& completed) {
  if (completed.ticket.value < own_tickets) return false;
  const auto found = own_.find(completed.ticket.value);
  const WorldTime world = around_.scheduler->now();
  if (found == own_.end()) {
    around_.oracle->violations.add("answers", node_name(config_.index), world,
                                   "a completion nobody asked for");
    return true;
  }
  const Own own = std::move(found->second);
  own_.erase(found);
  if (own.log) {
    around_.oracle->on_completed(world, config_.index, seen_.shard, own.unique_value, own.batch, completed);
  }
  if (own.completed) own.completed(completed);
  return true;
}

void Node::submit(contract::Operation operation) {
  node_lane_.post(queue_latency(), [this, moved = std::move(operation)] {
    on_node_thread([&](Instant now) {
      around_.oracle->on_operation(config_.index, moved);
      provider_->submit(now, moved);
    });
  });
}

void Node::drain_core(Instant) {
  auto output = core_->take_output();
  for (const auto& note : output.notes) trace("core: " + note.text);
  for (const auto& action : output.actions) apply(action);
  report_wanted_ |= output.report_wanted;
  for (auto& operation : output.operations) {
    around_.oracle->mix(operation.index() * 77 + config_.index);
    tell_proposal(operation);
    submit(std::move(operation));
  }
  for (auto& reply : output.replies) {
    const auto waiting = commands_.find(reply.ticket);
    if (waiting == commands_.end()) {
      violate("answers", "a command was answered twice or never asked");
      continue;
    }
    const auto replied = std::move(waiting->second);
    commands_.erase(waiting);
    if (replied) replied(reply.reply);
  }
}

// A primaryship that Core writes: over the fence of a primary that it believes to be well, or otherwise.
void Node::tell_proposal(const contract::Operation& operation) {
  const auto* update = std::get_if<contract::UpdateShardLog>(&operation);
  if (update == nullptr || update->batch.size() != 1 || update->batch[0].key != "primaryship") return;
  if (update->batch[0].value != id_.hex()) return;
  const auto known = shard_registers_.find("primaryship");
  const auto text = known == shard_registers_.end() ? std::string() : known->second.value.value_or("");
  const auto colon = text.find(':');
  const auto holder = colon == std::string::npos ? std::nullopt : NodeId::parse(text.substr(0, colon));
  const bool well = std::any_of(
      membership_.members.begin(), membership_.members.end(), [&](const contract::Member& member) {
        return member.id == holder && member.shard == seen_.shard && member.health != contract::Health::fail;
      });
  const bool planned = holder && *holder != id_ && well;
  around_.oracle->on_primary_proposed(config_.index, seen_.shard, planned ? &*holder : nullptr);
}

void Node::apply(const core::EngineAction& action) {
  around_.oracle->mix(action.index() * 31 + config_.index);
  static constexpr const char* names[] = {
      "follow",       "promote",     "detach",     "cut off",     "drop slots",  "flush",      "list keys",
      "begin export", "pull export", "end export", "empty slots", "import keys", "adopt slots"};
  trace(std::string("engine: ") + names[action.index()]);
  if (const auto* list = std::get_if<core::ListKeys>(&action)) {
    const auto waiting = commands_.find(list->ticket);
    if (waiting == commands_.end()) return;
    core::Reply::Array keys;
    for (const auto& [key, value] : engine_->data()) {
      if (std::ssize(keys) < list->count && core::key_slot(key) == list->slot)
        keys.push_back(core::Reply::bulk(key));
    }
    const auto replied = std::move(waiting->second);
    commands_.erase(waiting);
    if (replied) replied({std::move(keys)});
    return;
  }
  if (const auto* adopt = std::get_if<core::AdoptSlots>(&action)) {
    around_.adopts(config_.index, *adopt);
  }
  if (const auto* drop = std::get_if<core::DropSlots>(&action)) {
    for (const auto slot : drop->slots) {
      around_.oracle->on_drop(around_.scheduler->now(), config_.index, seen_.shard, slot,
                              engine_->counts().keys[slot]);
    }
  }
  if (std::holds_alternative<core::FlushAll>(action)) around_.oracle->on_emptied(config_.index);
  engine_->apply(around_.scheduler->now(), action);
}

// A server answers at its next turn, not inside the action.
void Node::drain_transfers() {
  for (auto& answer : engine_->take_transfers()) {
    main_lane_.post(queue_latency(), [this, answer = std::move(answer)] {
      on_main_thread([&](Instant now) {
        report_engine(now, true);
        std::visit(Overloaded{
                       [&](const Engine::Exported& exported) {
                         core_->on_exported(now, exported.transfer, exported.keys, exported.drained);
                       },
                       [&](const Engine::Imported& imported) { core_->on_imported(now, imported.transfer); },
                   },
                   answer);
      });
    });
  }
}

void Node::drain_engine() {
  drain_transfers();
  for (auto& outgoing : engine_->take_outgoing()) {
    const auto to = outgoing.to ? outgoing.to : around_.client_host(outgoing.host, outgoing.port);
    if (!to) continue;
    const bool sync = std::holds_alternative<SyncPartial>(outgoing.message) ||
                      std::holds_alternative<SyncFull>(outgoing.message);
    if (sync) around_.oracle->on_sync_given(around_.scheduler->now(), core_seen(), *to);
    around_.network->carry(config_.index, *to, [this, to = *to, message = std::move(outgoing.message)] {
      around_.deliver_engine(to, config_.index, message);
    });
  }
}

void Node::on_engine_message(NodeIndex from, const EngineMessage& message) {
  if (!alive()) return;
  main_lane_.post({}, [this, from, message] {
    on_main_thread([&](Instant now) {
      engine_->on_message(around_.scheduler->now(), from, message, core_->may_feed_replicas(now));
    });
  });
}

void Node::report_engine(Instant now, bool always) {
  const auto report = engine_->report(around_.scheduler->now());
  if (!always && !changed(report, reported_)) return;
  reported_ = report;
  if (always) last_report_ = around_.scheduler->now();
  core_->on_engine(now, report);
}

CoreSeen Node::core_seen() const {
  const auto& routing = core_->routing();
  CoreSeen seen = seen_;
  seen.primary_here = routing.primary_here;
  seen.lease_until = routing.lease_until <= Instant{} ? WorldTime{} : clock_.when_reads(routing.lease_until);
  return seen;
}

void Node::observe_core() {
  const bool served = seen_.primary_here;
  seen_ = core_seen();
  if (seen_.primary_here && !served)
    around_.oracle->on_promoted(around_.scheduler->now(), seen_, engine_->data());
  if (seen_.primary_here && !served && !leads(seen_.shard)) around_.serves_by_others(config_.index);
  around_.oracle->on_core(around_.scheduler->now(), seen_, core_->routing(), reported_);
}

void Node::arm_main_timer() {
  const WorldTime when =
      std::max(clock_.when_reads(core_->next_deadline()), around_.scheduler->now() + timer_resolution);
  if (when >= main_timer_) return;
  main_timer_ = when;
  around_.scheduler->at(when, [this, life = life_, when] {
    if (!alive() || life != life_ || main_timer_ != when) return;
    main_timer_ = WorldTime::never();
    main_lane_.post({}, [this] {
      on_main_thread([&](Instant now) {
        if (core_->next_deadline() <= now) core_->on_timer(now);
        count_spins(main_spins_, core_->next_deadline() <= now, "Core's deadline stays in the past");
      });
    });
  });
}

// A plain FAILOVER takes the place of a forced one when it is accepted, not when it is refused.
Node::Replied Node::watched(const std::vector<std::string>& arguments, Replied replied) {
  if (arguments.front() != "FAILOVER") return replied;
  if (arguments.size() > 1) {
    around_.oracle->on_failover_asked(config_.index, true);
    return replied;
  }
  return [this, replied = std::move(replied)](const core::Reply& reply) {
    if (!std::holds_alternative<core::Reply::Error>(reply.value))
      around_.oracle->on_failover_asked(config_.index, false);
    if (replied) replied(reply);
  };
}

void Node::command(std::vector<std::string> arguments, Replied replied) {
  if (!alive()) return;
  ++around_.oracle->coverage.commands;
  main_lane_.post(queue_latency(), [this, arguments = std::move(arguments), replied = std::move(replied)] {
    on_main_thread([&](Instant now) {
      const core::CommandTicket ticket = ++next_command_;
      commands_[ticket] = watched(arguments, replied);
      core_->command(now, ticket, arguments, core::Caller{});
    });
  });
}

void Node::write_key(const std::string& key, const std::string& value, Routed routed) {
  if (!alive()) return;
  main_lane_.post(queue_latency(), [this, key, value, routed = std::move(routed)] {
    on_main_thread([&](Instant now) {
      if (!run_write(now, {key, value, routed})) ++around_.oracle->coverage.held_writes;
    });
  });
}

// As the module does: a write that has to wait is neither run nor refused, and decided anew later.
bool Node::run_write(Instant now, ClientWrite&& write) {
  core::RouteQuery query;
  query.slot = core::key_slot(write.key);
  query.write = true;
  auto decision = core::decide(core_->routing(), query, now);
  if (decision == core::Decision::hold) {
    held_.push_back(std::move(write));
    return false;
  }
  if (decision == core::Decision::serve) {
    if (engine_->write(write.key, write.value)) {
      around_.oracle->on_acknowledged_write(config_.index, write.key, write.value);
    } else {
      decision = core::Decision::clusterdown;
    }
  }
  if (write.routed) write.routed(decision);
  return true;
}

void Node::run_held_writes(Instant now) {
  for (auto waiting = std::exchange(held_, {}); auto& write : waiting) run_write(now, std::move(write));
}

void Node::propose(contract::Batch batch, const std::string& unique_value, Completed completed) {
  if (!alive()) return;
  const std::uint64_t ticket = own_tickets + ++next_ticket_;
  own_[ticket] = {std::move(completed), batch, unique_value, true};
  around_.oracle->on_proposed(around_.scheduler->now(), config_.index, ticket, seen_.shard, unique_value,
                              batch);
  submit(contract::UpdateShardLog{{ticket}, std::move(batch)});
}

void Node::flush_data() {
  if (!alive()) return;
  main_lane_.post(queue_latency(), [this] {
    on_main_thread([&](Instant) {
      if (engine_->role() != EngineRole::primary) return;
      around_.oracle->on_emptied(config_.index);
      engine_->apply(around_.scheduler->now(), core::FlushAll{});
    });
  });
}

void Node::gossip(contract::Scope scope, contract::Batch batch, Completed completed) {
  if (!alive()) return;
  const std::uint64_t ticket = own_tickets + ++next_ticket_;
  own_[ticket] = {std::move(completed), batch, {}, false};
  submit(contract::UpdateGossip{{ticket}, scope, std::move(batch)});
}

}  // namespace vswim::sim
