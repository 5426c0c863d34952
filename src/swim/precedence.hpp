// Which of two records about one member is the later word, and what they make together. Pure functions, so
// that every node that has seen the same records holds the same one, in whatever order they came.
//
// Order: a tombstone (forgotten, join number j) outranks every life with a join number up to j and nothing
// above. Else the life (join number, generation, incarnation) decides; within one life alive < suspect < dead
// < left. Only a member itself starts a life or raises its incarnation (rule: incarnation), and it raises it
// with every change of its attributes (address, shard), so that a life names one set of attributes.
#pragma once

#include <cstdint>

#include "swim/messages.hpp"

namespace vswim::swim {

// No counter of an honest node comes near it; beyond, a refutation could not outrank what it refutes.
constexpr std::uint64_t counter_max = std::uint64_t{1} << 62;

// False for what no honest node says: nil ids, unknown statuses, counters that leave no room to be outranked.
bool is_acceptable(const MemberUpdate& update);

bool same_start(const Life& a, const Life& b);  // the same life, whatever the incarnation

enum class Verdict : std::uint8_t {
  older,  // the news is outranked: nothing changes
  same,   // equal rank: observers and missing attributes may still be joined
  newer,
};
Verdict judge(const MemberUpdate& have, const MemberUpdate& news);

// The record after `news` of verdict `newer` or `same`. Attributes that the news leaves open (no ip, nil
// shard) stay.
MemberUpdate merged(const MemberUpdate& have, const MemberUpdate& news, Verdict verdict);

}  // namespace vswim::swim
