// Claims about sealed datagrams between machines that only a test connects: it keeps, drops, repeats, changes
// and redirects what they send.
#include <catch2/catch_test_macros.hpp>
#include <map>
#include <set>

#include "seal/datagram_seal.hpp"

using namespace vswim;
using namespace vswim::seal;

namespace {

const Address at_a = Address::v4(10, 0, 0, 1, 17000), at_b = Address::v4(10, 0, 0, 2, 17000),
              at_c = Address::v4(10, 0, 0, 3, 17000);

Secret secret(const std::string& text) {
  std::string error;
  return Secret::of(text, error).value();
}
const Secret old_secret = secret("the-old-cluster-secret"), new_secret = secret("the-new-cluster-secret");

Keyring ring(const std::vector<Secret>& secrets) {
  Keyring keyring;
  std::string error;
  for (const auto& one : secrets) REQUIRE(keyring.install(one, error));
  return keyring;
}

Key seed(int number) {
  Key key;
  for (int i = 0; i < 4; ++i)
    key.bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(number >> (i * 8));
  return key;
}

int starts = 0;
DatagramSeal node(const Keyring& keyring = ring({old_secret}), const std::string& name = "") {
  return {keyring, name, seed(++starts)};
}

// Everything both have to say is carried to the other until there is nothing more; what comes out.
struct Exchange {
  DatagramSeal& a;
  DatagramSeal& b;
  Instant now{};
  std::vector<std::string> to_a{}, to_b{};
  std::vector<std::string> wire{};  // all datagrams ever
  Refusals refused{};

  void carry(DatagramSeal& from, DatagramSeal& to, const Address& source, std::vector<std::string>& arrived) {
    for (const auto& datagram : from.take_output()) {
      wire.push_back(datagram.bytes);
      const auto received = to.receive(now, source, datagram.bytes);
      if (received.packet) arrived.push_back(*received.packet);
      if (received.refusal) refused.count(*received.refusal);
    }
  }
  void settle() {
    for (int i = 0; i < 6; ++i) {
      carry(a, b, at_a, to_b);
      carry(b, a, at_b, to_a);
    }
  }
};

std::optional<Refusal> refusal_of(DatagramSeal& node, const std::string& datagram,
                                  const Address& from = at_a) {
  return node.receive(Instant{}, from, datagram).refusal;
}

// One datagram of a to b that b has not seen, and both have met.
std::string fresh_datagram(DatagramSeal& a, DatagramSeal& b, const std::string& packet) {
  Exchange{a, b}.settle();
  a.send(Instant{}, at_b, "meet");
  Exchange{a, b}.settle();
  a.send(Instant{}, at_b, packet);
  auto output = a.take_output();
  REQUIRE(output.size() == 1);
  return output[0].bytes;
}

}  // namespace

TEST_CASE("two nodes with one secret understand each other; the first packets wait for one round trip") {
  auto a = node(), b = node();
  Exchange both{a, b};
  a.send({}, at_b, "one");
  a.send({}, at_b, "two");
  both.settle();
  CHECK(both.to_b == std::vector<std::string>{"one", "two"});
  b.send({}, at_a, "answer");  // a is known to b by now: no round trip
  CHECK(b.take_output().size() == 1);
  b.send({}, at_a, "again");
  both.settle();
  CHECK(both.to_a == std::vector<std::string>{"again"});
  CHECK(both.refused.of(Refusal::replayed) + both.refused.of(Refusal::forged) == 0);
}

TEST_CASE("contents and kinds of packets cannot be read off the wire, and the overhead is as announced") {
  auto a = node(), b = node();
  const std::string packet(300, 'p');
  const auto datagram = fresh_datagram(a, b, packet);
  CHECK(datagram.size() == packet.size() + DatagramSeal::overhead_bytes);
  CHECK(datagram.find("pppp") == std::string::npos);
}

