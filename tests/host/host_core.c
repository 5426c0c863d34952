/* The Core of one process: applies what the provider tells, says what it has shown, and carries out one
 * command of the parent at a time. A command is answered by one line, at once or when its completion comes.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"

enum callback { MEMBERSHIP, GOSSIP, LOG, SETTLED, RESET, HEARTBEAT, DOWN, REVIEW, NOTE, CALLBACKS };
static const char* const callback_names[CALLBACKS] = {"membership", "gossip", "log",    "settled", "reset",
                                                      "heartbeat",  "down",   "review", "note"};

struct increments { /* a job: add one to a counter many times, whatever the others do */
  bool running;
  bool waiting; /* for a completion */
  char key[32];
  int left, stale, unknown, failed;
  long part_before;
  int64_t retry_at_ns;
};

struct core {
  int index;
  int command_fd;
  const vswim_provider_ops* ops;
  vswim_provider* provider;
  struct registers registers;
  unsigned long calls[CALLBACKS];
  unsigned long out_of_order; /* revisions that went back, own writes completed before they were notified */
  int64_t deadline_ns;
  char self[VSWIM_ID_SIZE + 1], shard[VSWIM_ID_SIZE + 1];
  size_t members, members_ok, members_fail, shards, shard_members;
  char seen[256][96]; /* the last notified global writes, "key=value" */
  size_t seen_next;
  bool reject_joins, silent;
  struct increments job;
  bool quit;
};

