/* Registers as a host keeps them: copies of what it was notified of, with revisions copied by the ABI's own
 * operations. */
#include <stdlib.h>
#include <string.h>

#include "host.h"

static void copy_text(char* to, size_t to_bytes, vswim_bytes from) {
  size_t size = from.size < to_bytes - 1 ? from.size : to_bytes - 1;
  if (size > 0) memcpy(to, from.data, size);
  to[size] = '\0';
}

struct reg* find_register(const struct registers* all, enum space space, const char* key) {
  struct reg* at = all->first[space];
  while (at != NULL && strcmp(at->key, key) != 0) at = at->next;
  return at;
}

bool apply_register(struct registers* all, enum space space, const vswim_register* from) {
  char key[sizeof(((struct reg*)0)->key)];
  copy_text(key, sizeof key, from->key);
  struct reg* reg = find_register(all, space, key);
  if (reg == NULL) {
    reg = calloc(1, sizeof *reg);
    if (reg == NULL) abort();
    memcpy(reg->key, key, sizeof key);
    reg->next = all->first[space];
    all->first[space] = reg;
  }
  const bool forward = all->revisions->compare(reg->revision, from->revision) <= 0;
  copy_text(reg->value, sizeof reg->value, from->value);
  reg->present = from->deleted == 0;
  all->revisions->release(reg->revision);
  reg->revision = all->revisions->copy(from->revision);
  return forward;
}

void clear_registers(struct registers* all, enum space space) {
  while (all->first[space] != NULL) {
    struct reg* reg = all->first[space];
    all->first[space] = reg->next;
    all->revisions->release(reg->revision);
    free(reg);
  }
}
