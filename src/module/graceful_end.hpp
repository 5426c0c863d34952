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

// SHUTDOWN's arguments without the ones that only concern the handover; false when they say to skip it (NOW,
// ABORT).
bool shutdown_hands_over(const std::vector<std::string>& arguments);
std::vector<std::string> native_shutdown_arguments(std::vector<std::string> arguments);

class GracefulEnd {
 public:
  static constexpr Duration limit = seconds(2);

  enum class State : std::uint8_t { running, handing_over, ready };

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
  void begin(Instant now, BlockedClient* client, std::vector<std::string> arguments);
  void begin_by_signal(Instant now);
  void handed_over() {
    if (state_ == State::handing_over) state_ = State::ready;
  }
  void tick(Instant now);
  State state() const { return state_; }
  Instant deadline() const { return state_ == State::handing_over ? deadline_ : Instant::never(); }
  // Lets the server end. Returns only when it did not (a failed save), or when its own handler took over.
  void finish();

 private:
  void start(Instant now);

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
  std::vector<std::string> arguments_;
};

}  // namespace vswim::module
