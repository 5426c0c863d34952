#include "module/host.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <random>
#include <utility>

#include "base/overloaded.hpp"
#include "module/command_catalogue.hpp"
#include "module/command_keys.hpp"

namespace vswim::module {
namespace {

Rng seeded() {
  std::random_device source;
  return Rng(std::uint64_t{source()} << 32 | source());
}

}  // namespace

std::unique_ptr<Host> Host::start(const Api& api, Ctx* ctx, OwnSettings& own, const Callbacks& callbacks,
                                  std::string& error) {
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

Host::Host(const Api& api, Ctx* ctx, OwnSettings& own, const Callbacks& callbacks, ServerSettings server,
           CommandTable commands, std::uint16_t bus_port)
    : api_(api),
      ctx_(ctx),
      own_(own),
      callbacks_(callbacks),
      log_(api, ctx),
      server_(std::move(server)),
      bus_port_(bus_port),
      commands_(std::move(commands)),
      index_(api, seeded().next()),
      dropper_(api),
      export_(api),
      import_(api),
      core_(core_settings(), counters_.counts(), runtime::boottime_now(), seeded()),
      engine_(api, ctx, log_),
      fence_(api, ctx, clients_, log_),
      filter_(
          api, ctx, commands_, clients_, core_.routing(), situation_, fence_,
          [this] { return core_.may_feed_replicas(runtime::boottime_now()); },
          [this](std::uint64_t client) { return held_.command_for(client); },
          [this](std::string_view key) { key_touched(key); },
          [this](std::uint64_t client) { usage_.before_command(client); }),
      run_as_(api, filter_, commands_, clients_),
      detached_(api, ctx, run_as_, clients_, callbacks.detached),
      transactions_(api, run_as_, detached_, filter_, clients_,
                    [this] {
                      return static_cast<std::size_t>(
                          server_.number("client-query-buffer-limit", std::int64_t{1} << 30));
                    }),
      held_(api, ctx, filter_, run_as_, detached_, transactions_, clients_),
      blocking_(api, run_as_, filter_, clients_, callbacks.blocking),
      cluster_(
          api, clients_,
          [this](core::CommandTicket ticket, const std::vector<std::string>& words,
                 const core::Caller& caller) {
            core_.command(runtime::boottime_now(), ticket, words, caller);
            pump();
          },
          [this](core::CommandTicket ticket) { core_.command_gone(ticket); }),
      scan_(api, run_as_, clients_, index_, counters_.counts(), core_.routing(), callbacks.scan),
      usage_(api, ctx, commands_, clients_, filter_, situation_),
      graceful_(api, ctx, log_) {
  situation_.allow_reads_when_down = server_.yes("cluster-allow-reads-when-down");
  situation_.allow_pubsubshard_when_down = server_.yes("cluster-allow-pubsubshard-when-down");
  allow_debug();
  count_usage();
  run_as_.tell_published([this](String** words) { on_published(words); });
}

void Host::turn() {
  loop_.consume();
  const Instant now = runtime::boottime_now();
  if (graceful_.signal_waits() && graceful_.state() == GracefulEnd::State::running) {
    graceful_.begin_by_signal(now);
    stop_serving(now);
  }
  feed_core(now);
  if (!imported_.empty() && actions_.empty()) {
    report_engine(now);  // the offset behind the keys written
    for (const auto& answer : std::exchange(imported_, {}))
      core_.on_imported(now, answer.transfer, answer.error);
  }
  pump();
  arm(now);
}

void Host::feed_core(Instant now) {
  if (!node_) return;
  if (now >= next_pulse_) {
    next_pulse_ = now + pulse_interval;
    node_->submit(contract::Pulse{});
    core_.on_wall_clock(runtime::wall_offset_now());
    report_wanted_ = true;
    if (loopback_only_ && now >= next_policy_check_) apply_peer_policy();
  }
  // Before the events: a report that one of them makes Core ask for follows the actions that come with it.
  const auto events = node_->drain_events();
  // What another Core asks, and what follows a log write, is about the offset of this moment.
  const bool fresh = std::any_of(events.begin(), events.end(), [](const contract::Event& event) {
    return std::holds_alternative<contract::ReceivedFromCore>(event) ||
           std::holds_alternative<contract::Completed>(event);
  });
  if ((report_wanted_ || fresh) && actions_.empty()) report_engine(now);
  for (const contract::Event& event : events) {
    if (keyrings_.on_event(event)) continue;
    hear(event);
    core_.on_event(now, event);
  }
  if (auto write = keyrings_.next_write(now)) node_->submit(std::move(*write));
  for (const Note& note : node_->drain_notes()) log_.write(note);
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
      continue;
    }
    // Before its client is answered; and in its turn once more: whom this node still follows may send keys
    // until then.
    if (std::holds_alternative<core::FlushAll>(action)) {
      engine_.flush_all();
      report_engine(now);
      report_wanted_ = true;  // for what that led to
    }
    actions_.push_back(std::move(action));
  }
  replies_leave_ |= held_.review(core_.routing().builds);
  usage_.review(core_.routing());
  if (output.graceful_end_done) graceful_.handed_over();
  report_wanted_ |= output.report_wanted;
  if (!actions_.empty() || replies_leave_ || output.report_wanted) loop_.wake();
}

