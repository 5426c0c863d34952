// Claims about datagrams and streams on loopback. Nothing here asserts a time: each waits for what has to
// happen.
#include "runtime/asio_config.hpp"

#include <asio/io_context.hpp>
#include <asio/write.hpp>
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "runtime/datagrams.hpp"
#include "runtime/frame.hpp"
#include "runtime/sockaddr.hpp"
#include "runtime/stream_listener.hpp"
#include "runtime/stream_sender.hpp"

using namespace vswim;
using namespace vswim::runtime;

namespace {

const Address loopback = Address::v4(127, 0, 0, 1, 0);

Address at(Address address, std::uint16_t port) {
  address.port = port;
  return address;
}

// Runs until it holds; false when it does not come about at all.
template <class Condition>
bool eventually(asio::io_context& context, Condition condition) {
  for (int i = 0; i < 2'000 && !condition(); ++i) {
    context.restart();
    context.run_for(std::chrono::milliseconds(5));
  }
  return condition();
}

struct Received {
  Address from;
  std::string bytes;
};

struct Listening {
  explicit Listening(asio::io_context& context, const ListenerLimits& limits = {},
                     StreamSeals* seals = nullptr)
      : listener(
            context, limits,
            [this](const Address& from, std::string_view frame) {
              frames.push_back({from, std::string(frame)});
              return frame != "worthless";
            },
            [this](const Address&, seal::Refusal why) { refusals.push_back(why); }) {
    listener.seal_with(seals);
    std::string error;
    REQUIRE(listener.open({loopback}, 0, error));
    listener.listen();
  }
  Address address() const { return at(loopback, listener.port()); }
  std::vector<Received> frames;
  std::vector<seal::Refusal> refusals;
  StreamListener listener;
};

struct Sending {
  explicit Sending(asio::io_context& context, StreamSeals* seals = nullptr)
      : sender(
            context, {}, 4711, [](const Address&) { return Address{}; },
            [this](const Address& to) { failed.push_back(to); }, seals,
            [this](const Address&, const std::string& reason) { reasons.push_back(reason); }) {}
  std::vector<Address> failed;
  std::vector<std::string> reasons;
  StreamSender sender;
};

asio::ip::tcp::socket connected(asio::io_context& context, const Address& to) {
  asio::ip::tcp::socket socket(context);
  socket.connect(to_endpoint(to));
  return socket;
}

seal::Secret secret(const std::string& text) {
  std::string error;
  return seal::Secret::of(text, error).value();
}

StreamSeals seals_of(const std::vector<std::string>& secrets, std::uint8_t start) {
  seal::Keyring keyring;
  std::string error;
  for (const auto& text : secrets) keyring.install(secret(text), error);
  seal::Key seed;
  seed.bytes[0] = start;
  return {keyring, "", seed};
}

bool closed_by_peer(asio::ip::tcp::socket& socket) {
  char byte = 0;
  const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN);
}

}  // namespace

TEST_CASE("frames arrive in order over one connection, from the address with the named bus port") {
  asio::io_context context;
  Listening to(context);
  Sending from(context);
  const std::string large(3'000'000, 'x');
  from.sender.send(to.address(), "first");
  from.sender.send(to.address(), large);
  from.sender.send(to.address(), "last");
  REQUIRE(eventually(context, [&] { return to.frames.size() == 3; }));
  CHECK(to.frames[0].bytes == "first");
  CHECK(to.frames[1].bytes == large);
  CHECK(to.frames[2].bytes == "last");
  CHECK(to.frames[0].from == at(loopback, 4711));
  CHECK(to.listener.connections() == 1);
  CHECK(eventually(context, [&] { return from.sender.idle(); }));
  CHECK(from.failed.empty());
}

