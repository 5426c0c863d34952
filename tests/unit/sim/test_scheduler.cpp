#include <catch2/catch_test_macros.hpp>
#include <string>

#include "sim/lane.hpp"
#include "sim/scheduler.hpp"

using namespace vswim;
using namespace vswim::sim;

TEST_CASE("actions run in order of time, equals in the order in which they came") {
  Scheduler scheduler;
  std::string order;
  scheduler.after(seconds(2), [&] { order += 'c'; });
  scheduler.after(seconds(1), [&] { order += 'a'; });
  scheduler.after(seconds(1), [&] { order += 'b'; });
  scheduler.run_until(WorldTime{} + seconds(1));
  CHECK(order == "ab");
  scheduler.run_until(WorldTime{} + seconds(5));
  CHECK(order == "abc");
  CHECK(scheduler.now() == WorldTime{} + seconds(5));
}

TEST_CASE("a paused lane keeps its jobs and their order until it is resumed") {
  Scheduler scheduler;
  Lane lane(scheduler);
  std::string order;
  lane.post({}, [&] { order += 'a'; });
  scheduler.run_until(scheduler.now() + milliseconds(1));
  lane.pause_until(scheduler.now() + seconds(1));
  lane.post({}, [&] { order += 'b'; });
  lane.post({}, [&] { order += 'c'; });
  scheduler.run_until(scheduler.now() + milliseconds(900));
  CHECK(order == "a");
  scheduler.run_until(scheduler.now() + milliseconds(200));
  CHECK(order == "abc");
}

TEST_CASE("a pause that begins inside a job holds back the jobs behind it") {
  Scheduler scheduler;
  Lane lane(scheduler);
  std::string order;
  lane.post({}, [&] {
    order += 'a';
    lane.pause_until(scheduler.now() + seconds(1));
  });
  lane.post({}, [&] { order += 'b'; });
  scheduler.run_until(scheduler.now() + milliseconds(999));
  CHECK(order == "a");
  scheduler.run_until(scheduler.now() + milliseconds(2));
  CHECK(order == "ab");
}

TEST_CASE("nothing runs on a lane that was killed, also not what its last job posted") {
  Scheduler scheduler;
  Lane lane(scheduler);
  int ran = 0;
  lane.post({}, [&] {
    lane.post({}, [&] { ++ran; });
    lane.kill();
  });
  lane.post(milliseconds(5), [&] { ++ran; });
  scheduler.run_until(scheduler.now() + seconds(1));
  CHECK(ran == 0);
  lane.post({}, [&] { ran += 10; });  // the next life
  scheduler.run_until(scheduler.now() + seconds(1));
  CHECK(ran == 10);
}
