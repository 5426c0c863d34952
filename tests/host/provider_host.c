/* The cluster provider used by somebody who has only its header: three processes form a cluster over
 * loopback, share a shard, count together, lose one of them, and part. Prints every claim and "N passed, M
 * failed"; leaves no process and no file behind. Waits for states, with generous limits; asserts no times. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

enum { A, B, C, NODES };
#define WAIT_SECONDS 30
#define INCREMENTS 40

struct process {
  pid_t pid;
  int fd;
  char directory[96];
  char node[VSWIM_ID_SIZE + 1], shard[VSWIM_ID_SIZE + 1];
  unsigned port;
};

static struct process nodes[NODES];
static char root[64];
static int passed, failed;

void check(bool good, const char* claim) {
  ++*(good ? &passed : &failed);
  printf("%s  %s\n", good ? "  ok  " : "FAILED", claim);
  fflush(stdout);
}

static double now_seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_ms(long ms) {
  const struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

/* ---- talking to the processes ---- */

static void tell(int node, const char* command) {
  char line[LINE_BYTES];
  const int size = snprintf(line, sizeof line, "%s\n", command);
  if (nodes[node].pid > 0 && write(nodes[node].fd, line, (size_t)size) != size) perror(command);
}

/* One line; false when none comes in time. */
static bool hear(int node, char* line, size_t line_bytes) {
  size_t used = 0;
  const double limit = now_seconds() + WAIT_SECONDS;
  while (nodes[node].pid > 0 && used < line_bytes - 1 && now_seconds() < limit) {
    struct pollfd fd = {.fd = nodes[node].fd, .events = POLLIN};
    if (poll(&fd, 1, 100) <= 0) continue;
    if (read(nodes[node].fd, line + used, 1) != 1) break;
    if (line[used] == '\n') {
      line[used] = '\0';
      return true;
    }
    ++used;
  }
  snprintf(line, line_bytes, "(no answer)");
  return false;
}

static const char* ask(int node, const char* command) {
  static char line[LINE_BYTES];
  tell(node, command);
  hear(node, line, sizeof line);
  return line;
}

static bool answers(int node, const char* command, const char* begins) {
  const char* answer = ask(node, command);
  if (strncmp(answer, begins, strlen(begins)) == 0) return true;
  printf("        %c: %s -> %s\n", 'A' + node, command, answer);
  return false;
}

static long field(int node, const char* name) {
  char key[48];
  snprintf(key, sizeof key, " %s=", name);
  const char* at = strstr(ask(node, "show"), key);
  return at == NULL ? -1 : atol(at + strlen(key));
}

static void text_field(int node, const char* name, char* text, size_t text_bytes) {
  char key[48];
  snprintf(key, sizeof key, "%s=", name);
  const char* at = strstr(ask(node, "show"), key);
  snprintf(text, text_bytes, "%.*s", at == NULL ? 0 : VSWIM_ID_SIZE, at == NULL ? "" : at + strlen(key));
}

/* Until the field has at least (or with `most`, at most) this value. */
static bool reaches(int node, const char* name, long value, bool most) {
  const double limit = now_seconds() + WAIT_SECONDS;
  long last = 0;
  while (now_seconds() < limit) {
    last = field(node, name);
    if (last >= 0 && (most ? last <= value : last >= value)) return true;
    pause_ms(20);
  }
  printf("        %c: %s is %ld, not %s %ld\n", 'A' + node, name, last, most ? "at most" : "at least", value);
  return false;
}

static bool becomes(int node, const char* command, const char* value) {
  const double limit = now_seconds() + WAIT_SECONDS;
  while (now_seconds() < limit) {
    if (strcmp(ask(node, command), value) == 0) return true;
    pause_ms(20);
  }
  printf("        %c: %s -> %s, not %s\n", 'A' + node, command, ask(node, command), value);
  return false;
}

/* Tries again what a cluster that is busy with itself may refuse for a moment. */
static bool succeeds(int node, const char* command) {
  const double limit = now_seconds() + WAIT_SECONDS;
  do {
    if (strncmp(ask(node, command), "ok", 2) == 0) return true;
    pause_ms(100);
  } while (now_seconds() < limit);
  return answers(node, command, "ok");
}

/* ---- processes ---- */

static void end_processes(void) {
  for (int node = 0; node < NODES; ++node) {
    if (nodes[node].pid <= 0) continue;
    kill(nodes[node].pid, SIGKILL);
    waitpid(nodes[node].pid, NULL, 0);
    close(nodes[node].fd);
    nodes[node].pid = 0;
  }
}

