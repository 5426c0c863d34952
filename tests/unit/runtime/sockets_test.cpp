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
  explicit Listening(asio::io_context& context, const ListenerLimits& limits = {})
      : listener(context, limits, [this](const Address& from, std::string_view frame) {
          frames.push_back({from, std::string(frame)});
          return frame != "worthless";
        }) {
    std::string error;
    REQUIRE(listener.open({loopback}, 0, error));
    listener.listen();
  }
  Address address() const { return at(loopback, listener.port()); }
  std::vector<Received> frames;
  StreamListener listener;
};

struct Sending {
  explicit Sending(asio::io_context& context)
      : sender(
            context, {}, 4711, [](const Address&) { return Address{}; },
            [this](const Address& to) { failed.push_back(to); }) {}
  std::vector<Address> failed;
  StreamSender sender;
};

asio::ip::tcp::socket connected(asio::io_context& context, const Address& to) {
  asio::ip::tcp::socket socket(context);
  socket.connect(to_endpoint(to));
  return socket;
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
