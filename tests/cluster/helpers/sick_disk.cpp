// LD_PRELOAD, for tests only: a disk that is slow or fails when the node's state file (*.swim*) is synced.
// What to do stands in the file that SICK_DISK names and may change at any time: "slow <ms>", "fail", or
// nothing.
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

namespace {

using Sync = int (*)(int);

bool state_file(int file) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  return strstr(path, ".swim") != nullptr;
}

int sync_as_told(int file, const char* name) {
  const auto real = reinterpret_cast<Sync>(dlsym(RTLD_NEXT, name));
  const char* told = getenv("SICK_DISK");
  if (!told || !state_file(file)) return real(file);
  char word[16] = "";
  long milliseconds = 0;
  if (FILE* orders = fopen(told, "re")) {
    if (fscanf(orders, "%15s %ld", word, &milliseconds) < 1) word[0] = 0;
    fclose(orders);
  }
  if (strcmp(word, "fail") == 0) {
    errno = EIO;
    return -1;
  }
  if (strcmp(word, "slow") == 0) {
    const timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
    nanosleep(&pause, nullptr);
  }
  return real(file);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int fdatasync(int file) {
  return sync_as_told(file, "fdatasync");
}
extern "C" __attribute__((visibility("default"))) int fsync(int file) { return sync_as_told(file, "fsync"); }
