#include "runtime/bus_security.hpp"

#include <random>

#include "wire/frame.hpp"

namespace vswim::runtime {

namespace {

bool is_loopback(const Address& address) {
  static const auto loopback_v6 = Address::parse("::1", 0)->ip;
  return address.is_v4() ? address.ip[12] == 127 : address.ip == loopback_v6;
}

}  // namespace

seal::Key system_seed() {
  seal::Key seed;
  std::random_device device;
  for (auto& byte : seed.bytes) byte = static_cast<std::uint8_t>(device());
  return seed;
}

BusSecurity::BusSecurity(const NodeSettings& settings, const seal::Key& seed, Send send, Say say)
    : send_(std::move(send)), say_(std::move(say)), loopback_only_(settings.loopback_only) {
  if (settings.keyring.empty()) return;
  datagrams_ = std::make_unique<seal::DatagramSeal>(settings.keyring, settings.cluster_name,
                                                    seal::derive(seed, "datagrams", {}));
  streams_.emplace(settings.keyring, settings.cluster_name, seal::derive(seed, "streams", {}));
}

std::size_t BusSecurity::datagram_bytes_reserved() const {
  return datagrams_ ? seal::DatagramSeal::overhead_bytes - wire::frame_saved_bytes : 0;
}

void BusSecurity::flush() {
  for (const auto& datagram : datagrams_->take_output()) send_(datagram.to, datagram.bytes);
}

void BusSecurity::send(Instant now, const Address& to, std::string_view packet) {
  if (!datagrams_) return send_(to, packet);
  datagrams_->send(now, to, wire::frame_contents(packet));
  flush();
}

std::optional<std::string_view> BusSecurity::receive(Instant now, const Address& from,
                                                     std::string_view datagram) {
  if (!admits(from)) {
    refused(now, from, seal::Refusal::protected_mode);
    return std::nullopt;
  }
  if (!datagrams_) {
    if (!seal::looks_sealed(datagram)) return datagram;
    refused(now, from, seal::Refusal::unexpected_seal);
    return std::nullopt;
  }
  auto received = datagrams_->receive(now, from, datagram);
  flush();
  if (received.refusal) refused(now, from, *received.refusal);
  if (!received.packet) return std::nullopt;
  opened_ = wire::frame_again(*received.packet);
  return opened_;
}

void BusSecurity::on_timer(Instant now) {
  if (!datagrams_) return;
  datagrams_->on_timer(now);
  flush();
}

Instant BusSecurity::next_deadline() const {
  return datagrams_ ? datagrams_->next_deadline() : Instant::never();
}

bool BusSecurity::admits(const Address& from) const { return !loopback_only_ || is_loopback(from); }

void BusSecurity::refused(Instant now, const Address& from, seal::Refusal why, const std::string& detail) {
  if (auto note = refusals_.tell(now, why, from, detail)) say_(std::move(*note));
}

bool BusSecurity::set_keyring(const seal::Keyring& keyring) {
  if (!datagrams_ || keyring.empty()) return false;
  datagrams_->set_keyring(keyring);
  streams_->set_keyring(keyring);
  return true;
}

}  // namespace vswim::runtime
