// Drives one Provider over real sockets, a real clock and a disk, in an io_context that is handed in (one
// thread may drive many). Everything here runs in that context, except the constructor and `open`.
//
// After every input the provider's output is carried out; one timer is kept at its next deadline. Rule L8:
// the driver wakes at least every T/8, and when it finds itself woken later than planned by more than T/4, it
// says so first.
#pragma once

#include "runtime/asio_config.hpp"

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "provider/provider.hpp"
#include "runtime/bus_security.hpp"
#include "runtime/datagrams.hpp"
#include "runtime/disk_writer.hpp"
#include "runtime/mailbox.hpp"
#include "runtime/node.hpp"
#include "runtime/seed_resolver.hpp"
#include "runtime/stream_listener.hpp"
#include "runtime/stream_sender.hpp"
#include "runtime/tickets.hpp"

namespace vswim::runtime {

class Driver {
 public:
  Driver(asio::io_context& context, const NodeSettings& settings, Mailbox& mailbox);
  ~Driver();

  // State file, sockets, provider. False: `error` says what is wrong and what to do; the driver is good for
  // nothing.
  bool open(std::string& error);
  void begin();  // first thing in the context
  void on_operations_waiting();
  // Tells the others when `leave`, sends what is queued, and calls `done` when all is out or 200 ms have
  // passed.
  void stop(bool leave, std::function<void()> done);
  void set_keyring(seal::Keyring keyring);
  void set_loopback_only(bool only);
  std::uint16_t bus_port() const { return settings_.bus_port; }

 private:
  bool open_sockets(std::string& error);
  std::unique_ptr<StreamSender> make_sender();
  Instant read_clock();
  template <class Input>
  void handle(
      Input&& input);  // one input to the provider, between reading the clock and carrying out the output
  void carry_out(provider::Output output);
  void on_datagram(const Address& from, std::string_view bytes);
  void refused(const Address& from, seal::Refusal why, const std::string& detail = "");
  bool on_frame(const Address& from, std::string_view bytes);
  void submit(const SubmittedOperation& submitted);
  void answer(const contract::Operation& operation, contract::Outcome outcome, const std::string& text);
  void on_timer();
  void tick(Instant now);
  void look_for_seeds(Instant now);
  void arm_timer(Instant now);
  void finish_when_flushed();
  void halt(const std::string& reason);
  void note_event(const contract::Event& event);
  void publish(Instant now);

  asio::io_context& context_;
  NodeSettings settings_;
  Mailbox& mailbox_;
  const Duration wake_interval_;  // T/8
  const Duration gap_;            // T/4
  std::unique_ptr<provider::Provider> provider_;
  Datagrams datagrams_;
  BusSecurity security_;
  StreamListener listener_;
  std::unique_ptr<StreamSender> sender_;
  std::unique_ptr<DiskWriter> disk_;
  SeedResolver seeds_;
  asio::steady_timer timer_;
  asio::steady_timer flush_timer_;
  OwedAnswers owed_;

  Instant armed_for_{};  // when the timer is set to fire
  bool timer_pending_ = false;
  Instant last_tick_{};
  Instant last_publish_{};
  Instant next_seed_try_{};
  bool knows_others_ = false;
  bool running_ = false;
  bool halted_ = false;  // the disk or Core's queue failed: nothing is driven any more
  std::string halt_reason_;
  std::function<void()> stop_done_;
  Instant stop_deadline_{};
  NodeId published_node_;
  ShardId published_shard_;
  std::uint64_t clock_gaps_ = 0;
  Duration longest_gap_{};
  std::uint64_t overtaken_writes_ = 0;
};

}  // namespace vswim::runtime