void Host::before_sleep() {
  if (fence_.window_open() && fence_.before_sleep(core_.routing(), runtime::boottime_now())) {
    const auto& table = core_.routing();
    const bool successor = table.own_route != core::RoutingTable::unowned && !table.primary_here &&
                           table.routes[table.own_route].known;
    const core::Route unknown;
    const core::Route& primary = successor ? table.routes[table.own_route] : unknown;
    engine_.fence_off(primary.host, primary.port);
    situation_.native_replica = engine_.native_replica();
    report_wanted_ = true;
  }
  recheck_waiting();  // who is redirected hears it before a change of role ends all waits in the server's
                      // words
  if (std::exchange(replies_leave_, false)) {
    loop_.wake();  // their replies are handed out at the next turn; what cuts clients off waits until then
  } else if (!actions_.empty() && !spares_waiting(runtime::boottime_now())) {
    for (const auto& action : std::exchange(actions_, {})) perform(action);
    report_wanted_ = true;
  }
  recheck_waiting();
  deliver();
  part_with_subscribers();
  if (index_.working() || dropper_.working()) work_on_keys(runtime::boottime_now());
  if (export_.working() || import_.working() || !imported_.empty()) move_slots(runtime::boottime_now());
  if (settings_wanted_) apply_settings(runtime::boottime_now());
  if (graceful_.state() == GracefulEnd::State::ready) graceful_.finish(runtime::boottime_now());
  if (std::exchange(wrote_before_sleep_, false)) {
    if (report_wanted_) loop_.wake();
  } else if (report_wanted_) {
    const Instant now = runtime::boottime_now();
    feed_core(now);
    pump();
    arm(now);
  }
}

// A change of role ends every wait in the server's words. Who was answered a moment ago may have sent its
// next CLUSTER command before what the first one led to is done (MEET right after RESET). Who serves slots
// waits for nobody.
bool Host::spares_waiting(Instant now) {
  constexpr auto patience = milliseconds(300);
  const bool cuts = std::ranges::any_of(actions_, [](const auto& action) {
    return std::holds_alternative<core::Follow>(action) || std::holds_alternative<core::Detach>(action);
  });
  const auto& served = core_.routing().served;
  const bool serves = std::ranges::find(served, true) != served.end();
  if (!cuts || serves || !cluster_.somebody_waits()) {
    spared_until_ = Instant::never();
    return false;
  }
  if (spared_until_ == Instant::never()) {
    spared_until_ = now + patience;
    arm(now);
  }
  if (now >= spared_until_) {
    spared_until_ = Instant::never();
    return false;
  }
  return true;
}