TEST_CASE("a peer that is not there is reported, and one that comes later is reached") {
  asio::io_context context;
  Sending from(context);
  Address gone;
  {
    Listening briefly(context);
    gone = briefly.address();
    briefly.listener.close();
  }
  from.sender.send(gone, "lost");
  REQUIRE(eventually(context, [&] { return from.failed.size() == 1; }));
  CHECK(from.failed[0] == gone);
  CHECK(from.sender.connections() == 0);
  Listening to(context);
  from.sender.send(to.address(), "found");
  CHECK(eventually(context, [&] { return to.frames.size() == 1; }));
}

TEST_CASE("a cached connection that the peer closed is replaced, nothing is lost") {
  asio::io_context context;
  Listening to(context, {.idle_timeout = seconds(1)});
  Sending from(context);
  from.sender.send(to.address(), "one");
  REQUIRE(eventually(context, [&] { return to.frames.size() == 1; }));
  to.listener.on_tick(Instant{} + seconds(100));
  REQUIRE(to.listener.connections() == 0);
  from.sender.send(to.address(), "two");  // before the sender has seen the end
  REQUIRE(eventually(context, [&] { return to.frames.size() == 2 || !from.failed.empty(); }));
  // Either it went over a new connection, or its loss was reported: never a silent loss.
  CHECK((to.frames.size() == 2 || from.failed.size() == 1));
}