static void on_alarm(int signal_number) {
  (void)signal_number;
  for (int node = 0; node < NODES; ++node) {
    if (nodes[node].pid > 0) kill(nodes[node].pid, SIGKILL);
  }
  static const char text[] = "the whole run took too long\n";
  if (write(2, text, sizeof text - 1) < 0) _exit(3);
  _exit(2);
}

static bool start_process(int node) {
  struct process* process = &nodes[node];
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return false;
  const pid_t parent = getpid();
  process->pid = fork();
  if (process->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    for (int other = 0; other < NODES; ++other) {
      if (other != node && nodes[other].fd > 0) close(nodes[other].fd);
    }
    close(pair[0]);
    _exit(run_core(node, pair[1]));
  }
  close(pair[1]);
  process->fd = pair[0];
  char command[128];
  snprintf(command, sizeof command, "start %s", process->directory);
  return sscanf(ask(node, command), "ok %40s %40s %u", process->node, process->shard, &process->port) == 3;
}

/* ---- the story ---- */

static void bootstrap(void) {
  for (int node = 0; node < NODES; ++node) {
    snprintf(nodes[node].directory, sizeof nodes[node].directory, "%s/%c", root, 'a' + node);
    check(start_process(node), "a fresh node starts");
    check(reaches(node, "heartbeat", 1, false) && field(node, "lease_ms") > 0,
          "it is OK: a heartbeat with a deadline ahead");
    check(field(node, "members") == 1 && field(node, "shards") == 1,
          "it is a cluster of one, in a shard of its own");
  }
  check(answers(A, "put log primaryship A absent", "ok"), "a lone shard commits");
  check(answers(A, "get log primaryship", "A"), "an own write is notified before its completion");
  check(reaches(A, "settled", 1, false), "and it is settled");
  check(answers(A, "put log primaryship B absent", "stale"),
        "a register that exists refuses an expectation of none");
  check(answers(A, "put global name alpha absent", "ok"), "global gossip is written");
  check(answers(A, "put global name beta foreign", "refused -3"),
        "a revision of another namespace is refused");
}

static void join(void) {
  char command[64];
  snprintf(command, sizeof command, "join 127.0.0.1 %u reject", nodes[A].port);
  check(answers(B, command, "failed"), "a join that the Core rejects in its review fails");
  check(field(B, "review") >= 1 && field(B, "members") == 1, "and nothing has changed");
  snprintf(command, sizeof command, "join 127.0.0.1 %u accept", nodes[A].port);
  for (int node = B; node <= C; ++node) {
    check(answers(node, command, "ok"), "a node joins the cluster");
    check(answers(node, "get global name", "alpha"),
          "with the whole global namespace, before it is told of success");
    check(reaches(node, "reset", 1, false), "its old namespace was reset");
  }
  for (int node = 0; node < NODES; ++node) {
    check(reaches(node, "members", 3, false) && field(node, "shards") == 3,
          "all know three members in three shards");
  }
  check(answers(B, command, "ok"), "joining again is fine");
  check(answers(C, "join 127.0.0.1 1 accept", "failed"), "an endpoint where nobody listens is an error");
}

static void share_a_shard(void) {
  char command[64];
  check(answers(B, "join_shard ffffffffffffffffffffffffffffffffffffffff", "failed"),
        "an unknown shard is refused");
  snprintf(command, sizeof command, "join_shard %s", nodes[A].shard);
  check(succeeds(B, command) && succeeds(C, command), "two nodes join the shard of the first");
  for (int node = 0; node < NODES; ++node) {
    check(reaches(node, "shards", 1, true) && reaches(node, "shard_members", 3, false),
          "one shard of three is told everywhere");
  }
  check(becomes(C, "get log primaryship", "A"), "the newcomers are shown the log");
  check(answers(A, "rank 0", "0") && answers(B, "rank 1", "0") && answers(C, "rank 2", "0"),
        "ranks are taken");
  for (int node = 0; node < NODES; ++node) {
    check(reaches(node, "lease_ms", 1, false), "every member of the shard holds a lease");
  }
}

/* All three raise one counter; total and parts must be exact. */
static long count_together(const char* key, int from, int to, int each) {
  char command[64];
  snprintf(command, sizeof command, "count %s %d", key, each);
  for (int node = from; node <= to; ++node) {
    if (nodes[node].pid > 0) tell(node, command);
  }
  for (int node = from; node <= to; ++node) {
    char line[LINE_BYTES];
    if (nodes[node].pid > 0 && (!hear(node, line, sizeof line) || strncmp(line, "done", 4) != 0)) return -1;
    if (nodes[node].pid > 0) printf("        %c counted: %s\n", 'A' + node, line);
  }
  snprintf(command, sizeof command, "get log %s", key);
  return atol(ask(from, command));
}

