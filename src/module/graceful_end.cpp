#include "module/graceful_end.hpp"

#include <signal.h>
#include <unistd.h>

#include "module/command_keys.hpp"
#include "module/rewriting.hpp"

namespace vswim::module {
namespace {

void (*install_one(int number, void (*handler)(int)))(int) {
  struct sigaction own {
  }, old{};
  sigemptyset(&own.sa_mask);
  own.sa_handler = handler;
  sigaction(number, &own, &old);
  return (old.sa_flags & SA_SIGINFO) == 0 && old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN
             ? old.sa_handler
             : nullptr;
}

}  // namespace

bool shutdown_hands_over(const std::vector<std::string>& arguments) {
  bool save = false, nosave = false, now = false, failover = false;
  for (const auto& argument : arguments) {
    now |= equal_ignoring_case(argument, "now");
    failover |= equal_ignoring_case(argument, "failover");
    save |= equal_ignoring_case(argument, "save");
    nosave |= equal_ignoring_case(argument, "nosave");
    const bool understood = equal_ignoring_case(argument, "save") ||
                            equal_ignoring_case(argument, "nosave") ||
                            equal_ignoring_case(argument, "force") ||
                            equal_ignoring_case(argument, "failover") || equal_ignoring_case(argument, "now");
    if (!understood) return false;
  }
  return !(save && nosave) && (failover || !now);
}

std::string shutdown_setting(const std::vector<std::string>& arguments) {
  std::string setting;
  for (const auto& argument : arguments) {
    if (equal_ignoring_case(argument, "failover")) continue;  // handing over is what happens anyway
    setting += (setting.empty() ? "" : " ") + argument;
  }
  return setting.empty() ? "default" : setting;
}

void GracefulEnd::install(void (*on_signal)(int)) {
  owner_pid_ = getpid();
  server_term_ = install_one(SIGTERM, on_signal);
  server_int_ = install_one(SIGINT, on_signal);
}

bool GracefulEnd::note_signal(int signal) {
  if (getpid() != owner_pid_ || loading_.load()) return true;
  if (signal_.exchange(signal) != 0 || chained_.load()) return true;
  return false;
}

void GracefulEnd::call_server_handler(int signal) const {
  const auto handler = signal == SIGINT ? server_int_ : server_term_;
  if (handler) {
    handler(signal);
  } else {
    _exit(128 + signal);
  }
}

void GracefulEnd::start(Instant now) {
  state_ = State::handing_over;
  deadline_ = now + limit;
  log_.notice("shutting down: handing over first, for at most 2 s");
}

void GracefulEnd::begin(Instant now, BlockedClient* client, const std::vector<std::string>& arguments) {
  client_ = client;
  mode_ = shutdown_setting(arguments);
  start(now);
}

void GracefulEnd::begin_by_signal(Instant now) {
  if (state_ == State::running) start(now);
}

bool GracefulEnd::tick(Instant now) {
  if (now < deadline()) return false;
  if (state_ == State::handing_over) {
    log_.warning("the handover took longer than 2 s: going without it");
    state_ = State::ready;
  } else if (server_is_ending()) {
    deadline_ = now + patience;
  } else {
    stay();
    return true;
  }
  return false;
}

bool GracefulEnd::server_is_ending() const {
  const Reply info(api_, api_.Call(ctx_, "INFO", "c", "server"));
  return !info_field(info.text(), "shutdown_in_milliseconds").empty();
}

void GracefulEnd::set_mode(const std::string& value) const {
  const Reply set(api_, api_.Call(ctx_, "CONFIG", "ccc", "SET", "shutdown-on-sigterm", value.c_str()));
}

void GracefulEnd::finish(Instant now) {
  state_ = State::leaving;
  deadline_ = now + patience;
  chained_.store(true);
  if (const int signal = signal_.load(); signal != 0) return call_server_handler(signal);
  // A module's SHUTDOWN call cannot fail on every release without bringing the server down, so the client's
  // wish takes the way of a signal.
  const Reply current(api_, api_.Call(ctx_, "CONFIG", "cc", "GET", "shutdown-on-sigterm"));
  if (!current.failed() && api_.CallReplyLength(current.get()) == 2) {
    users_mode_ = api_.text(api_.CallReplyArrayElement(current.get(), 1));
  }
  set_mode(mode_);
  call_server_handler(SIGTERM);
}

void GracefulEnd::stay() {
  state_ = State::running;
  signal_.store(0);
  chained_.store(false);
  if (!client_) return;
  set_mode(users_mode_);
  api_.UnblockClient(client_, new std::string("ERR Errors trying to SHUTDOWN. Check logs."));
  client_ = nullptr;
}

}  // namespace vswim::module
