// simulate scenario --conditions: what a script can wait for and expect
// simulate scenario [--rewrite] [--trace] [--mutate NAME] [--claims] FILE...
// Exit status: 0 every scenario is green and tells its golden trace; 1 not; 2 wrong usage or script.
//   --rewrite  writes the new trace into the file
//   --trace    prints what every node says of itself
//   --mutate   (mutation build) switches a rule off once the cluster stands; the trace is not compared
//   --claims   (mutation build) plays each file under every rule its "# red under:" names: it must go red
#pragma once

namespace vswim::sim::scenario {
int main_scenario(int count, char** words);  // the words behind "scenario"
}
