// The module's log: spdlog in front, the server's own log behind. Main thread and node thread may both write.
#pragma once

#include <memory>
#include <string_view>

#include "base/note.hpp"
#include "module/api.hpp"

namespace vswim::module {

class Log {
 public:
  Log(const Api& api, Ctx* ctx);
  ~Log();
  void write(NoteLevel level, std::string_view text) const;
  void write(const Note& note) const { write(note.level, note.text); }
  void notice(std::string_view text) const { write(NoteLevel::notice, text); }
  void warning(std::string_view text) const { write(NoteLevel::warning, text); }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vswim::module