static void count(void) {
  check(count_together("counter", A, C, INCREMENTS) == NODES * INCREMENTS,
        "compare-and-set from three processes loses and doubles nothing");
  char value[64];
  snprintf(value, sizeof value, "%d %d %d %d", NODES * INCREMENTS, INCREMENTS, INCREMENTS, INCREMENTS);
  for (int node = 0; node < NODES; ++node)
    check(becomes(node, "get log counter", value), "everybody is shown the sum");
  check(answers(B, "put log counter - known", "ok") && becomes(C, "get log counter", "(none)"),
        "a register is deleted everywhere");
}

static void gossip(void) {
  check(answers(B, "put global zone one absent", "ok") && becomes(C, "get global zone", "one"),
        "global gossip spreads");
  check(answers(B, "put global zone two absent", "stale"), "a stale expectation is refused");
  check(answers(C, "put global zone two known", "ok") && becomes(A, "get global zone", "two"),
        "with the notified revision it is written");
  check(answers(A, "put shard offset 17 absent", "ok") && becomes(B, "get shard offset", "17"),
        "shard gossip reaches the shard");
  check(answers(B, "get global offset", "(none)"), "and is no global key");
  check(answers(B, "put global zone - known", "ok") && becomes(A, "get global zone", "(none)"),
        "a deletion spreads");

  tell(A, "put global conflict mine absent");
  tell(B, "put global conflict yours absent");
  char a[LINE_BYTES], b[LINE_BYTES];
  const bool heard = hear(A, a, sizeof a) && hear(B, b, sizeof b);
  check(heard && (strncmp(a, "ok", 2) == 0 || strncmp(b, "ok", 2) == 0), "two write the same key at once");
  char winner[LINE_BYTES];
  const double limit = now_seconds() + WAIT_SECONDS;
  do {
    pause_ms(20);
    snprintf(winner, sizeof winner, "%s", ask(A, "get global conflict"));
  } while ((strcmp(winner, ask(B, "get global conflict")) != 0 ||
            strcmp(winner, ask(C, "get global conflict")) != 0) &&
           now_seconds() < limit);
  check(becomes(A, "get global conflict", winner) && becomes(B, "get global conflict", winner) &&
            becomes(C, "get global conflict", winner),
        "all end with the same winner");
  const int loser = strcmp(winner, "mine") == 0 ? B : A;
  char command[96];
  snprintf(command, sizeof command, "seen conflict=%.40s", winner);
  check(atol(ask(loser, command)) >= 1, "and the loser was told");
}

static void unknown(void) {
  const long downs = field(B, "down");
  kill(nodes[B].pid, SIGSTOP);
  kill(nodes[C].pid, SIGSTOP);
  check(answers(A, "put log lonely yes absent", "unknown"),
        "a write without a majority is unknown, not failed");
  check(reaches(A, "lease_ms", 0, true), "and the lease runs out");
  kill(nodes[B].pid, SIGCONT);
  kill(nodes[C].pid, SIGCONT);
  check(reaches(B, "down", downs + 1, false), "a process that did not run is told that it is down");
  for (int node = 0; node < NODES; ++node)
    check(reaches(node, "lease_ms", 1, false), "all hold leases again");
  check(count_together("after", A, C, 5) == 15, "counting goes on");
  char at_a[64], at_c[64];
  snprintf(at_a, sizeof at_a, "%.60s", ask(A, "get log lonely"));
  check(becomes(C, "get log lonely", at_a), "whatever became of the unknown write, all agree");
  snprintf(at_c, sizeof at_c, "%.60s", ask(C, "get log lonely"));
  printf("        the unknown write: %s\n", at_c);
}

static void lose_the_middle(void) {
  kill(nodes[B].pid, SIGKILL);
  waitpid(nodes[B].pid, NULL, 0);
  nodes[B].pid = 0;
  close(nodes[B].fd);
  check(count_together("survivors", A, C, INCREMENTS) == 2 * INCREMENTS,
        "two of three go on counting, exactly");
  check(reaches(A, "fail", 1, false) && reaches(C, "fail", 1, false),
        "both are told that the third has failed");
  check(field(A, "members") == 3, "it is still a member");
  check(start_process(B), "it starts again from its files");
  check(reaches(B, "members", 3, false) && reaches(A, "fail", 0, true),
        "and is known by all, under its old id");
  check(reaches(B, "lease_ms", 1, false), "it is synced and leased again");
  check(count_together("again", A, C, 5) == 15, "all three count");
}

