#include "module/default_user.hpp"

namespace vswim::module {

std::optional<bool> default_user_has_no_password(const Api& api, Ctx* ctx) {
  const Reply user(api, api.Call(ctx, "ACL", "cc", "GETUSER", "default"));
  if (user.failed() || api.CallReplyType(user.get()) != reply_type::array) return std::nullopt;
  for (std::size_t i = 0; i + 1 < api.CallReplyLength(user.get()); i += 2) {
    if (api.text(api.CallReplyArrayElement(user.get(), i)) != "flags") continue;
    CallReply* flags = api.CallReplyArrayElement(user.get(), i + 1);
    for (std::size_t n = 0; n < api.CallReplyLength(flags); ++n) {
      if (api.text(api.CallReplyArrayElement(flags, n)) == "nopass") return true;
    }
    return false;
  }
  return std::nullopt;
}

}  // namespace vswim::module
