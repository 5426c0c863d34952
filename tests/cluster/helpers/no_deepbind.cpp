// Part of what is preloaded, for tests only. Servers from 8.1 on open a module with RTLD_DEEPBIND: it then
// takes libc's functions, not those of a preloaded library, and what is bent for the server is straight for
// the module.
#include <dlfcn.h>

extern "C" __attribute__((visibility("default"))) void* dlopen(const char* file, int flags) noexcept {
  using Open = void* (*)(const char*, int);
  static const auto real = reinterpret_cast<Open>(dlsym(RTLD_NEXT, "dlopen"));
  return real(file, flags & ~RTLD_DEEPBIND);
}
