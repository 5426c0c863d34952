#include "module/configs.hpp"

namespace vswim::module {
namespace {

long long get_number(const char*, void* data) { return *static_cast<std::int64_t*>(data); }
int set_number(const char*, long long value, void* data, String**) {
  *static_cast<std::int64_t*>(data) = value;
  return api_ok;
}

struct Text {  // a string config: the server asks for a String it does not own, so the last one is kept
  const Api& api;
  std::string& value;
  bool seeds;
  String* shown = nullptr;
};

String* get_text(const char*, void* data) {
  auto& text = *static_cast<Text*>(data);
  if (text.shown) text.api.FreeString(nullptr, text.shown);
  text.shown = text.api.make(text.value);
  return text.shown;
}

int set_text(const char*, String* value, void* data, String** error) {
  auto& text = *static_cast<Text*>(data);
  const std::string_view chosen = text.api.text(value);
  std::string reason;
  std::vector<std::pair<std::string, std::uint16_t>> seeds;
  if (text.seeds && !parse_seeds(chosen, seeds, reason)) {
    *error = text.api.make(reason);
    return api_err;
  }
  text.value = chosen;
  return api_ok;
}

// Not to be changed at run time: servers drop the sensitive flag of modules' settings, so that CONFIG SET
// would leave the secret in SLOWLOG. The secret file is for changing. CONFIG GET and REWRITE show it, as
// passwords.
struct SecretText {
  const Api& api;
  OwnSettings& settings;
  String* shown = nullptr;
};

String* get_secret(const char*, void* data) {
  auto& text = *static_cast<SecretText*>(data);
  if (text.shown) text.api.FreeString(nullptr, text.shown);
  const bool from_file = !text.settings.secret_file.empty();
  text.shown = text.api.make(from_file ? std::string() : text.settings.secrets.text());
  return text.shown;
}

int set_secret(const char*, String* value, void* data, String** error) {
  auto& text = *static_cast<SecretText*>(data);
  auto& settings = text.settings;
  const auto chosen = text.api.text(value);
  std::string reason;
  if (!settings.secret_file.empty()) {
    if (chosen.empty()) return api_ok;
    reason = "this node's secrets are those of swim.secret-file";
  } else if (settings.secrets.set(chosen, reason)) {
    return api_ok;
  }
  *error = text.api.make(reason);
  return api_err;
}

constexpr unsigned config_flag_sensitive = 1U << 1;

}  // namespace

bool register_configs(const Api& api, Ctx* ctx, OwnSettings& settings, std::string& error) {
  const auto number = [&](const char* name, std::int64_t& value, std::int64_t least, std::int64_t most) {
    return api.RegisterNumericConfig(ctx, name, value, config_flag::immutable, least, most, get_number,
                                     set_number, nullptr, &value) == api_ok;
  };
  const auto changeable = [&](const char* name, std::int64_t& value, std::int64_t least, std::int64_t most) {
    return api.RegisterNumericConfig(ctx, name, value, 0, least, most, get_number, set_number, nullptr,
                                     &value) == api_ok;
  };
  const auto text = [&](const char* name, std::string& value, bool seeds) {
    auto* data = new Text{api, value, seeds, nullptr};  // lives as long as the module: for ever
    const std::string otherwise = value;
    return api.RegisterStringConfig(ctx, name, otherwise.c_str(), config_flag::immutable, get_text, set_text,
                                    nullptr, data) == api_ok;
  };
  const auto secret = [&] {
    auto* data = new SecretText{api, settings, nullptr};  // for ever, too
    return api.RegisterStringConfig(ctx, "secret", "", config_flag_sensitive | config_flag::immutable,
                                    get_secret, set_secret, nullptr, data) == api_ok;
  };
  const bool registered =
      text("seeds", settings.seeds, true) && text("bind", settings.bind, false) &&
      text("secret-file", settings.secret_file, false) &&
      text("cluster-name", settings.cluster_name, false) && secret() &&
      number("lease-ttl-ms", settings.lease_ttl_ms, OwnSettings::lease_ttl_ms_min,
             OwnSettings::lease_ttl_ms_max) &&
      number("core-stall-limit-ms", settings.core_stall_limit_ms, OwnSettings::core_stall_limit_ms_min,
             OwnSettings::core_stall_limit_ms_max) &&
      changeable("migration-bytes-per-second", settings.migration_bytes_per_second, 0,
                 OwnSettings::migration_bytes_per_second_max);
  if (!registered) {
    error = "the server refused to register the swim.* configs";
    return false;
  }
  if (api.LoadConfigs(ctx) == api_ok) return true;
  error = "a swim.* setting in the server's configuration is not valid (see the line above)";
  return false;
}

}  // namespace vswim::module
