// Claims about secrets as the operator gives them, and about CLUSTER KEYRING.
#include <catch2/catch_test_macros.hpp>

#include "base/overloaded.hpp"
#include "module/keyring_command.hpp"

using namespace vswim;
using namespace vswim::module;

namespace {

const std::string one = "first-secret-of-ours", two = "second-secret-of-ours";

seal::KeyId id_of(const std::string& text) {
  std::string error;
  return seal::Secret::of(text, error).value().id;
}

NodeId node(std::uint8_t first) {
  NodeId id;
  id.bytes[0] = first;
  return id;
}

contract::MembershipChanged members(std::initializer_list<std::uint8_t> ids) {
  contract::MembershipChanged view;
  view.self = node(1);
  for (const auto id : ids) view.members.push_back({node(id), {}, Address::v4(10, 0, 0, id, 1), {}, {}, {}});
  return view;
}

contract::GossipUpdated told(std::uint8_t id, const std::optional<std::string>& text) {
  return {contract::Scope::global, {{"keyring:" + node(id).hex(), text, {1, 0, node(id)}}}};
}

int seconds_passed = 0;
std::optional<contract::Operation> next_write(KeyringView& view) {
  return view.next_write(Instant{} + seconds(++seconds_passed));
}

struct Commands {
  Secrets secrets;
  KeyringView view;
  SecretFile file;

  Commands() {
    std::string error;
    secrets.set(one + " " + two, error);
    view.set_own(secrets.keyring().ids_text());
    view.on_event(members({1, 2, 3}));
  }
  std::string run(const std::vector<std::string>& words) {
    const auto answer = keyring_command(words, secrets, view, [this] { return file; });
    if (const auto* error = std::get_if<core::Reply::Error>(&answer.reply.value)) return error->text;
    return answer.changed ? "changed" : "same";
  }
};

}  // namespace

TEST_CASE("secrets are words of a setting or lines of a file, the first in use; a remark is none",
          "[module]") {
  Secrets secrets;
  std::string error;
  REQUIRE(secrets.set("# made on monday\r\n" + one + "\n\n  " + two + "\n", error));
  CHECK(secrets.text() == one + " " + two);
  CHECK(secrets.keyring().in_use().id == id_of(one));
  CHECK_FALSE(secrets.set("short", error));
  CHECK(error.find("short") == std::string::npos);
  CHECK(secrets.text() == one + " " + two);
  REQUIRE(secrets.set("", error));
  CHECK(secrets.empty());
}

TEST_CASE("the text follows the keyring, so that CONFIG REWRITE writes what is true", "[module]") {
  Secrets secrets;
  std::string error;
  std::vector<seal::KeyId> installed;
  REQUIRE(secrets.set(one, error));
  REQUIRE(secrets.install(one + " " + two, installed, error));
  CHECK(installed == std::vector{id_of(two)});
  REQUIRE(secrets.use(id_of(two), error));
  CHECK(secrets.text() == two + " " + one);
  REQUIRE(secrets.remove(id_of(one), error));
  CHECK(secrets.text() == two);
  CHECK_FALSE(secrets.remove(id_of(two), error));
  CHECK(secrets.text() == two);
}

TEST_CASE("a key is used when all have it, and removed when none uses it, or by FORCE", "[module]") {
  Commands commands;
  const auto first = id_of(one).hex(), second = id_of(two).hex();
  CHECK(commands.run({"KEYRING", "USE", second}).find("2 nodes") != std::string::npos);
  commands.view.on_event(told(2, first + "/" + second));
  CHECK(commands.run({"KEYRING", "USE", second}).find(node(3).hex()) != std::string::npos);
  commands.view.on_event(told(3, first + "/" + second));
  CHECK(commands.run({"keyring", "use", second}) == "changed");
  CHECK(commands.run({"KEYRING", "REMOVE", first}).find("in use on 2 nodes") != std::string::npos);
  commands.view.on_event(told(2, second + "/" + first));
  commands.view.on_event(told(3, second + "/" + first));
  CHECK(commands.run({"KEYRING", "REMOVE", second}).find("use another one first") != std::string::npos);
  CHECK(commands.run({"KEYRING", "REMOVE", first}) == "changed");
  CHECK(commands.run({"KEYRING", "REMOVE", first}).find("not installed") != std::string::npos);
}