TEST_CASE("a datagram is taken once") {
  auto a = node(), b = node();
  const auto datagram = fresh_datagram(a, b, "once");
  CHECK(b.receive({}, at_a, datagram).packet == "once");
  CHECK(refusal_of(b, datagram) == Refusal::replayed);
  CHECK(refusal_of(b, datagram, at_c) == Refusal::replayed);
}

TEST_CASE("any bit changed, any byte cut off or added: refused, and the original is still good") {
  auto a = node(), b = node();
  const auto datagram = fresh_datagram(a, b, "a packet that somebody wants to change");
  for (std::size_t i = 0; i < datagram.size() * 8; ++i) {
    auto changed = datagram;
    changed[i / 8] = static_cast<char>(changed[i / 8] ^ 1 << (i % 8));
    const auto received = b.receive({}, at_a, changed);
    REQUIRE(received.refusal);
    REQUIRE_FALSE(received.packet);
  }
  for (std::size_t size = 0; size < datagram.size(); ++size) {
    REQUIRE(refusal_of(b, datagram.substr(0, size)));
  }
  REQUIRE(refusal_of(b, datagram + '\0'));
  REQUIRE(refusal_of(b, std::string(100'000, 'x')) == Refusal::oversize);
  CHECK(b.take_output().empty());  // nobody was answered
  CHECK(b.receive({}, at_a, datagram).packet);
}

TEST_CASE("each reason of a refusal is told apart") {
  auto a = node(), b = node();
  const auto datagram = fresh_datagram(a, b, "hello");
  auto stranger = node(ring({new_secret}));
  CHECK(refusal_of(stranger, datagram) == Refusal::unknown_key);
  auto elsewhere = node(ring({old_secret}), "another cluster");
  CHECK(refusal_of(elsewhere, datagram) == Refusal::wrong_cluster);
  auto third = node();
  CHECK(refusal_of(third, datagram) == Refusal::stale_session);
  CHECK(refusal_of(a, datagram) == Refusal::replayed);  // its own, reflected
  CHECK(refusal_of(b, std::string("vswm\x01\0plain packet", 18)) == Refusal::unsealed);
  CHECK(refusal_of(b, "GET / HTTP/1.1") == Refusal::malformed);
  auto newer = datagram;
  newer[4] = 2;
  CHECK(refusal_of(b, newer) == Refusal::version);
}

TEST_CASE("a name that collides in the tag is still another cluster") {
  // The tag has 16 bits: look for a second name with the same one.
  const auto wanted = cluster_tag("");
  std::string other;
  for (int i = 0; other.empty(); ++i) {
    if (cluster_tag("n" + std::to_string(i)) == wanted) other = "n" + std::to_string(i);
  }
  auto a = node(), b = node(ring({old_secret}), other);
  a.send({}, at_b, "hello");
  const auto asked = a.take_output();
  REQUIRE(asked.size() == 1);
  CHECK(refusal_of(b, asked[0].bytes) == Refusal::forged);
  CHECK(b.take_output().empty());
}

TEST_CASE(
    "what was recorded before the receiver's start opens nothing, and neither does what was for others") {
  auto a = node(), b = node();
  const auto for_b = fresh_datagram(a, b, "recorded");
  auto restarted = node();
  CHECK(refusal_of(restarted, for_b) == Refusal::stale_session);
  auto c = node();
  CHECK(refusal_of(c, for_b) == Refusal::stale_session);
  // The sender's restart is no way round it either.
  auto a_again = node();
  Exchange{a_again, b}.settle();
  a_again.send({}, at_b, "alive");
  Exchange{a_again, b}.settle();
  CHECK(b.receive({}, at_a, for_b).packet);  // it never arrived: the first time is good,
  CHECK(refusal_of(b, for_b) == Refusal::replayed);
}

TEST_CASE("after a restart of either side they find each other again") {
  auto a = node(), b = node();
  static_cast<void>(fresh_datagram(a, b, "x"));
  auto b2 = node();
  Exchange with_b2{a, b2};
  a.send({}, at_b, "lost: sealed for the former start");
  with_b2.settle();
  CHECK(with_b2.to_b.empty());
  CHECK(with_b2.refused.of(Refusal::stale_session) == 1);
  a.send({}, at_b, "arrives");
  with_b2.settle();
  CHECK(with_b2.to_b == std::vector<std::string>{"arrives"});
  auto a2 = node();
  Exchange with_a2{a2, b2};
  a2.send({}, at_b, "first of a new start");
  with_a2.settle();
  CHECK(with_a2.to_b == std::vector<std::string>{"first of a new start"});
  b2.send({}, at_a, "answer");
  with_a2.settle();
  CHECK(with_a2.to_a == std::vector<std::string>{"answer"});
}

TEST_CASE("no counter and key ever seal two packets: counters rise by one, sessions are new at every start") {
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;  // session and counter
  std::set<std::uint64_t> sessions;
  for (int start = 0; start < 50; ++start) {
    auto a = node(), b = node(ring({old_secret, new_secret}));
    auto both = Exchange{a, b};
    for (int i = 0; i < 20; ++i) {
      a.send({}, at_b, "same words");
      b.send({}, at_a, "same words");
      if (i == 10) b.set_keyring(ring({old_secret}));
      both.settle();
    }
    for (const auto& datagram : both.wire) {
      DatagramHead head;
      REQUIRE(decode_head(datagram, head) == HeadError::none);
      REQUIRE(seen.emplace(head.sender.value, head.counter).second);
      sessions.insert(head.sender.value);
    }
  }
  CHECK(sessions.size() == 100);
}

TEST_CASE("the secret is changed under load without a lost packet") {
  auto a = node(), b = node();
  Exchange both{a, b};
  int sent = 0;
  const auto load = [&] {
    for (int i = 0; i < 50; ++i) {
      a.send({}, at_b, "to b " + std::to_string(sent));
      b.send({}, at_a, "to a " + std::to_string(sent));
      ++sent;
    }
  };
  // Each step is taken with packets of before it on their way.
  load();
  a.set_keyring(ring({old_secret, new_secret}));
  load();
  b.set_keyring(ring({old_secret, new_secret}));
  both.settle();
  load();
  a.set_keyring(ring({new_secret, old_secret}));
  load();
  both.settle();
  b.set_keyring(ring({new_secret, old_secret}));
  load();
  both.settle();
  a.set_keyring(ring({new_secret}));
  b.set_keyring(ring({new_secret}));
  load();
  both.settle();
  // But for the first of those that waited for the first contact: sixteen are kept.
  const auto lost = static_cast<std::size_t>(a.counters().undelivered);
  CHECK(both.to_b.size() + lost == static_cast<std::size_t>(sent));
  CHECK(both.to_a.size() + b.counters().undelivered == static_cast<std::size_t>(sent));
  for (std::size_t which = 0; which < refusal_count; ++which)
    CHECK(both.refused.of(static_cast<Refusal>(which)) == 0);
}

TEST_CASE("used before it is installed everywhere, or removed while in use: refused, not misread") {
  auto a = node(), b = node();
  static_cast<void>(fresh_datagram(a, b, "x"));
  a.set_keyring(ring({new_secret, old_secret}));
  a.send({}, at_b, "too early");
  Exchange both{a, b};
  both.settle();
  CHECK(both.to_b.empty());
  CHECK(both.refused.of(Refusal::unknown_key) == 1);
  b.set_keyring(ring({old_secret, new_secret}));
  a.send({}, at_b, "now");
  both.settle();
  CHECK(both.to_b == std::vector<std::string>{"now"});
  b.set_keyring(ring({new_secret}));
  a.set_keyring(ring({old_secret, new_secret}));
  a.send({}, at_b, "too late");
  both.settle();
  CHECK(both.refused.of(Refusal::unknown_key) == 2);
}

TEST_CASE("a stranger draws no answer, and who has the secret never a larger one") {
  auto a = node(), b = node(), stranger = node(ring({new_secret}));
  stranger.send({}, at_b, "let me in");
  for (const auto& datagram : stranger.take_output())
    CHECK(refusal_of(b, datagram.bytes) == Refusal::unknown_key);
  CHECK(b.take_output().empty());
  a.send({}, at_b, "hello");
  const auto question = a.take_output();
  REQUIRE(question.size() == 1);
  b.receive({}, at_a, question[0].bytes);
  const auto reply = b.take_output();
  REQUIRE(reply.size() == 1);
  CHECK(reply[0].bytes.size() == question[0].bytes.size());
}

TEST_CASE("a question that is repeated a thousand times is answered a few times") {
  auto a = node(), b = node();
  a.send({}, at_b, "hello");
  const auto question = a.take_output().at(0).bytes;
  for (int i = 0; i < 1'000; ++i) b.receive({}, at_a, question);
  CHECK(b.take_output().size() == 20);
  b.receive(Instant{} + seconds(1), at_a, question);
  CHECK(b.take_output().size() == 1);
}

TEST_CASE("an answer is not answered: two nodes do not go on for ever") {
  auto a = node(), b = node();
  a.send({}, at_b, "hello");
  const auto question = a.take_output().at(0).bytes;
  b.receive({}, at_a, question);
  const auto reply = b.take_output().at(0).bytes;
  auto other = node();
  CHECK(refusal_of(other, reply) == Refusal::stale_session);
  CHECK(other.take_output().empty());
}

TEST_CASE("who does not answer is asked four times, then the packets are given up") {
  auto a = node();
  a.send({}, at_b, "hello");
  for (int i = 0; i < 30; ++i) a.send({}, at_b, "more");
  int asked = static_cast<int>(a.take_output().size());
  CHECK(a.counters().undelivered == 15);
  Instant now{};
  for (int i = 0; i < 50 && a.next_deadline() != Instant::never(); ++i) {
    now = a.next_deadline();
    a.on_timer(now);
    asked += static_cast<int>(a.take_output().size());
  }
  CHECK(asked == 4);
  CHECK(now == Instant{} + milliseconds(1'500));
  CHECK(a.counters().undelivered == 31);
  a.send(now, at_b, "again");
  CHECK(a.take_output().size() == 1);
}

TEST_CASE("peers that never answer fill no memory") {
  auto a = node();
  for (int i = 0; i < 10'000; ++i) {
    a.send({}, Address::v4(10, 1, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1),
           "hello");
  }
  CHECK(a.take_output().size() == DatagramSeal::waiting_peers_max);
  CHECK(a.counters().undelivered == 10'000 - DatagramSeal::waiting_peers_max);
}

TEST_CASE("a node that has heard more senders than it can remember takes another session and goes on") {
  auto b = node();
  auto a = node();
  static_cast<void>(fresh_datagram(a, b, "x"));
  const auto before = b.session();
  std::string replayable;
  for (std::size_t i = 0; b.session() == before && i <= DatagramSeal::senders_max; ++i) {
    auto peer = node();
    Exchange both{peer, b};
    peer.send({}, at_b, "hello");
    both.now = Instant{} + seconds(static_cast<std::int64_t>(i));
    both.settle();
    if (i == 0) replayable = both.wire.back();
  }
  REQUIRE(b.session() != before);
  CHECK(refusal_of(b, replayable));  // its window is gone, and so is the session it was bound to
  Exchange both{a, b};
  both.now = Instant{} + seconds(100'000);
  a.send({}, at_b, "lost");
  both.settle();
  a.send({}, at_b, "arrives");
  both.settle();
  CHECK(both.to_b == std::vector<std::string>{"arrives"});
}