TEST_CASE("an idle connection is closed by the sender") {
  asio::io_context context;
  Listening to(context);
  Sending from(context);
  from.sender.send(to.address(), "one");
  REQUIRE(eventually(context, [&] { return to.frames.size() == 1 && from.sender.idle(); }));
  from.sender.on_tick(Instant{} + seconds(1'000));
  CHECK(from.sender.connections() == 0);
  CHECK(eventually(context, [&] { return to.listener.connections() == 0; }));
  CHECK(from.failed.empty());
}

TEST_CASE("a frame that nobody could read back is refused where it is sent") {
  asio::io_context context;
  Listening to(context);
  Sending from(context);
  from.sender.send(to.address(), "");
  CHECK(eventually(context, [&] { return from.failed.size() == 1; }));
  CHECK(from.sender.connections() == 0);
}

TEST_CASE("strangers are closed: no preface, an oversized frame, a worthless frame, too many") {
  asio::io_context context;
  Listening to(context, {.connections_max = 1});
  std::string stream;
  SECTION("not our protocol") { stream = "GET / HTTP/1.1\r\n\r\n"; }
  SECTION("a length above the limit") { stream = encode_preface(7000) + std::string("\xff\xff\xff\xff"); }
  SECTION("a frame that means nothing") { stream = encode_preface(7000) + encode_frame("worthless"); }
  auto socket = connected(context, to.address());
  asio::write(socket, asio::buffer(stream));
  REQUIRE(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(to.listener.connections() == 0);
  CHECK(eventually(context, [&] { return closed_by_peer(socket); }));
}

TEST_CASE("connections above the limit are refused") {
  asio::io_context context;
  Listening to(context, {.connections_max = 1});
  auto first = connected(context, to.address());
  REQUIRE(eventually(context, [&] { return to.listener.connections() == 1; }));
  auto second = connected(context, to.address());
  REQUIRE(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(eventually(context, [&] { return closed_by_peer(second); }));
  CHECK(to.listener.connections() == 1);
}

TEST_CASE("those who have sent nothing good may not fill the memory") {
  asio::io_context context;
  Listening to(context, {.unproven_bytes_max = 100'000});
  auto socket = connected(context, to.address());
  auto stream = encode_preface(7000) + encode_frame(std::string(1'000'000, 'x'));
  stream.resize(200'000);  // a claim of a megabyte, and a part of it
  asio::write(socket, asio::buffer(stream));
  CHECK(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(to.listener.connections() == 0);
}

TEST_CASE("who sends no preface in time is closed") {
  asio::io_context context;
  Listening to(context);
  auto socket = connected(context, to.address());
  REQUIRE(eventually(context, [&] { return to.listener.connections() == 1; }));
  to.listener.on_tick(Instant{} + seconds(6));
  CHECK(to.listener.connections() == 0);
}

TEST_CASE("a datagram is answered from the address it was sent to") {
  asio::io_context context;
  std::vector<Received> at_server;
  std::vector<Received> at_client;
  Datagrams server(context, [&](const Address& from, std::string_view bytes) {
    at_server.push_back({from, std::string(bytes)});
  });
  Datagrams client(context, [&](const Address& from, std::string_view bytes) {
    at_client.push_back({from, std::string(bytes)});
  });
  std::string error;
  REQUIRE(client.open({loopback}, 0, error));
  StreamListener free_port(context, {}, [](const Address&, std::string_view) { return true; });
  REQUIRE(free_port.open({}, 0, error));
  const auto port = free_port.port();
  REQUIRE(server.open({}, port, error));
  server.listen();
  client.listen();
  const auto second_address = Address::v4(127, 0, 0, 2, port);
  client.send(second_address, "question");
  REQUIRE(eventually(context, [&] { return at_server.size() == 1; }));
  CHECK(at_server[0].bytes == "question");
  CHECK(server.local_address_for(at_server[0].from) == Address::v4(127, 0, 0, 2, 0));
  server.send(at_server[0].from, "answer");
  REQUIRE(eventually(context, [&] { return at_client.size() == 1; }));
  CHECK(at_client[0].from == second_address);
}

TEST_CASE("a busy port is refused with the port and what to do") {
  asio::io_context context;
  Listening holder(context);
  StreamListener second(context, {}, [](const Address&, std::string_view) { return true; });
  std::string error;
  CHECK_FALSE(second.open({loopback}, holder.listener.port(), error));
  CHECK(error.find(std::to_string(holder.listener.port())) != std::string::npos);
  CHECK(error.find("cluster-port") != std::string::npos);
}

TEST_CASE("sealed frames arrive in order and cannot be read on the way") {
  asio::io_context context;
  auto a = seals_of({"one-secret-for-both"}, 1), b = seals_of({"one-secret-for-both"}, 2);
  Listening to(context, {}, &b);
  Sending from(context, &a);
  const std::string large(3'000'000, 'x');
  from.sender.send(to.address(), "first");
  from.sender.send(to.address(), large);
  REQUIRE(eventually(context, [&] { return to.frames.size() == 2; }));
  CHECK(to.frames[0].bytes == "first");
  CHECK(to.frames[1].bytes == large);
  CHECK(to.frames[0].from == at(loopback, 4711));
  CHECK(eventually(context, [&] { return from.sender.idle(); }));
  CHECK(from.failed.empty());
}

TEST_CASE("another secret, or none on one side: refused, and both sides know why") {
  asio::io_context context;
  auto ours = seals_of({"the-secret-of-ours"}, 1), theirs = seals_of({"the-secret-of-theirs"}, 2);
  StreamSeals* sealed = nullptr;
  StreamSeals* opened = nullptr;
  auto why = seal::Refusal::malformed;
  SECTION("another") { sealed = &theirs, opened = &ours, why = seal::Refusal::unknown_key; }
  SECTION("none at the sender") { opened = &ours, why = seal::Refusal::unsealed; }
  SECTION("none at the receiver") { sealed = &ours, why = seal::Refusal::unexpected_seal; }
  Listening to(context, {}, opened);
  Sending from(context, sealed);
  from.sender.send(to.address(), "let me in");
  // A plain frame was in the peer's kernel before it was refused; one that waited for a welcome was not sent.
  const bool reported = sealed != nullptr;
  REQUIRE(eventually(context, [&] { return (!reported || !from.failed.empty()) && !from.reasons.empty(); }));
  CHECK(from.reasons[0].find("secret") != std::string::npos);
  CHECK(to.refusals == std::vector<seal::Refusal>{why});
  CHECK(to.frames.empty());
  CHECK(to.listener.connections() == 0);
}

TEST_CASE("streams go on while the secret is changed, and none stays on a removed key") {
  asio::io_context context;
  auto a = seals_of({"the-old-secret-here"}, 1), b = seals_of({"the-old-secret-here"}, 2);
  const auto old_and_new = seals_of({"the-old-secret-here", "the-new-secret-here"}, 3).keyring();
  const auto new_and_old = seals_of({"the-new-secret-here", "the-old-secret-here"}, 4).keyring();
  const auto new_one = seals_of({"the-new-secret-here"}, 5).keyring();
  Listening to(context, {}, &b);
  Sending from(context, &a);
  std::size_t sent = 0;
  const auto change = [&](const seal::Keyring& at_a, const seal::Keyring& at_b) {
    for (int i = 0; i < 20; ++i, ++sent) from.sender.send(to.address(), std::string(50'000, 'x'));
    a.set_keyring(at_a);
    from.sender.on_keyring_changed();
    b.set_keyring(at_b);
    to.listener.on_keyring_changed();
    for (int i = 0; i < 20; ++i, ++sent) from.sender.send(to.address(), std::string(50'000, 'y'));
    REQUIRE(eventually(context, [&] { return to.frames.size() == sent && from.sender.idle(); }));
  };
  change(old_and_new, old_and_new);
  change(new_and_old, new_and_old);
  from.sender.on_tick(Instant{});  // what was busy is replaced when it has nothing to send
  change(new_one, new_one);
  CHECK(from.failed.empty());
  CHECK(to.refusals.empty());
}

TEST_CASE(
    "strangers of one address may only hold so many connections, and those who are known do not count") {
  asio::io_context context;
  auto a = seals_of({"one-secret-for-both"}, 1), b = seals_of({"one-secret-for-both"}, 2);
  Listening to(context, {.strangers_per_source_max = 3}, &b);
  std::vector<std::unique_ptr<Sending>> known;
  for (int i = 0; i < 5; ++i) {
    known.push_back(std::make_unique<Sending>(context, &a));
    known.back()->sender.send(to.address(), "hello");
    REQUIRE(eventually(context, [&] { return to.frames.size() == static_cast<std::size_t>(i + 1); }));
  }
  std::vector<asio::ip::tcp::socket> strangers;
  for (int i = 0; i < 4; ++i) strangers.push_back(connected(context, to.address()));
  REQUIRE(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(to.listener.connections() == 8);
  CHECK(to.refusals == std::vector<seal::Refusal>{seal::Refusal::connection_limits});
  // A stranger who leaves makes room.
  strangers[0].close();
  REQUIRE(eventually(context, [&] { return to.listener.connections() == 7; }));
  strangers.push_back(connected(context, to.address()));
  CHECK(eventually(context, [&] { return to.listener.connections() == 8; }));
}

TEST_CASE("a stranger's sealed stream is not kept: what is no hello, and a hello that goes on without one") {
  asio::io_context context;
  auto b = seals_of({"one-secret-for-both"}, 2);
  Listening to(context, {}, &b);
  auto socket = connected(context, to.address());
  asio::write(socket, asio::buffer(std::string(1'000'000, 'V')));
  REQUIRE(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(to.listener.connections() == 0);
  auto silent = connected(context, to.address());
  REQUIRE(eventually(context, [&] { return to.listener.connections() == 1; }));
  to.listener.on_tick(Instant{} + seconds(6));
  CHECK(to.listener.connections() == 0);
}

TEST_CASE("peers that the policy refuses are not accepted") {
  asio::io_context context;
  Listening to(context);
  to.listener.accept_from([](const Address&) { return false; });
  auto socket = connected(context, to.address());
  REQUIRE(eventually(context, [&] { return to.listener.refused() == 1; }));
  CHECK(to.refusals == std::vector<seal::Refusal>{seal::Refusal::protected_mode});
  CHECK(eventually(context, [&] { return closed_by_peer(socket); }));
}