TEST_CASE("the dead have no say, and FORCE has the last one", "[module]") {
  Commands commands;
  auto view = members({1, 2, 3});
  view.members[1].health = view.members[2].health = contract::Health::fail;
  commands.view.on_event(view);
  CHECK(commands.run({"KEYRING", "USE", id_of(two).hex()}) == "changed");
  commands.view.on_event(members({1, 2, 3}));
  CHECK(commands.run({"KEYRING", "USE", id_of(one).hex(), "FORCE"}) == "changed");
}

TEST_CASE("INSTALL reads the file, and says so where there is none", "[module]") {
  Commands commands;
  CHECK(commands.run({"KEYRING", "INSTALL"}).find("swim.secret-file") != std::string::npos);
  commands.file.text = one + "\na-third-secret-of-ours\n";
  CHECK(commands.run({"KEYRING", "INSTALL"}) == "changed");
  CHECK(commands.run({"KEYRING", "INSTALL"}) == "same");
  commands.file.text = "bad";
  CHECK(commands.run({"KEYRING", "INSTALL"}).substr(0, 3) == "ERR");
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"KEYRING"},
                                             {"KEYRING", "USE"},
                                             {"KEYRING", "USE", "x"},
                                             {"KEYRING", "LIST", "x"},
                                             {"KEYRING", "USE", "0123456789abcdef", "HARD"},
                                             {"KEYRING", "REMOVE", "x", "FORCE", "x"}}) {
    CHECK(commands.run(words).substr(0, 3) == "ERR");
  }
  Secrets none;
  const auto refused =
      keyring_command({"KEYRING", "INSTALL"}, none, commands.view, [] { return SecretFile{}; });
  CHECK(std::holds_alternative<core::Reply::Error>(refused.reply.value));
}

TEST_CASE("each node writes its own register, again after a reset, and once at a time", "[module]") {
  KeyringView view;
  CHECK_FALSE(next_write(view));
  view.set_own("0123456789abcdef");
  CHECK_FALSE(next_write(view));  // not known to be a member yet
  view.on_event(members({1, 2}));
  const auto write = next_write(view);
  REQUIRE(write);
  const auto& update = std::get<contract::UpdateGossip>(*write);
  CHECK(update.batch.at(0).key == "keyring:" + node(1).hex());
  CHECK(update.batch.at(0).value == "0123456789abcdef");
  CHECK_FALSE(next_write(view));
  CHECK(view.on_event(contract::Completed{update.ticket, contract::Outcome::stale, "", {}}));
  CHECK(next_write(view));
  CHECK_FALSE(view.on_event(contract::Completed{{1}, contract::Outcome::ok, "", {}}));  // Core's
  view.on_event(told(1, "0123456789abcdef"));
  CHECK(view.on_event(contract::Completed{{update.ticket.value + 1}, contract::Outcome::ok, "", {}}));
  CHECK_FALSE(next_write(view));
  view.on_event(contract::Reset{contract::Namespace::global, 2, node(1), {}});
  view.on_event(members({1, 2}));
  CHECK(next_write(view));
}

TEST_CASE("what a former member has left is removed by the member with the lowest id", "[module]") {
  KeyringView view;
  view.on_event(members({1, 2, 3}));
  view.on_event(told(3, "0123456789abcdef"));
  CHECK_FALSE(next_write(view));
  view.on_event(members({1, 2}));
  const auto write = next_write(view);
  REQUIRE(write);
  CHECK(std::get<contract::UpdateGossip>(*write).batch.at(0).key == "keyring:" + node(3).hex());
  CHECK_FALSE(std::get<contract::UpdateGossip>(*write).batch.at(0).value);
}
