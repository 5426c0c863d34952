// An orderly end: before the server goes, Core hands the primaryship to the best replica and gives the lease
// back. At most two seconds, then the server goes anyway. SHUTDOWN waits for it in its client; SIGTERM and
// SIGINT arrive through the module's own handler, which calls the server's when it is time.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "module/api.hpp"
#include "module/log.hpp"

namespace vswim::module {

// Is this a SHUTDOWN that waits for the handover? Not with ABORT, not with NOW unless FAILOVER is asked for
// as well, and nothing the server would not understand.
bool shutdown_hands_over(const std::vector<std::string>& arguments);
// The same wish as a value of the server's shutdown-on-sigterm.
std::string shutdown_setting(const std::vector<std::string>& arguments);

class GracefulEnd {
 public:
  static constexpr Duration limit = seconds(2);

  // A server that is still here this long after it was told to go has failed to (its save failed).
  static constexpr Duration patience = milliseconds(1'500);

  enum class State : std::uint8_t { running, handing_over, ready, leaving };

  GracefulEnd(const Api& api, Ctx* ctx, const Log& log) : api_(api), ctx_(ctx), log_(log) {}

  // Chains the handlers of SIGTERM and SIGINT; `on_signal` runs in signal context.
  void install(void (*on_signal)(int));
  // In signal context: true when the server's own handler must run now (second signal, a forked child,
  // loading).
  bool note_signal(int signal);
  void call_server_handler(int signal) const;
  void set_loading(bool loading) { loading_.store(loading); }

  bool signal_waits() const { return signal_.load() != 0; }
  // A client's SHUTDOWN; answered only when the server refuses to go.
  void begin(Instant now, BlockedClient* client, const std::vector<std::string>& arguments);
  void begin_by_signal(Instant now);
  void handed_over() {
    if (state_ == State::handing_over) state_ = State::ready;
  }
  bool tick(Instant now);  // true: the server refused to go, the node takes part again

  State state() const { return state_; }
  Instant deadline() const {
    return state_ == State::handing_over || state_ == State::leaving ? deadline_ : Instant::never();
  }
  // Lets the server end by its own handler, as its cron does it.
  void finish(Instant now);

 private:
  void start(Instant now);
  void stay();  // the server refused to go
  bool server_is_ending() const;
  void set_mode(const std::string& value) const;

  const Api& api_;
  Ctx* ctx_;
  const Log& log_;
  State state_ = State::running;
  Instant deadline_{};
  std::atomic<int> signal_{0};
  std::atomic<bool> loading_{false}, chained_{false};
  int owner_pid_ = 0;
  void (*server_term_)(int) = nullptr;
  void (*server_int_)(int) = nullptr;
  BlockedClient* client_ = nullptr;
  std::string mode_;        // the client's wish as a shutdown-on-sigterm
  std::string users_mode_;  // what the user has there
};

}  // namespace vswim::module
