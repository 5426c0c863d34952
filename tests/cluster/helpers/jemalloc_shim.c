/* For a stock server with a sanitizer preloaded: what it calls of jemalloc beyond malloc and free has to
 * reach the same allocator as those, which is the sanitizer's. Preloaded after it (cmake/tests.cmake). */
#include <stddef.h>
#include <stdlib.h>

#define SHIM_EXPORT __attribute__((visibility("default")))

SHIM_EXPORT void sdallocx(void* pointer, size_t size, int flags);
SHIM_EXPORT void dallocx(void* pointer, int flags);
SHIM_EXPORT size_t nallocx(size_t size, int flags);

void sdallocx(void* pointer, size_t size, int flags) {
  (void)size;
  (void)flags;
  free(pointer);
}

void dallocx(void* pointer, int flags) {
  (void)flags;
  free(pointer);
}

size_t nallocx(size_t size, int flags) {
  (void)flags;
  return size;
}
