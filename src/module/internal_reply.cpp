#include "module/internal_reply.hpp"

#include <string>

namespace vswim::module {

void ArgumentRewriter::replace_all(std::string_view name, std::string_view argument) {
  // From the end: each deletion is then free of moves.
  for (int i = api_.CommandFilterArgsCount(filter_) - 1; i > 1; --i) api_.CommandFilterArgDelete(filter_, i);
  // What makes the list longer comes first: for a script's command 9.1.2 copies the list at the first change,
  // and grows it only then.
  if (api_.CommandFilterArgsCount(filter_) == 1) {
    api_.CommandFilterArgInsert(filter_, 1, api_.make(argument));
  } else {
    api_.CommandFilterArgReplace(filter_, 1, api_.make(argument));
  }
  api_.CommandFilterArgReplace(filter_, 0, api_.make(name));
}

void ArgumentRewriter::error(std::string_view text) { replace_all(reply_command_name, text); }

void ArgumentRewriter::error_in_transaction(std::string_view text) {
  const std::size_t space = text.find(' ');
  replace_all(text.substr(0, space), space == std::string_view::npos ? "" : text.substr(space + 1));
}

void ArgumentRewriter::rename(std::string_view name) {
  api_.CommandFilterArgReplace(filter_, 0, api_.make(name));
}

void ArgumentRewriter::append(std::string_view argument) {
  api_.CommandFilterArgInsert(filter_, api_.CommandFilterArgsCount(filter_), api_.make(argument));
}

void ArgumentRewriter::precede(std::string_view name) {
  api_.CommandFilterArgInsert(filter_, 0, api_.make(name));
}

int reply_with_text(const Api& api, Ctx* ctx, String** arguments, int count) {
  if (count != 2) return api.WrongArity(ctx);
  std::string text(api.text(arguments[1]));
  for (char& c : text) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return api.ReplyWithError(ctx, text.c_str());
}

}  // namespace vswim::module
