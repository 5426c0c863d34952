#include "module/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <string>

namespace vswim::module {
namespace {

// One line into the server's log, with the level the server's loglevel setting filters by.
class ServerSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  ServerSink(const Api& api, Ctx* ctx) : api_(api), ctx_(ctx) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const char* level = "notice";
    if (message.level == spdlog::level::debug) level = "debug";
    if (message.level == spdlog::level::info) level = "verbose";
    if (message.level >= spdlog::level::err) level = "warning";
    api_.Log(ctx_, level, "%.*s", static_cast<int>(message.payload.size()), message.payload.data());
  }
  void flush_() override {}

  const Api& api_;
  Ctx* ctx_;
};

}  // namespace

struct Log::State {
  spdlog::logger logger;
};

// Notices travel as spdlog's warn and warnings as err: the server has a level between info and warning,
// spdlog has not.
Log::Log(const Api& api, Ctx* ctx)
    : state_(std::make_unique<State>(State{spdlog::logger("swim", std::make_shared<ServerSink>(api, ctx))})) {
  state_->logger.set_level(spdlog::level::debug);
}

Log::~Log() = default;

void Log::write(NoteLevel level, std::string_view text) const {
  const auto to = level == NoteLevel::debug    ? spdlog::level::debug
                  : level == NoteLevel::info   ? spdlog::level::info
                  : level == NoteLevel::notice ? spdlog::level::warn
                                               : spdlog::level::err;
  state_->logger.log(to, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace vswim::module
