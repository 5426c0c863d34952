// What the server says of its default user, who is everybody that has not authenticated.
#pragma once

#include <optional>

#include "module/api.hpp"

namespace vswim::module {

// Whether that user gets in without a password; nothing when the server does not tell.
std::optional<bool> default_user_has_no_password(const Api& api, Ctx* ctx);

}  // namespace vswim::module