static void part(void) {
  char command[96], id[VSWIM_ID_SIZE + 1];
  const long epoch = field(A, "epoch");
  check(succeeds(C, "leave_shard"), "a node leaves the shard");
  text_field(C, "shard", id, sizeof id);
  check(reaches(C, "shards", 2, false) && strcmp(id, nodes[A].shard) != 0,
        "it lands in a fresh shard of its own");
  check(reaches(C, "lease_ms", 1, false) && succeeds(C, "put log primaryship C absent"),
        "where it has a log of its own");
  check(answers(A, "get log primaryship", "A"), "beside the old one");
  check(reaches(A, "epoch", epoch + 2, false) && reaches(A, "voters", 3, false),
        "a shard of two gets a witness from another shard");

  kill(nodes[B].pid, SIGKILL);
  waitpid(nodes[B].pid, NULL, 0);
  nodes[B].pid = 0;
  close(nodes[B].fd);
  snprintf(command, sizeof command, "remove %s 0 0", nodes[B].node);
  check(succeeds(A, command), "a dead node is removed");
  check(reaches(A, "members", 2, true) && reaches(C, "members", 2, true), "and forgotten everywhere");
  check(succeeds(A, command), "removing it again is fine");
  check(reaches(A, "voters", 1, true), "its shard is a shard of one, and needs no witness");

  text_field(C, "self", id, sizeof id);
  check(succeeds(C, "remove self 1 0"), "a node resets itself");
  check(reaches(C, "members", 1, true), "it is alone");
  char fresh[VSWIM_ID_SIZE + 1];
  text_field(C, "self", fresh, sizeof fresh);
  check(strlen(fresh) == VSWIM_ID_SIZE && strcmp(fresh, id) != 0, "under a new id");
  check(answers(C, "get global name", "(none)"), "with empty namespaces");
  const double limit = now_seconds() + WAIT_SECONDS;
  while (field(A, "members") - field(A, "fail") > 1 && now_seconds() < limit) pause_ms(20);
  check(field(A, "members") - field(A, "fail") == 1, "the others count on it no more");
  check(reaches(C, "lease_ms", 1, false) && reaches(A, "lease_ms", 1, false), "both are OK by themselves");
  check(answers(A, "release", "ok"), "a lease is given back");
}

static void lose_the_disk(void) {
  const long downs = field(C, "down"), notes = field(C, "note");
  check(answers(C, "fill_disk", "0") && answers(C, "put log late yes absent", "unknown"),
        "a write that meets a full disk is unknown");
  check(reaches(C, "down", downs + 1, false) && field(C, "lease_ms") == 0 && field(C, "note") > notes,
        "the node says that it is down, and why");
  check(answers(C, "put log late yes absent", "failed"), "whatever comes later has not happened");
}

static void account(void) {
  static const char* const callbacks[] = {"membership", "gossip",    "log",  "settled",
                                          "reset",      "heartbeat", "down", "review"};
  for (size_t i = 0; i < sizeof callbacks / sizeof callbacks[0]; ++i) {
    char claim[64];
    snprintf(claim, sizeof claim, "the callback \"%s\" was used", callbacks[i]);
    check(field(A, callbacks[i]) + field(C, callbacks[i]) > 0, claim);
  }
  check(field(A, "out_of_order") == 0 && field(C, "out_of_order") == 0,
        "no revision ever fell, every own write was notified first");
  for (int node = 0; node < NODES; ++node) {
    if (nodes[node].pid <= 0) continue;
    check(answers(node, "quit leave", "ok"), "it stops");
    int status = -1;
    check(waitpid(nodes[node].pid, &status, 0) == nodes[node].pid && status == 0,
          "and its process ends well");
    nodes[node].pid = 0;
  }
}

int main(void) {
  const char* base = getenv("TMPDIR");
  snprintf(root, sizeof root, "%.40s/provider-host-XXXXXX", base != NULL ? base : "/tmp");
  if (mkdtemp(root) == NULL) return 1;
  char command[6 * sizeof root];
  snprintf(command, sizeof command, "mkdir -p %s/a %s/b %s/c %s/d", root, root, root, root);
  if (system(command) != 0) return 1;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGALRM, on_alarm);
  alarm(300);
  char arguments_directory[sizeof root + 4];
  snprintf(arguments_directory, sizeof arguments_directory, "%s/d", root);
  check_arguments(vswim_cluster_provider_ops(VSWIM_ABI_VERSION), arguments_directory);
  void (*const story[])(void) = {bootstrap,       join, share_a_shard, count,  gossip, unknown,
                                 lose_the_middle, part, lose_the_disk, account};
  for (size_t i = 0; i < sizeof story / sizeof story[0]; ++i) story[i]();
  end_processes();
  snprintf(command, sizeof command, "rm -rf %s", root);
  if (system(command) != 0) perror(command);
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
