/* A host of the cluster provider's C ABI that knows nothing but its public header: a small Core in each of
 * three processes (host_core.c), told what to do by the process that started them (provider_host.c), line by
 * line. */
#ifndef VALKEY_SWIM_TESTS_HOST_H
#define VALKEY_SWIM_TESTS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <valkey_swim/cluster_provider.h>

#define LINE_BYTES 1024

/* ---- registers as the host sees them (host_registers.c) ---- */
enum space { SPACE_LOG, SPACE_GLOBAL, SPACE_SHARD, SPACES };

struct reg {
  char key[64];
  char value[256];
  bool present;
  vswim_revision* revision; /* own copy */
  struct reg* next;
};

struct registers {
  const vswim_revision_ops* revisions;
  struct reg* first[SPACES];
};

struct reg* find_register(const struct registers* all, enum space space, const char* key);
/* Applies one notification; false when it goes back behind what was known. */
bool apply_register(struct registers* all, enum space space, const vswim_register* from);
void clear_registers(struct registers* all, enum space space);

/* ---- the child: one provider, one Core, until told to quit ---- */
int run_core(int index, int command_fd);

/* ---- checks of the ABI that need no cluster (host_arguments.c); each reports through check() ---- */
void check(bool good, const char* claim);
void check_arguments(const vswim_provider_ops* ops, const char* directory);

#endif
