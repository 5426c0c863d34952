// Messages and records of the shard log, of every kind.
#pragma once

#include <string>
#include <vector>

#include "base/rng.hpp"
#include "wire/shard_log_codec.hpp"

namespace vswim::wire {

using namespace vswim::shard_log;

struct ShardLogSamples {
  Rng rng{7};

  Ballot ballot() { return {rng.next(), rng.id<NodeId>(), rng.next()}; }
  Hash128 chain() { return {rng.next(), rng.next()}; }
  Batch batch() {
    return {{"slot", "ACTIVE", contract::Revision{0, rng.next(), {}}},
            {std::string("\0\xff binary", 9), std::nullopt, std::nullopt},
            {"", "", contract::Revision{3, 4, rng.id<NodeId>()}}};
  }
  Configuration configuration() {
    NodeId a, b, c;
    a.bytes[0] = 1;
    b.bytes[0] = 2;
    c.bytes[0] = 3;
    return {{rng.next()},
            {{a, rng.id<VoterUuid>(), Role::data},
             {b, rng.id<VoterUuid>(), Role::witness},
             {c, rng.id<VoterUuid>(), Role::learner}}};
  }
  std::vector<Entry> entries(Revision first) {
    return {{first, ballot(), rng.id<NodeId>(), {5}, {6}, batch(), std::nullopt, chain()},
            {first + 1, ballot(), {}, {}, {}, {}, configuration(), chain()}};
  }
  Snapshot snapshot() {
    Snapshot s{40, chain(), {}, {}};
    s.registers = {{"a", "1", {0, 3, {}}}, {"b", std::nullopt, {0, 4, {}}}};
    NodeId node;
    node.bytes[0] = 9;
    s.proposers = {{node, {8}, {{{1}, true, 3}, {{2}, false, 4}}}};
    return s;
  }

  std::vector<Message> messages() {
    return {
        Append{{3}, ballot(), Instant{77}, seconds(1), true, 9, chain(), std::nullopt, entries(10), 8, 7},
        Append{{3}, ballot(), Instant{-77}, seconds(1), false, 0, {}, snapshot(), entries(41), 8, 7},
        Appended{{3}, ballot(), rng.id<VoterUuid>(), Instant{5}, true, 4, 3},
        PreVote{{1}, ballot()},
        PreVoted{{1}, ballot(), rng.id<VoterUuid>(), true, milliseconds(3)},
        Prepare{{1}, ballot(), ballot(), 5, 4, ballot()},
        Promised{
            {1}, ballot(), rng.id<VoterUuid>(), ballot(), 5, 4, snapshot(), entries(41), milliseconds(900)},
        Promised{{1}, ballot(), rng.id<VoterUuid>(), {}, 5, 4, std::nullopt, {}, {}},
        Refused{{1}, ballot(), rng.id<VoterUuid>(), ballot(), milliseconds(4)},
        ReleaseBallot{{2}, ballot()},
        StandNow{{2}, ballot()},
        LeaseRequest{{2}, {3}, {4}, 5, false, 6},
        LeaseGrant{{2}, ballot(), {3}, {4}, milliseconds(800), 9},
        LeaseRelease{{3}, {4}, ballot(), true},
        Propose{{3}, {8}, {{{9}, batch()}, {{10}, {}}}},
        SeatRequest{Role::data},
        SeatOffer{rng.id<VoterUuid>()},
        Install{configuration(), ballot(), Instant{8}, seconds(2), snapshot()},
        Installed{{4}, ballot(), rng.id<VoterUuid>(), Instant{8}, ballot(), true},
        Moved{configuration()},
        ChangeRequest{{1}, {2}, false, rng.id<NodeId>(), rng.id<VoterUuid>()},
        ChangeAnswer{{1}, {2}, contract::Outcome::failed, "why", {6}}};
  }
  std::vector<Record> records() {
    return {StateRecord{configuration(), ballot(), ballot(), ballot(), seconds(1), snapshot(), entries(41)},
            PromiseRecord{ballot()},
            TtlRecord{seconds(3)},
            AcceptRecord{ballot(), 9, std::nullopt, entries(10)},
            AcceptRecord{ballot(), 0, snapshot(), {}},
            MovedRecord{configuration()}};
  }
};

}  // namespace vswim::wire
