// The server's own settings that Core, the node and the fence need, read by CONFIG GET. The cluster-*
// settings mean what they mean in the server's own cluster mode; docs/operating.md lists them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/core.hpp"
#include "module/api.hpp"

namespace vswim::module {

class ServerSettings {
 public:
  // The names and values CONFIG GET gave.
  explicit ServerSettings(std::map<std::string, std::string, std::less<>> values)
      : values_(std::move(values)) {}
  static ServerSettings read(const Api& api, Ctx* ctx);

  std::string_view text(std::string_view name) const;  // empty when the server has no such setting
  std::int64_t number(std::string_view name, std::int64_t otherwise) const;
  bool yes(std::string_view name) const { return text(name) == "yes"; }

  std::uint16_t client_port() const;  // port, or tls-port where there is no plain one
  // cluster-port, else client port + 10 000. False and what to change when that is no port.
  bool bus_port(std::uint16_t& port, std::string& error) const;
  std::string single_bind_address() const;
  core::Settings core_settings(std::uint16_t bus_port, Duration lease_ttl,
                               std::string_view server_version) const;

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace vswim::module