// Before the actions and after them, when a change of role has unblocked everybody else.
void Host::recheck_waiting() {
  const auto& table = core_.routing();
  if (blocking_.size() == 0 || (waiting_builds_ == table.builds && waiting_lapses_ == table.lapses)) return;
  waiting_builds_ = table.builds;
  waiting_lapses_ = table.lapses;
  replies_leave_ |= blocking_.recheck(ctx_);
  if (replies_leave_) loop_.wake();
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
                 [&](const core::BeginExport& begin) { export_.begin(begin); },
                 [&](const core::PullExport& pull) { export_.pull(pull); },
                 [&](const core::EndExport& end) { export_.end(end.transfer); },
                 [&](const core::EmptySlots& empty) {
                   for (const core::Slot slot : empty.slots) dropper_.keep(slot);
                   import_.empty(empty);
                 },
                 [&](const core::ImportKeys& keys) { import_.import(keys); },
                 [&](const core::AdoptSlots& adopted) {
                   for (const core::Slot slot : adopted.slots) dropper_.keep(slot);
                 },
             },
             action);
  situation_.native_replica = engine_.native_replica();
  situation_.exporting = export_.active();
}

void Host::list_keys(const core::ListKeys& wanted, Instant now) {
  if (counters_.counts().keys[wanted.slot] == 0) {
    cluster_.answered(
        {wanted.ticket, wanted.count < 0 ? core::Reply::ok() : core::Reply{core::Reply::Array{}}});
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
    const bool unlinks = wanted.count < 0;
    constexpr auto all = std::numeric_limits<std::int64_t>::max();
    auto keys = index_.keys(wanted.slot, unlinks ? all : wanted.count, now);
    if (unlinks) {
      replies_leave_ |= cluster_.answered({wanted.ticket, unlink(wanted.slot, keys, now)});
      continue;
    }
    core::Reply::Array names;
    for (auto& name : keys) names.push_back(core::Reply::bulk(std::move(name)));
    replies_leave_ |= cluster_.answered({wanted.ticket, {std::move(names)}});
  }
  listings_ = std::move(still_waiting);
}

// Of FLUSHSLOT, which may have waited for the index: the lease may have ended meanwhile.
core::Reply Host::unlink(core::Slot slot, const std::vector<std::string>& keys, Instant now) {
  if (core_.routing().mode[slot] == core::SlotMode::fenced)
    return core::Reply::error("TRYAGAIN The slot is being handed over to another shard");
  const bool served = core::decide_keyless_write(core_.routing(), now, false) == core::Decision::serve;
  if (!served || situation_.native_replica) return core::Reply::error("CLUSTERDOWN The cluster is down");
  if (run_as_.writes_are_paused()) return core::Reply::error("TRYAGAIN writes are paused");
  for (const std::string& key : keys) {
    const Reply reply(api_, unlink_key(api_, ctx_, key));
  }
  return core::Reply::ok();
}

void Host::work_on_keys(Instant now) {
  index_.step(ctx_, counters_.counts(), now);
  answer_listings(now);
  replies_leave_ |= scan_.review();
  if (dropper_.working()) dropper_.keep_what_came_back(core_.routing());
  if (dropper_.working() && !situation_.native_replica && !situation_.loading) {
    dropper_.step(ctx_);
    wrote_before_sleep_ = true;
  }
  if (index_.working() || replies_leave_) loop_.wake();
}

// Slots on their way, a bounded step.
void Host::move_slots(Instant now) {
  if (situation_.native_replica || situation_.loading) {
    export_.end_all();
    import_.clear();
    return imported_.clear();
  }
  for (auto& answer : export_.step(ctx_))
    core_.on_exported(now, answer.transfer, std::move(answer.keys), answer.drained);
  if (import_.working()) {
    for (auto& answer : import_.step(ctx_, counters_.counts())) imported_.push_back(std::move(answer));
    wrote_before_sleep_ = true;
  }
  pump();
  if (export_.working() || import_.working() || !imported_.empty()) loop_.wake();
}

void Host::arm(Instant now) {
  Instant next = next_pulse_;
  next = std::min(next, core_.next_deadline());
  next = std::min(next, graceful_.deadline());
  next = std::min({next, held_.deadline(now), spared_until_});
  if (dropper_.working()) next = std::min(next, now + milliseconds(1));
  index_.drop_if_idle(now);
  loop_.arm(std::max(next, now));
}

