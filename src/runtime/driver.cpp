#include "runtime/driver.hpp"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "runtime/node_info.hpp"
#include "runtime/state_file.hpp"

namespace vswim::runtime {

namespace {

constexpr Duration seed_interval = seconds(3);
constexpr Duration seed_interval_joined = seconds(30);  // names may have changed what they stand for
constexpr Duration publish_interval = seconds(1);
constexpr Duration flush_limit = milliseconds(200);
constexpr auto flush_poll = std::chrono::milliseconds(2);
constexpr int free_port_tries = 32;

// Everything the provider counts as refused input: a frame that raises it was worthless.
std::uint64_t refused_inputs(const provider::Counters& c) {
  return c.bad_checksum + c.bad_format + c.bad_version + c.wrong_cluster + c.oversize;
}

}  // namespace

Driver::Driver(asio::io_context& context, const NodeSettings& settings, Mailbox& mailbox)
    : context_(context),
      settings_(settings),
      mailbox_(mailbox),
      wake_interval_(settings.provider.shard_log.lease_ttl / 8),
      gap_(settings.provider.shard_log.lease_ttl / 4),
      datagrams_(context, [this](const Address& from, std::string_view bytes) { on_datagram(from, bytes); }),
      security_(
          settings, system_seed(),
          [this](const Address& to, std::string_view datagram) { datagrams_.send(to, datagram); },
          [this](Note note) { mailbox_.post({}, {std::move(note)}); }),
      listener_(
          context, {}, [this](const Address& from, std::string_view frame) { return on_frame(from, frame); },
          [this](const Address& from, seal::Refusal why) { refused(from, why); }),
      seeds_(settings.seeds),
      timer_(context),
      flush_timer_(context) {}

Driver::~Driver() = default;

// ---- start
// -----------------------------------------------------------------------------------------------------

bool Driver::open(std::string& error) {
  auto file = StateFile::open(settings_.directory, settings_.state_file, error);
  if (!file || !open_sockets(error)) return false;
  auto& advertised = settings_.provider.advertised;
  if (advertised.port == 0) advertised.port = settings_.bus_port;
  settings_.provider.datagram_bytes_max -= security_.datagram_bytes_reserved();
  const auto now = boottime_now();
  const auto contents = file->take_contents();
  provider_ = provider::Provider::start(settings_.provider, contents, now, settings_.seed, error);
  if (!provider_) return false;
  if (file->torn_bytes() > 0) {
    mailbox_.post({}, {{NoteLevel::notice, "cut " + std::to_string(file->torn_bytes()) +
                                               " bytes of a torn last record off " + settings_.state_file}});
  }
  sender_ = make_sender();
  disk_ = std::make_unique<DiskWriter>(
      context_, std::move(file),
      [this](std::uint64_t sequence) { handle([&](Instant at) { provider_->on_persisted(at, sequence); }); },
      [this](const std::string& failure) {
        halt("the state file cannot be written any more (" + failure +
             "); this node is out of the cluster until it is restarted on a disk that works");
      });
  publish(now);
  return true;
}

std::unique_ptr<StreamSender> Driver::make_sender() {
  return std::make_unique<StreamSender>(
      context_, SenderLimits{}, settings_.bus_port,
      [this](const Address& to) {
        const auto local = datagrams_.local_address_for(to);
        if (local.has_ip() || settings_.bind.empty()) return local;
        for (const auto& ip : settings_.bind) {
          const auto bound = Address::parse(ip, 0);
          if (bound && bound->is_v4() == to.is_v4()) return *bound;
        }
        return Address{};
      },
      [this](const Address& to) { handle([&](Instant at) { provider_->on_stream_failed(at, to); }); },
      security_.stream_seals(),
      [this](const Address& to, const std::string& reason) {
        refused(to, seal::Refusal::peer_refused, reason);
      });
}

bool Driver::open_sockets(std::string& error) {
  std::vector<Address> bind;
  for (const auto& ip : settings_.bind) {
    const auto address = Address::parse(ip, settings_.bus_port);
    if (!address) {
      error = "cannot bind to \"" + ip + "\": not a numeric IPv4 or IPv6 address";
      return false;
    }
    bind.push_back(*address);
  }
  for (int tries = settings_.bus_port == 0 ? free_port_tries : 1; tries > 0; --tries) {
    if (!listener_.open(bind, settings_.bus_port, error)) return false;
    if (!datagrams_.open(bind, listener_.port(), error))
      continue;  // with port 0: another one may be free for both
    settings_.bus_port = listener_.port();
    return true;
  }
  return false;
}

void Driver::begin() {
  running_ = true;
  const auto now = boottime_now();
  armed_for_ = now;
  listener_.seal_with(security_.stream_seals());
  listener_.accept_from([this](const Address& from) { return security_.admits(from); });
  datagrams_.listen();
  listener_.listen();
  listener_.on_tick(now);
  sender_->on_tick(now);
  carry_out(provider_->take_output());
  on_timer();
}

// ---- inputs
// ----------------------------------------------------------------------------------------------------

// A reading later than planned by more than T/4 (rule L8) is reported before the input that it was read for.
Instant Driver::read_clock() {
  const auto now = boottime_now();
  const auto late = now - armed_for_;
  if (late > gap_) {
    ++clock_gaps_;
    longest_gap_ = std::max(longest_gap_, late);
    armed_for_ = now;
    provider_->on_clock_gap(now);
    mailbox_.post({}, {{NoteLevel::notice, "this process did not run for " + std::to_string(late.ms()) +
                                               " ms; the lease is given up"}});
  }
  return now;
}

template <class Input>
void Driver::handle(Input&& input) {
  if (!running_ || halted_) return;
  const auto now = read_clock();
  input(now);
  carry_out(provider_->take_output());
  arm_timer(now);
}

void Driver::on_datagram(const Address& from, std::string_view bytes) {
  if (!running_ || halted_) return;
  const auto packet = security_.receive(boottime_now(), from, bytes);
  if (packet) handle([&](Instant now) { provider_->on_datagram(now, from, *packet); });
}

void Driver::refused(const Address& from, seal::Refusal why, const std::string& detail) {
  security_.refused(boottime_now(), from, why, detail);
}

void Driver::set_keyring(seal::Keyring keyring) {
  if (!security_.set_keyring(keyring)) return;
  listener_.on_keyring_changed();
  sender_->on_keyring_changed();
  publish(boottime_now());
}

void Driver::set_loopback_only(bool only) { security_.set_loopback_only(only); }

bool Driver::on_frame(const Address& from, std::string_view bytes) {
  if (!running_ || halted_) return false;
  const auto before = refused_inputs(provider_->counters());
  handle([&](Instant now) { provider_->on_frame(now, from, bytes); });
  return refused_inputs(provider_->counters()) == before;
}

void Driver::on_operations_waiting() {
  for (const auto& submitted : mailbox_.take_operations()) submit(submitted);
}

void Driver::submit(const SubmittedOperation& submitted) {
  const auto& operation = submitted.operation;
  if (halted_ || !running_) {
    answer(operation, contract::Outcome::failed, halted_ ? halt_reason_ : "the node is stopping");
    return;
  }
  if (mailbox_.overtaken_by_reset(submitted)) {
    ++overtaken_writes_;
    answer(operation, contract::Outcome::stale, "the namespace was replaced meanwhile");
    return;
  }
  owed_.submitted(operation);
  handle([&](Instant now) { provider_->submit(now, operation); });
}

void Driver::answer(const contract::Operation& operation, contract::Outcome outcome,
                    const std::string& text) {
  if (const auto ticket = ticket_of(operation)) {
    mailbox_.post({contract::Completed{*ticket, outcome, text, std::nullopt}}, {});
  }
}

// ---- output
// ----------------------------------------------------------------------------------------------------

void Driver::carry_out(provider::Output output) {
  if (halted_) return;
  for (auto& write : output.writes) disk_->write(std::move(write));
  for (auto& transmit : output.transmits) {
    if (transmit.transport == provider::Transport::datagram) {
      security_.send(boottime_now(), transmit.to, transmit.bytes);
    } else {
      sender_->send(transmit.to, std::move(transmit.bytes));
    }
  }
  for (const auto& event : output.events) note_event(event);
  if (provider_->node_id() != published_node_ || provider_->shard_id() != published_shard_) {
    published_node_ = provider_->node_id();
    published_shard_ = provider_->shard_id();
    mailbox_.publish_identity(published_node_, published_shard_);
  }
  if (!mailbox_.post(std::move(output.events), std::move(output.notes))) {
    halt("Core took no events for so long that they cannot be kept any more; this node must be restarted");
  }
}

void Driver::note_event(const contract::Event& event) {
  if (const auto* completed = std::get_if<contract::Completed>(&event)) owed_.completed(*completed);
  if (const auto* view = std::get_if<contract::MembershipChanged>(&event)) {
    knows_others_ =
        std::any_of(view->members.begin(), view->members.end(), [&](const contract::Member& member) {
          return member.id != view->self && member.health != contract::Health::fail;
        });
  }
}

// The provider is not driven any more: what it holds back for durability never leaves, and its leases run
// out.
void Driver::halt(const std::string& reason) {
  if (halted_) return;
  halted_ = true;
  halt_reason_ = reason;
  std::vector<contract::Event> events;
  events.push_back(contract::ClusterDown{reason});
  for (auto& event : owed_.give_up(reason)) events.push_back(std::move(event));
  mailbox_.post(std::move(events), {{NoteLevel::warning, reason}});
  datagrams_.close();
  listener_.close();
  sender_->close();
  if (stop_done_) std::exchange(stop_done_, nullptr)();
}

// ---- time
// ------------------------------------------------------------------------------------------------------

void Driver::arm_timer(Instant now) {
  if (halted_ || !running_) return;
  const auto next = std::min(provider_->next_deadline(), security_.next_deadline());
  const auto wanted = std::clamp(next, now, now + wake_interval_);
  if (timer_pending_ && armed_for_ <= wanted) return;  // it fires early enough and is set again then
  timer_pending_ = true;
  armed_for_ = wanted;
  timer_.expires_after(std::chrono::nanoseconds((wanted - now).ns));
  timer_.async_wait([this](const asio::error_code& cancelled) {
    if (!cancelled) on_timer();
  });
}

void Driver::on_timer() {
  if (!running_ || halted_) return;
  const auto now = read_clock();
  if (provider_->next_deadline() <= now) provider_->on_timer(now);
  carry_out(provider_->take_output());
  if (halted_) return;
  security_.on_timer(now);
  if (now - last_tick_ >= wake_interval_) tick(now);
  timer_pending_ = false;  // it has fired
  arm_timer(now);
}

void Driver::tick(Instant now) {
  last_tick_ = now;
  listener_.on_tick(now);
  sender_->on_tick(now);
  look_for_seeds(now);
  if (now - last_publish_ >= publish_interval) publish(now);
}

void Driver::look_for_seeds(Instant now) {
  if (!seeds_.has_seeds()) return;
  if (auto addresses = seeds_.poll()) {
    handle([&](Instant at) { provider_->set_seeds(at, std::move(*addresses)); });
  }
  // Members remembered from before a restart may all have moved and still look alive, or suspect for ever:
  // the seeds are asked at every start, whoever is known.
  if (now >= next_seed_try_) {
    next_seed_try_ = now + (knows_others_ ? seed_interval_joined : seed_interval);
    seeds_.start();
  }
}

// ---- end
// -------------------------------------------------------------------------------------------------------

void Driver::stop(bool leave, std::function<void()> done) {
  if (halted_ || !running_) return done();
  stop_done_ = std::move(done);
  stop_deadline_ = boottime_now() + flush_limit;
  if (leave) handle([&](Instant now) { provider_->leave(now); });
  finish_when_flushed();
}

void Driver::finish_when_flushed() {
  if (!stop_done_) return;
  if ((!sender_->idle() || !disk_->idle()) && boottime_now() < stop_deadline_) {
    flush_timer_.expires_after(flush_poll);
    flush_timer_.async_wait([this](const asio::error_code& cancelled) {
      if (!cancelled) finish_when_flushed();
    });
    return;
  }
  running_ = false;
  mailbox_.post(owed_.give_up("the node was stopped"), {});
  std::exchange(stop_done_, nullptr)();
}

void Driver::publish(Instant now) {
  last_publish_ = now;
  published_node_ = provider_->node_id();
  published_shard_ = provider_->shard_id();
  mailbox_.publish_identity(published_node_, published_shard_);
  mailbox_.publish_info(node_info(*provider_, security_,
                                  RuntimeCounters{
                                      .bus_port = settings_.bus_port,
                                      .streams_in = listener_.connections(),
                                      .streams_in_refused = listener_.refused(),
                                      .streams_out = sender_->connections(),
                                      .stream_failures = sender_->failures(),
                                      .datagram_send_failures = datagrams_.send_failures(),
                                      .disk_writes = disk_->writes(),
                                      .disk_syncs = disk_->syncs(),
                                      .clock_gaps = clock_gaps_,
                                      .longest_gap_ms = static_cast<std::uint64_t>(longest_gap_.ms()),
                                      .overtaken_writes = overtaken_writes_,
                                      .halted = halted_,
                                  }));
}

}  // namespace vswim::runtime
