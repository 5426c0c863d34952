// Claims about the parts of a seat that are arithmetic or plain state.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "shard_log/lease.hpp"
#include "shard_log/log.hpp"
#include "shard_log/promise.hpp"
#include "shard_log/quorum.hpp"
#include "shard_log/reconfiguration.hpp"
#include "shard_log/register_state.hpp"

using namespace vswim;
using namespace vswim::shard_log;

namespace {

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}
VoterUuid uuid(std::uint8_t number) {
  VoterUuid id;
  id.bytes[0] = number;
  return id;
}
Voter member(std::uint8_t number, Role role = Role::data) { return {node(number), uuid(number), role}; }
Ballot ballot(std::uint64_t round, std::uint8_t number = 1) { return {round, node(number), 0}; }
Instant at(std::int64_t ms) { return Instant{} + milliseconds(ms); }
const LeaseTerms terms{seconds(1), 10'000, milliseconds(10)};

Entry write(Revision revision, std::uint64_t sequence, std::optional<Revision> expected,
            const std::string& value) {
  Entry entry;
  entry.revision = revision;
  entry.proposer = node(1);
  entry.sequence = {sequence};
  contract::Write one{"key", value, std::nullopt};
  if (expected) one.expected = contract::Revision{0, *expected, {}};
  entry.batch = {one, {"other" + std::to_string(sequence), "x", std::nullopt}};
  return entry;
}

}  // namespace

TEST_CASE("a quorum is a majority of those who vote, and only of those") {
  const Configuration five{{1}, {member(1), member(2), member(3, Role::witness), member(4, Role::learner)}};
  CHECK(voter_count(five) == 3);
  CHECK(quorum_of(five) == 2);
  CHECK(majority_of(1) == 1);
  CHECK(majority_of(2) == 2);
  CHECK(majority_of(5) == 3);
  CHECK(reached_by(std::vector<int>{5, 9, 7}, 2) == 7);
  CHECK_FALSE(reached_by(std::vector<int>{5}, 2));
  CHECK(find_voter(five, node(1), uuid(1)) != nullptr);
  CHECK(find_voter(five, node(1), uuid(9)) == nullptr);
}

TEST_CASE("the plan keeps seats, votes for the leader, and needs a witness for two") {
  const auto voters = [](const std::vector<Voter>& plan) {
    return std::count_if(plan.begin(), plan.end(), [](const Voter& v) { return v.role == Role::data; });
  };
  PlanInput input{{member(1)}, node(1), {}, {member(9, Role::witness)}, {}, {}};
  CHECK(plan_configuration(input).size() == 1);
  input.data.push_back(member(2, Role::learner));
  CHECK(plan_configuration(input) == std::vector{member(1), member(2), member(9, Role::witness)});
  input.witnesses.clear();
  CHECK(plan_configuration(input) == std::vector{member(1), member(2, Role::learner)});
  input.preferred = node(2);  // leadership is to go there: for as long as that takes, two votes
  CHECK(plan_configuration(input) == std::vector{member(1), member(2)});
  input.preferred = {};
  input.data.push_back(member(3, Role::learner));
  CHECK(voters(plan_configuration(input)) == 3);
  input.data = {member(1, Role::learner), member(2), member(3), member(4)};
  CHECK(plan_configuration(input) == std::vector{member(1), member(2), member(3), member(4, Role::learner)});
  input.preferred = node(4);
  CHECK(plan_configuration(input) == std::vector{member(1), member(2), member(3, Role::learner), member(4)});
  input.data = {member(1), member(2), member(3), member(4, Role::learner), member(5, Role::learner)};
  CHECK(voters(plan_configuration(input)) == 5);
  input.data.push_back(member(6, Role::learner));
  CHECK(voters(plan_configuration(input)) == 5);
}

TEST_CASE("who is absent learns, and the others are planned as if they were all") {
  PlanInput input{{member(1), member(2), member(3)}, node(1), {}, {member(9, Role::witness)}, {node(2)}, {}};
  CHECK(plan_configuration(input) ==
        std::vector{member(1), member(2, Role::learner), member(3), member(9, Role::witness)});
  input.data.push_back(member(4, Role::learner));  // takes the seat
  CHECK(plan_configuration(input) == std::vector{member(1), member(2, Role::learner), member(3), member(4)});
  input.absent.clear();
  CHECK(plan_configuration(input) == std::vector{member(1), member(2), member(3), member(4, Role::learner)});
}

TEST_CASE("a member's lease ends before its leader forgets it, at every drift the rules allow (L2, L3)") {
  for (const std::int64_t leader_ppm : {-10'000, 0, 10'000}) {
    for (const std::int64_t member_ppm : {-10'000, 0, 10'000}) {
      for (const std::int64_t age_ms : {0, 100, 900}) {
        const auto deadline = terms.leader_deadline(at(0));
        const auto now = at(age_ms);
        const auto d = terms.grant(now, deadline);
        // Asked when granted: the member's best case. True time: ticks / (1 + rate).
        const auto real = [](Duration ticks, std::int64_t ppm) {
          return static_cast<long double>(ticks.ns) * 1'000'000 / (1'000'000 + ppm);
        };
        const auto ends = real(terms.member_deadline(at(0), d) - at(0), member_ppm);
        const auto forgotten = real(terms.held_until(now, d) - now, leader_ppm);
        CHECK(ends <= forgotten);
        // and before any voter that supported at 0 may promise another ballot
        const auto free = real(terms.lengthened(terms.ttl), member_ppm);
        CHECK(real(now - at(0), leader_ppm) + ends <= free + static_cast<long double>(milliseconds(20).ns));
      }
    }
  }
  CHECK(terms.grant(at(2'000), at(1'000)) == Duration{});
}