core::Traffic Host::traffic() const {
  core::Traffic traffic;
  for (const auto& [name, value] : node_->info()) {
    const auto number = std::strtoull(value.c_str(), nullptr, 10);
    if (name == "packets_in") traffic.packets_in = number;
    if (name == "packets_out") traffic.packets_out = number;
    if (name == "bytes_in") traffic.bytes_in = number;
    if (name == "bytes_out") traffic.bytes_out = number;
  }
  return traffic;
}

int Host::cluster_command(Ctx* ctx, String** arguments, int count) {
  const std::string_view name = count > 1 ? api_.text(arguments[1]) : "";
  if (node_ && equal_ignoring_case(name, "info")) core_.on_traffic(traffic());
  if (settings_wanted_) apply_settings(runtime::boottime_now());  // CONFIG SET in the same transaction
  if (usage_.enabled() && equal_ignoring_case(name, "slot-stats")) usage_.settle();
  if (equal_ignoring_case(name, "keyring")) return keyring_command(ctx, arguments, count);
  // They ask whether there are keys, of this moment: FLUSHALL may have come just before.
  const bool about_keys = equal_ignoring_case(name, "reset") || equal_ignoring_case(name, "replicate") ||
                          equal_ignoring_case(name, "flushslots");
  if (about_keys && actions_.empty()) report_engine(runtime::boottime_now());
  return cluster_.run(ctx, run_as_.client_of(ctx), arguments, count, callbacks_.cluster_reply,
                      callbacks_.free_reply, callbacks_.cluster_gone);
}

// CLUSTER, INFO and CONFIG of an authenticated user: the rules that count are those about these commands.
int Host::as_command(Ctx* ctx, String** arguments, int count) {
  ClientState* client = clients_.find(run_as_.client_of(ctx));
  if (!client || !std::exchange(client->acting, false) || count < 2)
    return api_.ReplyWithError(ctx, "ERR swim.as is used by this module only");
  String** words = arguments + 1;
  --count;
  const Reply denial(api_, run_as_.denial_of(ctx, words, count));
  if (denial.get()) {
    std::size_t length = 0;
    const char* bytes = api_.CallReplyProto(denial.get(), &length);
    if (bytes && std::string_view(bytes, length).starts_with("-NOPERM"))
      return api_.ReplyWithCallReply(ctx, denial.get());
  }
  client->vouched = true;
  const Command* command = commands_.find(api_.text(words[0]));
  if (command && command->special == Special::info) return info_command(ctx, words, count);
  if (command && command->special == Special::config) return config_command(ctx, words, count);
  if (command && command->special == Special::keyspace) return keyspace_command(ctx, words, count);
  if (command && command->special == Special::debug) return debug_command(ctx, words, count);
  if (command && command->special == Special::cluster_scan) return scan_command(ctx, words, count);
  return cluster_command(ctx, words, count);
}

int Host::keyspace_command(Ctx* ctx, String** arguments, int count) {
  return VisibleKeys(api_, ctx, core_.routing().copies, counters_.counts()).run(arguments, count);
}

int Host::scan_command(Ctx* ctx, String** arguments, int count) {
  const int done = scan_.run(ctx, arguments, count, filter_.current_asking());
  if (index_.working()) loop_.wake();
  return done;
}

int Host::exec_command(Ctx* ctx, String** arguments) {
  if (!transactions_.waits(run_as_.client_of(ctx))) return transactions_.exec(ctx);
  loop_.wake();
  return held_.hold(ctx, arguments, 1, callbacks_.hold_reply, callbacks_.hold_gone);
}

int Host::hold_command(Ctx* ctx, String** arguments, int count) {
  if (count < 2) return api_.WrongArity(ctx);
  const int done = held_.hold(ctx, arguments, count, callbacks_.hold_reply, callbacks_.hold_gone);
  loop_.wake();
  return done;
}

int Host::shutdown_command(Ctx* ctx, String** arguments, int count) {
  std::vector<std::string> words;
  for (int i = 1; i < count; ++i) {
    const auto word = api_.text(arguments[i]);
    if (!equal_ignoring_case(word, "safe")) words.emplace_back(word);  // the filter has seen to it that it is
  }
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
