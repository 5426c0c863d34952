#include "core/claims.hpp"

#include "base/mutation.hpp"

namespace vswim::core {

bool outranks(const Claim& a, const Claim& b) {
  if (!VSWIM_RULE(claim)) return a != b;  // whoever hears of another's claim gives way
  if (a.number != b.number) return a.number > b.number;
  return a.shard > b.shard;
}

ClaimNumber next_claim(ClaimNumber seen) { return seen < claim_max ? seen + 1 : claim_max; }

}  // namespace vswim::core
