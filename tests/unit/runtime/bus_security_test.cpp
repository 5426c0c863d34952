// Claims about what stands between the sockets and the provider, without sockets.
#include "runtime/bus_security.hpp"

#include <catch2/catch_test_macros.hpp>

#include "wire/packet.hpp"

using namespace vswim;
using namespace vswim::runtime;

namespace {

const Address here = Address::v4(127, 0, 0, 1, 17000), there = Address::v4(10, 0, 0, 2, 17000);

struct Bus {
  explicit Bus(const std::string& secret, std::uint8_t start, bool loopback_only = false)
      : security(
            settings_of(secret, loopback_only), seed_of(start),
            [this](const Address& to, std::string_view datagram) { sent.emplace_back(to, datagram); },
            [this](Note note) { notes.push_back(std::move(note)); }) {}

  static NodeSettings settings_of(const std::string& secret, bool loopback_only) {
    NodeSettings settings;
    std::string error;
    if (!secret.empty()) settings.keyring.install(seal::Secret::of(secret, error).value(), error);
    settings.loopback_only = loopback_only;
    return settings;
  }
  static seal::Key seed_of(std::uint8_t start) {
    seal::Key seed;
    seed.bytes[0] = start;
    return seed;
  }

  std::vector<std::pair<Address, std::string>> sent;
  std::vector<Note> notes;
  BusSecurity security;
};

std::string packet() {
  wire::Packet packet;
  packet.header.sender.bytes[0] = 7;
  packet.header.cluster.bytes[0] = 9;
  return wire::encode(packet);
}

}  // namespace

TEST_CASE("a packet passes through two sealed buses unchanged, and is as much larger as was reserved") {
  Bus a("the-secret-of-both", 1), b("the-secret-of-both", 2);
  a.security.send({}, there, packet());
  CHECK_FALSE(b.security.receive({}, here, a.sent.at(0).second));   // a question
  CHECK_FALSE(a.security.receive({}, there, b.sent.at(0).second));  // its answer
  const auto& sealed = a.sent.at(1).second;
  CHECK(sealed.size() == packet().size() + a.security.datagram_bytes_reserved());
  CHECK(b.security.receive({}, here, sealed) == packet());
  CHECK_FALSE(b.security.receive({}, here, sealed));
  CHECK(b.security.count(seal::Refusal::replayed) == 1);
}

TEST_CASE("without a secret packets pass as they are, and sealed ones are refused with a word to people") {
  Bus plain("", 1), sealed("a-secret-of-one-side", 2);
  plain.security.send({}, there, packet());
  CHECK(plain.sent.at(0).second == packet());
  CHECK(plain.security.receive({}, there, packet()) == packet());
  CHECK(plain.security.datagram_bytes_reserved() == 0);
  sealed.security.send({}, there, packet());
  CHECK_FALSE(plain.security.receive({}, there, sealed.sent.at(0).second));
  CHECK(plain.security.count(seal::Refusal::unexpected_seal) == 1);
  REQUIRE(plain.notes.size() == 1);
  CHECK(plain.notes[0].text.find("secret") != std::string::npos);
  CHECK_FALSE(sealed.security.receive({}, there, packet()));
  CHECK(sealed.security.count(seal::Refusal::unsealed) == 1);
  CHECK(sealed.notes.size() == 1);
}

TEST_CASE("while it keeps to its own machine, a bus hears nobody else") {
  Bus bus("", 1, true);
  CHECK(bus.security.receive({}, here, packet()));
  CHECK(bus.security.receive({}, *Address::parse("::1", 1), packet()));
  CHECK_FALSE(bus.security.receive({}, there, packet()));
  CHECK(bus.security.count(seal::Refusal::protected_mode) == 1);
  bus.security.set_loopback_only(false);
  CHECK(bus.security.receive({}, there, packet()));
}

TEST_CASE("a bus without a secret does not take a keyring, and one with a secret keeps one") {
  Bus plain("", 1), sealed("the-secret-of-both", 2);
  CHECK_FALSE(plain.security.set_keyring(sealed.security.datagrams()->keyring()));
  CHECK_FALSE(sealed.security.set_keyring({}));
  CHECK(plain.security.stream_seals() == nullptr);
  CHECK(sealed.security.stream_seals() != nullptr);
}
