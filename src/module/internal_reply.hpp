// How the filter answers instead of the server: it replaces a command's arguments. The replacement is a
// command of this module that only replies; it carries the no-auth flag, or users with narrow ACL rules would
// read -NOPERM in place of a redirect. Inside MULTI the replacement is an unknown command named after the
// error, so that the server refuses it when it is queued and aborts the transaction: an error command must
// never be queued, EXEC would run the rest.
#pragma once

#include <string_view>

#include "module/api.hpp"

namespace vswim::module {

constexpr const char* reply_command_name = "swim.reply";

class ArgumentRewriter {
 public:
  ArgumentRewriter(const Api& api, FilterCtx* filter) : api_(api), filter_(filter) {}

  void error(std::string_view text);                 // `text`: code and sentence, without the dash
  void error_in_transaction(std::string_view text);  // becomes the unknown command <code> <rest>
  void rename(std::string_view name);                // the same arguments for another command
  void append(std::string_view argument);
  void precede(std::string_view name);  // the whole command becomes the arguments of another

 private:
  void replace_all(std::string_view name, std::string_view argument);

  const Api& api_;
  FilterCtx* filter_;
};

// The command itself: swim.reply <text>.
int reply_with_text(const Api& api, Ctx* ctx, String** arguments, int count);

}  // namespace vswim::module