TEST_CASE("settled is what every possible holder shows (L4), and a former life's reports are void (L5)") {
  LeaseTable table;
  CHECK(table.report(node(1), {1}, 5));
  CHECK(table.report(node(2), {1}, 7));
  CHECK(table.settled(at(0), 9) == 9);  // reports alone bind nobody
  table.granted(node(1), {1}, at(100));
  table.granted(node(2), {1}, at(200));
  CHECK(table.settled(at(0), 9) == 5);
  CHECK(table.blocked_until(at(0), 6) == at(100));
  CHECK(table.settled(at(150), 9) == 7);
  CHECK(table.settled(at(250), 9) == 9);
  CHECK_FALSE(table.report(node(2), {0}, 9));
  CHECK(table.report(node(2), {2}, 3));
  CHECK(table.settled(at(150), 9) == 3);
}

TEST_CASE("a release clears what it names and no later grant (L9)") {
  LeaseTable table;
  table.report(node(1), {1}, 5);
  table.granted(node(1), {7}, at(100));
  CHECK_FALSE(table.released(node(1), {1}, {6}));
  CHECK(table.settled(at(0), 9) == 5);
  CHECK(table.released(node(1), {1}, {7}));
  CHECK(table.settled(at(0), 9) == 9);

  LeaseHolder holder;
  const auto first = holder.ask(at(0));
  CHECK(holder.take(terms, at(1), first, seconds(1)) == terms.member_deadline(at(0), seconds(1)));
  const auto second = holder.ask(at(2));
  holder.drop();
  CHECK_FALSE(holder.take(terms, at(3), second, seconds(1)));
  CHECK_FALSE(holder.active(at(3)));
  const auto third = holder.ask(at(4));
  CHECK(holder.take(terms, at(5), third, seconds(1)));
  CHECK_FALSE(holder.take(terms, at(5), RequestNumber{99}, seconds(1)));  // never asked
}

TEST_CASE("a voter that supports a ballot promises no other one until T(1+drift) is over (L1, L7)") {
  Promise promise(10'000);
  promise.support(at(0), ballot(1), seconds(1));
  CHECK(promise.wait(at(0), ballot(1)) == Duration{});
  CHECK(promise.wait(at(0), ballot(2)) == milliseconds(1'010));
  CHECK(promise.wait(at(0), ballot(2, 1)) == promise.wait(at(0), ballot(2, 9)));  // whoever asks
  CHECK(promise.wait(at(1'010), ballot(2)) == Duration{});
  promise.lead_until(at(5'000));
  CHECK(promise.wait(at(1'010), ballot(2)) == milliseconds(3'990));

  Promise restarted(10'000);
  restarted.restore(ballot(3), seconds(2));
  restarted.start_silence(at(0));
  CHECK(restarted.silent(at(2'019)));
  CHECK(restarted.wait(at(0), ballot(3)) == milliseconds(2'020));
  CHECK_FALSE(restarted.silent(at(2'020)));
}

TEST_CASE("a released support is over but told of as long as it would have run (L9)") {
  Promise promise(10'000);
  promise.support(at(0), ballot(1), seconds(1));
  promise.release(ballot(1));
  CHECK(promise.is_released(ballot(1)));
  CHECK(promise.wait(at(10), ballot(2)) == Duration{});
  CHECK(promise.released_for(at(10)) == milliseconds(1'000));
  CHECK(promise.released_for(at(1'010)) == Duration{});
}

TEST_CASE("a batch is applied whole when every expected revision matches, else not at all") {
  RegisterState state;
  CHECK(state.apply(write(1, 1, std::nullopt, "a")).matched);
  CHECK_FALSE(state.apply(write(2, 2, std::nullopt, "b")).matched);  // exists
  CHECK_FALSE(state.apply(write(3, 3, 2, "c")).matched);             // another revision
  CHECK(state.apply(write(4, 4, 1, "d")).matched);
  CHECK(state.registers().size() == 3);  // key, other1, other4
  CHECK(state.result(node(1), {}, {2})->matched == false);
  CHECK(state.result(node(1), {}, {4})->revision == 4);
  CHECK_FALSE(state.result(node(1), {1}, {4}));
  CHECK(RegisterState(state.snapshot()).snapshot() == state.snapshot());
}

TEST_CASE("a log is linked: what was made up does not follow, and equal chain values mean equal prefixes") {
  Log log;
  for (std::uint64_t i = 1; i <= 5; ++i) log.append(write(0, i, std::nullopt, "v"));
  CHECK(log.last() == 5);
  auto entries = log.after(2, 10, 1'000'000);
  CHECK(entries.size() == 3);
  CHECK(log.links(2, entries));
  CHECK_FALSE(log.links(1, entries));
  entries[1].batch[0].value = "forged";
  CHECK_FALSE(log.links(2, entries));
  Log other;
  for (std::uint64_t i = 1; i <= 5; ++i) other.append(write(0, i, std::nullopt, i == 2 ? "w" : "v"));
  CHECK(other.chain_at(1) == log.chain_at(1));
  CHECK(other.chain_at(2) != log.chain_at(2));
  CHECK(other.chain_at(5) != log.chain_at(5));
}

TEST_CASE("a log knows what of it is durable, under which ballot") {
  Log log;
  log.append(write(0, 1, std::nullopt, "v"));
  log.replace(1, {}, ballot(1));
  log.mark({1});
  log.append(write(0, 2, std::nullopt, "v"));
  log.mark({2});
  CHECK(log.durable(ballot(1)) == 0);
  log.on_persisted({1});
  CHECK(log.durable(ballot(1)) == 1);
  CHECK(log.durable(ballot(2)) == 0);
  log.on_persisted({2});
  CHECK(log.durable(ballot(1)) == 2);
}
