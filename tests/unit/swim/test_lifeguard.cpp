#include <bit>
#include <catch2/catch_test_macros.hpp>

#include "base/rng.hpp"
#include "swim/lifeguard.hpp"
#include "swim/suspicion.hpp"

using namespace vswim;
using namespace vswim::swim;

TEST_CASE("a suspicion lasts 2 log10 N periods at least and twelve times that at most") {
  const Settings settings;
  CHECK(suspicion_min(settings, 10) == seconds(2));
  CHECK(suspicion_min(settings, 1'000) == seconds(6));
  CHECK(suspicion_max(settings, 1'000) == seconds(72));
  for (const std::size_t small : {0u, 1u, 2u, 3u}) CHECK(suspicion_min(settings, small) == seconds(2));
}

TEST_CASE("each confirmation shortens a suspicion, K of them to the minimum") {
  const Settings settings;
  CHECK(suspicion_timeout(settings, 100, 0, 98) == suspicion_max(settings, 100));
  Duration last = suspicion_max(settings, 100);
  for (std::uint32_t confirmations = 1; confirmations <= 3; ++confirmations) {
    const Duration timeout = suspicion_timeout(settings, 100, confirmations, 98);
    CHECK(timeout < last);
    last = timeout;
  }
  CHECK(last == suspicion_min(settings, 100));
  CHECK(suspicion_timeout(settings, 100, 30, 98) == suspicion_min(settings, 100));
}

TEST_CASE("where fewer than K could confirm, all of them are enough") {
  const Settings settings;
  CHECK(suspicion_timeout(settings, 2, 0, 0) == suspicion_min(settings, 2));
  CHECK(suspicion_timeout(settings, 3, 0, 1) == suspicion_max(settings, 3));
  CHECK(suspicion_timeout(settings, 3, 1, 1) == suspicion_min(settings, 3));
}

TEST_CASE("observers that choose in turn never count as one") {
  Rng rng(1);
  for (int round = 0; round < 100; ++round) {
    std::uint32_t observers = 0;
    for (std::uint32_t count = 1; count <= 32; ++count) {
      observers = with_observer(observers, rng.id<NodeId>());
      CHECK(std::popcount(observers) == static_cast<int>(count));
    }
    CHECK(with_observer(observers, rng.id<NodeId>()) == observers);
  }
  CHECK(confirmations_of(0) == 0);
  CHECK(confirmations_of(1) == 0);
  CHECK(confirmations_of(7) == 2);
}

TEST_CASE("a rumour is sent 4 log10 (N + 1) times, at least once") {
  CHECK(retransmit_limit(4, 9) == 4);
  CHECK(retransmit_limit(4, 999) == 12);
  CHECK(retransmit_limit(4, 0) == 1);
  CHECK(retransmit_limit(0, 100) == 1);
}

TEST_CASE("misses without nacks worsen local health up to its maximum, answers mend it") {
  LocalHealth health(8);
  CHECK(health.multiplier() == 1);
  health.probe_missed(3, 3);
  CHECK(health.multiplier() == 1);  // all relays hear: the target's fault
  health.probe_missed(3, 1);
  CHECK(health.multiplier() == 3);
  health.probe_missed(0, 0);
  CHECK(health.multiplier() == 4);
  health.probe_missed(3, 200);  // more nacks than were asked for count as all
  CHECK(health.multiplier() == 4);
  for (int i = 0; i < 10; ++i) health.refuted_self();
  CHECK(health.multiplier() == 8);
  CHECK(health.scaled(milliseconds(500)) == seconds(4));
  for (int i = 0; i < 10; ++i) health.probe_answered();
  CHECK(health.multiplier() == 1);
}
