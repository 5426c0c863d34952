// simulate swim --nodes N --seconds S --loss P --kill K --seed X --json: the shipped membership and gossip
// machines, up to ten thousand nodes in one process on virtual time. docs/benchmarks.md tells the flags and
// the fields. Exit status: 0 measured, 2 wrong usage.
#pragma once

namespace vswim::sim {
int main_swim(int count, char** words);  // the words behind "swim"
}