static void reply(struct core* core, const char* format, ...) {
  char line[LINE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(line, sizeof line - 1, format, arguments);
  va_end(arguments);
  if (size < 0) size = 0;
  if (size > (int)sizeof line - 2) size = (int)sizeof line - 2;
  line[size++] = '\n';
  if (write(core->command_fd, line, (size_t)size) != size) core->quit = true;
}

/* ---- what the provider tells ---- */

static void update_membership(void* context, const vswim_membership* view) {
  struct core* core = context;
  ++core->calls[MEMBERSHIP];
  memcpy(core->self, view->self, sizeof core->self);
  memcpy(core->shard, view->own_shard, sizeof core->shard);
  core->members = core->members_ok = core->members_fail = core->shard_members = 0;
  core->shards = view->shard_count;
  for (size_t s = 0; s < view->shard_count; ++s) {
    const vswim_shard* shard = &view->shards[s];
    for (size_t n = 0; n < shard->node_count; ++n) {
      ++core->members;
      core->members_ok += shard->nodes[n].state == VSWIM_NODE_OK;
      core->members_fail += shard->nodes[n].state == VSWIM_NODE_FAIL;
      core->shard_members += strcmp(shard->shard_id, view->own_shard) == 0;
    }
  }
}

static void notify_gossip_update(void* context, int32_t scope, const vswim_register* registers,
                                 size_t count) {
  struct core* core = context;
  ++core->calls[GOSSIP];
  for (size_t i = 0; i < count; ++i) {
    if (!apply_register(&core->registers, scope == VSWIM_SCOPE_GLOBAL ? SPACE_GLOBAL : SPACE_SHARD,
                        &registers[i])) {
      ++core->out_of_order;
    }
    if (scope == VSWIM_SCOPE_GLOBAL) {
      snprintf(core->seen[core->seen_next++ % 256], sizeof core->seen[0], "%.*s=%.*s",
               (int)registers[i].key.size, registers[i].key.data, (int)registers[i].value.size,
               registers[i].value.data);
    }
  }
}

static void notify_shard_log_update(void* context, const vswim_shard_log_update* update) {
  struct core* core = context;
  ++core->calls[LOG];
  for (size_t i = 0; i < update->register_count; ++i) {
    if (!apply_register(&core->registers, SPACE_LOG, &update->registers[i])) ++core->out_of_order;
  }
  if (!core->silent) core->ops->shown(core->provider, update->namespace_number, update->revision);
}

static void notify_settled(void* context, const vswim_settled* settled) {
  (void)settled;
  ++((struct core*)context)->calls[SETTLED];
}

static void notify_reset(void* context, const vswim_reset* reset) {
  struct core* core = context;
  ++core->calls[RESET];
  if (reset->which == VSWIM_NAMESPACE_GLOBAL) {
    clear_registers(&core->registers, SPACE_GLOBAL);
  } else {
    clear_registers(&core->registers, SPACE_SHARD);
    clear_registers(&core->registers, SPACE_LOG);
  }
  memcpy(core->self, reset->self, sizeof core->self);
  memcpy(core->shard, reset->own_shard, sizeof core->shard);
}

static void cluster_heartbeat(void* context, int64_t deadline_ns) {
  struct core* core = context;
  ++core->calls[HEARTBEAT];
  core->deadline_ns = deadline_ns;
}

static void cluster_down(void* context, vswim_bytes reason) {
  struct core* core = context;
  (void)reason;
  ++core->calls[DOWN];
  core->deadline_ns = 0;
}

static void join_review(void* context, const vswim_join_review* review) {
  struct core* core = context;
  ++core->calls[REVIEW];
  static const char text[] = "this host keeps keys of its own";
  const vswim_bytes reason = {text, core->reject_joins ? sizeof text - 1 : 0};
  core->ops->join_verdict(core->provider, review->ticket, !core->reject_joins, reason);
}

static void note(void* context, int32_t level, vswim_bytes text) {
  struct core* core = context;
  ++core->calls[NOTE];
  if (getenv("PROVIDER_HOST_VERBOSE") != NULL) {
    fprintf(stderr, "[%d] %d %.*s\n", core->index, level, (int)text.size, text.data);
  }
}

/* ---- commands ---- */

static const char* const outcome_names[] = {"ok", "stale", "failed", "unknown"};

static void on_completed(void* context, const vswim_result* result) {
  reply(context, "%s %.*s", outcome_names[result->outcome], (int)result->text.size, result->text.data);
}

static void accepted(struct core* core, int status) {
  if (status != VSWIM_ACCEPTED) reply(core, "refused %d", status);
}

static enum space space_of(const char* name) {
  return strcmp(name, "log") == 0 ? SPACE_LOG : strcmp(name, "global") == 0 ? SPACE_GLOBAL : SPACE_SHARD;
}

static int submit_write(struct core* core, enum space space, const vswim_write* write,
                        vswim_completion done) {
  if (space == SPACE_LOG) return core->ops->update_shard_log(core->provider, write, 1, done, core);
  return core->ops->update_gossip(
      core->provider, space == SPACE_GLOBAL ? VSWIM_SCOPE_GLOBAL : VSWIM_SCOPE_SHARD, write, 1, done, core);
}

/* put <space> <key> <value> <what it expects: known | absent | foreign>; value "-" deletes */
static void put(struct core* core, const char* space_name, const char* key, const char* value,
                const char* expects) {
  const enum space space = space_of(space_name);
  const struct reg* reg = find_register(&core->registers, space, key);
  vswim_write write = {
      .struct_bytes = sizeof write, .key = {key, strlen(key)}, .value = {value, strlen(value)}};
  write.deletes = strcmp(value, "-") == 0;
  if (strcmp(expects, "known") == 0 && reg != NULL && reg->present) write.expected = reg->revision;
  if (strcmp(expects, "foreign") == 0) {
    const struct reg* other = core->registers.first[space == SPACE_LOG ? SPACE_GLOBAL : SPACE_LOG];
    write.expected = other == NULL ? NULL : other->revision;
  }
  accepted(core, submit_write(core, space, &write, on_completed));
}

/* ---- the counter: "total part0 part1 part2"; every process raises the total and its own part together, so
 * that the register itself tells whether a write with outcome "unknown" has happened ---- */

static void read_counter(struct core* core, long value[4]) {
  const struct reg* reg = find_register(&core->registers, SPACE_LOG, core->job.key);
  value[0] = value[1] = value[2] = value[3] = 0;
  if (reg != NULL && reg->present)
    sscanf(reg->value, "%ld %ld %ld %ld", &value[0], &value[1], &value[2], &value[3]);
}

static void on_increment(void* context, const vswim_result* result) {
  struct core* core = context;
  struct increments* job = &core->job;
  long now[4];
  read_counter(core, now);
  job->waiting = false;
  const bool landed = now[1 + core->index] == job->part_before + 1;
  if (result->outcome == VSWIM_OK && !landed) ++core->out_of_order; /* notified before completed, always */
  job->stale += result->outcome == VSWIM_STALE;
  job->unknown += result->outcome == VSWIM_UNKNOWN;
  job->failed += result->outcome == VSWIM_FAILED;
  job->retry_at_ns = result->outcome == VSWIM_OK ? 0 : core->ops->now_ns() + 5000000;
}

static void increment(struct core* core) {
  struct increments* job = &core->job;
  if (!job->running || job->waiting || core->ops->now_ns() < job->retry_at_ns) return;
  long now[4];
  read_counter(core, now);
  if (job->part_before >= 0 && now[1 + core->index] > job->part_before) --job->left; /* the last one landed */
  job->part_before = now[1 + core->index];
  if (job->left == 0) {
    job->running = false;
    reply(core, "done stale=%d unknown=%d failed=%d", job->stale, job->unknown, job->failed);
    return;
  }
  ++now[0];
  ++now[1 + core->index];
  char value[128];
  snprintf(value, sizeof value, "%ld %ld %ld %ld", now[0], now[1], now[2], now[3]);
  const struct reg* reg = find_register(&core->registers, SPACE_LOG, job->key);
  const vswim_write write = {.struct_bytes = sizeof write,
                             .key = {job->key, strlen(job->key)},
                             .value = {value, strlen(value)},
                             .expected = reg != NULL && reg->present ? reg->revision : NULL};
  job->waiting = submit_write(core, SPACE_LOG, &write, on_increment) == VSWIM_ACCEPTED;
}

static void start_node(struct core* core, const char* directory) {
  const char* const bind[] = {"127.0.0.1"};
  const vswim_settings settings = {.struct_bytes = sizeof settings,
                                   .directory = directory,
                                   .bind = bind,
                                   .bind_count = 1,
                                   .host_label = "host"};
  const vswim_callbacks callbacks = {.struct_bytes = sizeof callbacks,
                                     .context = core,
                                     .update_membership = update_membership,
                                     .notify_gossip_update = notify_gossip_update,
                                     .notify_shard_log_update = notify_shard_log_update,
                                     .notify_settled = notify_settled,
                                     .notify_reset = notify_reset,
                                     .cluster_heartbeat = cluster_heartbeat,
                                     .cluster_down = cluster_down,
                                     .join_review = join_review,
                                     .log = note};
  char error[256] = "";
  int status = core->ops->create(&settings, &callbacks, &core->provider, error, sizeof error);
  if (status == VSWIM_ACCEPTED) status = core->ops->start(core->provider, error, sizeof error);
  if (status != VSWIM_ACCEPTED) {
    core->ops->destroy(core->provider);
    core->provider = NULL;
    reply(core, "failed %s", error);
    return;
  }
  core->ops->node_id(core->provider, core->self);
  core->ops->shard_id(core->provider, core->shard);
  reply(core, "ok %s %s %u", core->self, core->shard, (unsigned)core->ops->bus_port(core->provider));
}

static void print_field(void* context, vswim_bytes name, vswim_bytes value) {
  (void)context;
  fprintf(stderr, "    %.*s=%.*s\n", (int)name.size, name.data, (int)value.size, value.data);
}

struct log_state { /* from INFO, up to a second old */
  int voters, epoch;
};

static void keep_log_state(void* context, vswim_bytes name, vswim_bytes value) {
  struct log_state* state = context;
  char number[16];
  snprintf(number, sizeof number, "%.*s", (int)value.size, value.data);
  if (name.size == strlen("log_voters") && memcmp(name.data, "log_voters", name.size) == 0)
    state->voters = atoi(number);
  if (name.size == strlen("log_epoch") && memcmp(name.data, "log_epoch", name.size) == 0)
    state->epoch = atoi(number);
}

static void show(struct core* core) {
  struct log_state state = {0};
  core->ops->info(core->provider, keep_log_state, &state);
  const int64_t left_ns = core->deadline_ns - core->ops->now_ns();
  char line[LINE_BYTES];
  int at = snprintf(line, sizeof line,
                    "self=%s shard=%s members=%zu ok=%zu fail=%zu shards=%zu shard_members=%zu lease_ms=%ld "
                    "out_of_order=%lu voters=%d epoch=%d",
                    core->self, core->shard, core->members, core->members_ok, core->members_fail,
                    core->shards, core->shard_members, left_ns > 0 ? (long)(left_ns / 1000000) : 0,
                    core->out_of_order, state.voters, state.epoch);
  for (int i = 0; i < CALLBACKS; ++i) {
    at += snprintf(line + at, sizeof line - (size_t)at, " %s=%lu", callback_names[i], core->calls[i]);
  }
  reply(core, "%s", line);
}

static void carry_out(struct core* core, char* line) {
  char name[32] = "", a[128] = "", b[128] = "", c[128] = "", d[128] = "";
  sscanf(line, "%31s %127s %127s %127s %127s", name, a, b, c, d);
  const vswim_provider_ops* ops = core->ops;
  if (strcmp(name, "start") == 0) {
    start_node(core, a);
  } else if (strcmp(name, "show") == 0) {
    show(core);
  } else if (strcmp(name, "join") == 0) {
    const vswim_endpoint endpoint = {
        .struct_bytes = sizeof endpoint, .host = a, .bus_port = (uint16_t)atoi(b)};
    core->reject_joins = strcmp(c, "reject") == 0;
    accepted(core, ops->join_cluster(core->provider, &endpoint, 1, on_completed, core));
  } else if (strcmp(name, "join_shard") == 0) {
    accepted(core, ops->join_shard(core->provider, a, on_completed, core));
  } else if (strcmp(name, "leave_shard") == 0) {
    accepted(core, ops->remove_from_shard(core->provider, core->self, on_completed, core));
  } else if (strcmp(name, "remove") == 0) {
    accepted(core, ops->remove_from_cluster(core->provider, strcmp(a, "self") == 0 ? core->self : a, atoi(b),
                                            atoi(c), on_completed, core));
  } else if (strcmp(name, "put") == 0) {
    put(core, a, b, c, d);
  } else if (strcmp(name, "get") == 0) {
    const struct reg* reg = find_register(&core->registers, space_of(a), b);
    reply(core, "%s", reg != NULL && reg->present ? reg->value : "(none)");
  } else if (strcmp(name, "seen") == 0) {
    size_t times = 0;
    for (size_t i = 0; i < 256; ++i) times += strcmp(core->seen[i], a) == 0;
    reply(core, "%zu", times);
  } else if (strcmp(name, "count") == 0) {
    core->job = (struct increments){.running = true, .left = atoi(b), .part_before = -1};
    snprintf(core->job.key, sizeof core->job.key, "%.31s", a);
  } else if (strcmp(name, "rank") == 0) {
    reply(core, "%d", ops->stand_first(core->provider, (uint32_t)atoi(a)));
  } else if (strcmp(name, "silent") == 0) {
    core->silent = atoi(a) != 0;
    reply(core, "0");
  } else if (strcmp(name, "release") == 0) {
    accepted(core, ops->release_lease(core->provider, on_completed, core));
  } else if (strcmp(name, "fill_disk") == 0) { /* no file may grow any more */
    const struct rlimit none = {.rlim_cur = 1, .rlim_max = RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    reply(core, "%d", setrlimit(RLIMIT_FSIZE, &none));
  } else if (strcmp(name, "info") == 0) {
    ops->info(core->provider, print_field, core);
    reply(core, "0");
  } else if (strcmp(name, "quit") == 0) {
    ops->stop(core->provider, strcmp(a, "leave") == 0);
    core->quit = true;
    reply(core, "ok");
  } else {
    reply(core, "what? %s", name);
  }
}

static bool read_commands(struct core* core) {
  static char pending[LINE_BYTES];
  static size_t used;
  const ssize_t got = read(core->command_fd, pending + used, sizeof pending - 1 - used);
  if (got <= 0) return got < 0 && errno == EINTR;
  used += (size_t)got;
  char* end;
  while ((end = memchr(pending, '\n', used)) != NULL) {
    *end = '\0';
    carry_out(core, pending);
    const size_t taken = (size_t)(end - pending) + 1;
    memmove(pending, end + 1, used - taken);
    used -= taken;
  }
  return used < sizeof pending - 1;
}

int run_core(int index, int command_fd) {
  struct core core = {
      .index = index, .command_fd = command_fd, .ops = vswim_cluster_provider_ops(VSWIM_ABI_VERSION)};
  core.registers.revisions = core.ops->revision;
  while (!core.quit) {
    struct pollfd fds[2] = {{.fd = command_fd, .events = POLLIN},
                            {.fd = core.provider ? core.ops->event_fd(core.provider) : -1, .events = POLLIN}};
    poll(fds, 2, core.job.running ? 5 : 50);
    if (core.provider != NULL) {
      core.ops->dispatch(core.provider);
      if (!core.silent) core.ops->pulse(core.provider);
      increment(&core);
    }
    if (fds[0].revents != 0 && !read_commands(&core)) break; /* the parent is gone: so am I */
  }
  for (int space = 0; space < SPACES; ++space) clear_registers(&core.registers, (enum space)space);
  core.ops->destroy(core.provider);
  return 0;
}
