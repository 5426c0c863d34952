#include "module/graceful_end.hpp"

#include <signal.h>
#include <unistd.h>

#include <memory>

#include "module/command_keys.hpp"

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
  for (const auto& argument : arguments) {
    if (equal_ignoring_case(argument, "now") || equal_ignoring_case(argument, "abort")) return false;
  }
  return true;
}

std::vector<std::string> native_shutdown_arguments(std::vector<std::string> arguments) {
  std::erase_if(arguments,
                [](const std::string& argument) { return equal_ignoring_case(argument, "failover"); });
  bool at_once = false;
  for (const auto& argument : arguments) {
    at_once |= equal_ignoring_case(argument, "now") || equal_ignoring_case(argument, "abort");
  }
  // The replicas had their turn; a call by a module could not wait for them.
  if (!at_once) arguments.emplace_back("NOW");
  return arguments;
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

void GracefulEnd::begin(Instant now, BlockedClient* client, std::vector<std::string> arguments) {
  client_ = client;
  arguments_ = std::move(arguments);
  start(now);
}

void GracefulEnd::begin_by_signal(Instant now) {
  if (state_ == State::running) start(now);
}

void GracefulEnd::tick(Instant now) {
  if (state_ != State::handing_over || now < deadline_) return;
  log_.warning("the handover took longer than 2 s: going without it");
  state_ = State::ready;
}

void GracefulEnd::finish() {
  state_ = State::running;
  if (const int signal = signal_.load(); signal != 0) {
    chained_.store(true);
    call_server_handler(signal);  // schedules the server's own shutdown
    return;
  }
  std::vector<String*> words;
  for (const auto& argument : native_shutdown_arguments(arguments_)) words.push_back(api_.make(argument));
  const Reply reply(api_, api_.Call(ctx_, "SHUTDOWN", "vE", words.data(), words.size()));
  for (String* word : words) api_.FreeString(nullptr, word);
  log_.warning("the server did not shut down: " + std::string(reply.text()));
  if (!client_) return;
  auto text = std::make_unique<std::string>(reply.text());
  if (text->empty()) *text = "ERR Errors trying to SHUTDOWN. Check logs.";
  api_.UnblockClient(client_, text.release());
  client_ = nullptr;
}

}  // namespace vswim::module
