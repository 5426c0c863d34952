// What listener and sender share when streams are sealed: the keyring of the moment, the cluster's name, and
// a salt for each connection. Of the node thread.
#pragma once

#include <string>
#include <utility>

#include "seal/stream_seal.hpp"

namespace vswim::runtime {

class StreamSeals {
 public:
  StreamSeals(seal::Keyring keyring, std::string cluster_name, const seal::Key& seed)
      : keyring_(std::move(keyring)), cluster_name_(std::move(cluster_name)), source_(seed) {}

  seal::OutgoingStream outgoing(std::uint16_t bus_port) {
    return {keyring_.in_use(), cluster_name_, source_.salt(), bus_port};
  }
  seal::IncomingStream incoming() { return {cluster_name_, source_.salt()}; }
  const seal::Keyring& keyring() const { return keyring_; }
  void set_keyring(seal::Keyring keyring) { keyring_ = std::move(keyring); }

 private:
  seal::Keyring keyring_;
  const std::string cluster_name_;
  seal::SessionSource source_;
};

}  // namespace vswim::runtime
