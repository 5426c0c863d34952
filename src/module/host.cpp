#include "module/host.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <utility>

#include "base/overloaded.hpp"
#include "module/command_catalogue.hpp"

namespace vswim::module {
namespace {

std::string version_text(const Api& api) {
  const int version = api.GetServerVersion ? api.GetServerVersion() : 0;  // 0x00MMmmpp
  return std::to_string(version >> 16) + "." + std::to_string(version >> 8 & 0xff) + "." +
         std::to_string(version & 0xff);
}

Rng seeded() {
  std::random_device source;
  return Rng(std::uint64_t{source()} << 32 | source());
}

}  // namespace

std::unique_ptr<Host> Host::start(const Api& api, Ctx* ctx, const OwnSettings& own,
                                  const Callbacks& callbacks, std::string& error) {
  ServerSettings server = ServerSettings::read(api, ctx);
  std::uint16_t bus_port = 0;
  if (!server.bus_port(bus_port, error)) return nullptr;
  CommandTable commands = read_commands(api, ctx);
  if (commands.find("get") == nullptr) {
    error = "the server's COMMAND could not be read";
    return nullptr;
  }
  auto host =
      std::make_unique<Host>(api, ctx, own, callbacks, std::move(server), std::move(commands), bus_port);
  if (!host->loop_.open(api, callbacks.turn)) {
    error = "no event or timer descriptor could be added to the server's event loop";
    return nullptr;
  }
  if (!host->start_node(error)) return nullptr;
  host->graceful_.install(callbacks.signal);
  host->tune_server();
  host->arm(runtime::boottime_now());
  return host;
}

Host::Host(const Api& api, Ctx* ctx, const OwnSettings& own, const Callbacks& callbacks,
           ServerSettings server, CommandTable commands, std::uint16_t bus_port)
    : api_(api),
      ctx_(ctx),
      own_(own),
      callbacks_(callbacks),
      log_(api, ctx),
      server_(std::move(server)),
      bus_port_(bus_port),
      commands_(std::move(commands)),
      index_(api),
      dropper_(api),
      core_(server_.core_settings(bus_port, milliseconds(own.lease_ttl_ms), version_text(api)),
            counters_.counts(), runtime::boottime_now(), seeded()),
      engine_(api, ctx, log_),
      fence_(api, ctx, clients_, log_),
      filter_(api, ctx, commands_, clients_, core_.routing(), situation_, fence_,
              [this] { return core_.may_feed_replicas(runtime::boottime_now()); }),
      cluster_(
          api, clients_,
          [this](core::CommandTicket ticket, const std::vector<std::string>& words,
                 const core::Caller& caller) {
            core_.command(runtime::boottime_now(), ticket, words, caller);
            pump();
          },
          [this](core::CommandTicket ticket) { core_.command_gone(ticket); }),
      graceful_(api, ctx, log_) {
  situation_.allow_reads_when_down = server_.yes("cluster-allow-reads-when-down");
}

void Host::turn() {
  loop_.consume();
  const Instant now = runtime::boottime_now();
  if (graceful_.signal_waits() && graceful_.state() == GracefulEnd::State::running) {
    graceful_.begin_by_signal(now);
    stop_serving(now);
  }
  feed_core(now);
  pump();
  arm(now);
}

void Host::feed_core(Instant now) {
  if (!node_) return;
  for (const contract::Event& event : node_->drain_events()) core_.on_event(now, event);
  for (const Note& note : node_->drain_notes()) log_.write(note);
  if (now >= next_pulse_) {
    next_pulse_ = now + pulse_interval;
    node_->submit(contract::Pulse{});
    report_wanted_ = true;
  }
  if (report_wanted_) report_engine(now);
  if (now >= core_.next_deadline()) core_.on_timer(now);
  if (graceful_.tick(now)) core_.cancel_graceful_end(now);
}

void Host::report_engine(Instant now) {
  report_wanted_ = false;
  const core::EngineReport report = engine_.report();
  situation_.native_replica = engine_.native_replica();
  core_.on_engine(now, report);
}

// The heir is compared with the offset of the very last write: an older report would hand over without it.
void Host::stop_serving(Instant now) {
  report_engine(now);
  core_.begin_graceful_end(now);
}

void Host::pump() {
  core::Output output = core_.take_output();
  for (contract::Operation& operation : output.operations) {
    if (node_) node_->submit(std::move(operation));
  }
  for (const Note& note : output.notes) log_.write(note);
  for (const core::CommandReply& reply : output.replies) replies_leave_ |= cluster_.answered(reply);
  const Instant now = runtime::boottime_now();
  for (core::EngineAction& action : output.actions) {
    if (const auto* listing = std::get_if<core::ListKeys>(&action)) {
      list_keys(*listing, now);
    } else {
      actions_.push_back(std::move(action));
    }
  }
  if (output.graceful_end_done) graceful_.handed_over();
  if (!actions_.empty() || replies_leave_) loop_.wake();
}

void Host::before_sleep() {
  if (fence_.window_open() && fence_.before_sleep(core_.routing(), runtime::boottime_now())) {
    const auto& table = core_.routing();
    const bool successor = table.own_route != core::RoutingTable::unowned && !table.primary_here &&
                           table.routes[table.own_route].known;
    const std::string endpoint = successor ? table.routes[table.own_route].endpoint : std::string();
    const std::size_t colon = endpoint.rfind(':');
    const std::string host = colon == std::string::npos ? std::string() : endpoint.substr(0, colon);
    engine_.fence_off(host, colon == std::string::npos
                                ? std::uint16_t{0}
                                : static_cast<std::uint16_t>(std::atoi(endpoint.c_str() + colon + 1)));
    situation_.native_replica = engine_.native_replica();
    report_wanted_ = true;
  }
  if (std::exchange(replies_leave_, false)) {
    loop_.wake();  // their replies are handed out at the next turn; what cuts clients off waits until then
  } else if (!actions_.empty()) {
    for (const auto& action : std::exchange(actions_, {})) perform(action);
    report_wanted_ = true;
  }
  if (index_.working() || dropper_.working()) work_on_keys(runtime::boottime_now());
  if (settings_wanted_) apply_settings(runtime::boottime_now());
  if (graceful_.state() == GracefulEnd::State::ready) graceful_.finish(runtime::boottime_now());
  if (report_wanted_) {
    const Instant now = runtime::boottime_now();
    feed_core(now);
    pump();
    arm(now);
  }
}

void Host::perform(const core::EngineAction& action) {
  std::visit(Overloaded{
                 [&](const core::Follow& target) {
                   fence_.cut_off();  // REPLICAOF itself spares those whom CLIENT PAUSE holds
                   engine_.follow(target);
                 },
                 [&](const core::Promote&) { engine_.promote(); },
                 [&](const core::Detach& why) {
                   fence_.cut_off();
                   engine_.detach(why.reason);
                 },
                 [&](const core::CutOff&) { fence_.cut_off(); },
                 [&](const core::DropSlots& drop) { dropper_.drop(drop.slots); },
                 [&](const core::FlushAll&) { engine_.flush_all(); },
                 [&](const core::ListKeys& listing) { list_keys(listing, runtime::boottime_now()); },
             },
             action);
  situation_.native_replica = engine_.native_replica();
}

void Host::list_keys(const core::ListKeys& wanted, Instant now) {
  if (counters_.counts().keys[wanted.slot] == 0) {
    cluster_.answered({wanted.ticket, {core::Reply::Array{}}});
    return;
  }
  listings_.push_back(wanted);
  if (!index_.ready(wanted.slot)) {
    index_.want(wanted.slot);
    if (cluster_.must_answer_at_once()) index_.finish(ctx_, counters_.counts(), now);
  }
  answer_listings(now);
  if (!listings_.empty()) loop_.wake();
}

void Host::answer_listings(Instant now) {
  std::vector<core::ListKeys> still_waiting;
  for (const core::ListKeys& wanted : std::exchange(listings_, {})) {
    if (!index_.ready(wanted.slot)) {
      still_waiting.push_back(wanted);
      continue;
    }
    core::Reply::Array names;
    for (auto& name : index_.keys(wanted.slot, wanted.count, now))
      names.push_back(core::Reply::bulk(std::move(name)));
    replies_leave_ |= cluster_.answered({wanted.ticket, {std::move(names)}});
  }
  listings_ = std::move(still_waiting);
}

void Host::work_on_keys(Instant now) {
  index_.step(ctx_, counters_.counts(), now);
  answer_listings(now);
  if (dropper_.working() && !situation_.native_replica && !situation_.loading) dropper_.step(ctx_);
  if (index_.working()) loop_.wake();
}

void Host::arm(Instant now) {
  Instant next = next_pulse_;
  next = std::min(next, core_.next_deadline());
  next = std::min(next, graceful_.deadline());
  if (dropper_.working()) next = std::min(next, now + milliseconds(1));
  index_.drop_if_idle(now);
  loop_.arm(std::max(next, now));
}

int Host::cluster_command(Ctx* ctx, String** arguments, int count) {
  return cluster_.run(ctx, arguments, count, callbacks_.cluster_reply, callbacks_.free_reply,
                      callbacks_.cluster_gone);
}

int Host::shutdown_command(Ctx* ctx, String** arguments, int count) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) words.emplace_back(api_.text(arguments[i]));
  constexpr int cannot_wait = context_flag::script | context_flag::multi | context_flag::deny_blocking;
  if ((api_.GetContextFlags(ctx) & cannot_wait) != 0) {
    return api_.ReplyWithError(ctx,
                               "ERR SHUTDOWN without NOW or ABORT isn't allowed for DENY BLOCKING client");
  }
  if (!shutdown_hands_over(words)) return api_.ReplyWithError(ctx, "ERR syntax error");
  if (graceful_.state() != GracefulEnd::State::running) {
    return api_.ReplyWithError(ctx, "ERR a shutdown is in progress already");
  }
  const Instant now = runtime::boottime_now();
  BlockedClient* client = api_.BlockClient(ctx, callbacks_.shutdown_reply, nullptr, callbacks_.free_text, 0);
  if (ClientState* state = clients_.find(api_.GetClientId(ctx))) state->waits_for_us = true;
  graceful_.begin(now, client, words);
  stop_serving(now);
  pump();
  arm(now);
  return api_ok;
}

}  // namespace vswim::module
