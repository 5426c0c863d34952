// What a machine wants a person to read. Machines never log: they hand notes out, runtime and module print
// them.
#pragma once

#include <string>

namespace vswim {

enum class NoteLevel { debug, info, notice, warning };

struct Note {
  NoteLevel level = NoteLevel::notice;
  std::string text;
};

}  // namespace vswim
