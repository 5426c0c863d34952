// In the mutation build only: VSWIM_RULE_OFF=<rule> switches that rule off, and some claim here must fail.
#include "base/mutation.hpp"

#ifdef VSWIM_MUTATIONS
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#include <cstdlib>

namespace {

class MutationSwitch : public Catch::EventListenerBase {
 public:
  using EventListenerBase::EventListenerBase;
  void testRunStarting(const Catch::TestRunInfo&) override {
    if (const char* rule = std::getenv("VSWIM_RULE_OFF")) vswim::mutation::switched_off() = rule;
  }
};

}  // namespace

CATCH_REGISTER_LISTENER(MutationSwitch)
#endif
