/* What the ABI refuses, and what it says: wrong versions, arguments, states, a busy port, a state file in
 * use. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static void unexpected(void* context, const vswim_result* result) {
  (void)result;
  *(int*)context = 1;
}

static void check_before_start(const vswim_provider_ops* ops, const char* directory) {
  vswim_provider* provider = NULL;
  char error[256] = "";
  int called = 0;
  const vswim_settings empty = {.struct_bytes = 0};
  check(ops->create(&empty, NULL, &provider, error, sizeof error) == VSWIM_EINVAL && provider == NULL,
        "settings without a size are refused");
  const vswim_settings bad_ip = {.struct_bytes = sizeof bad_ip, .advertised_ip = "localhost"};
  check(ops->create(&bad_ip, NULL, &provider, error, sizeof error) == VSWIM_EINVAL &&
            strstr(error, "advertised_ip"),
        "an advertised name instead of an address is refused with a text");
  const vswim_settings settings = {
      .struct_bytes = sizeof settings, .directory = directory, .state_file = "a/b"};
  check(ops->create(&settings, NULL, &provider, error, sizeof error) == VSWIM_ACCEPTED,
        "a provider is created");
  check(ops->pulse(provider) == VSWIM_ESTATE &&
            ops->join_shard(provider, "0123456789012345678901234567890123456789", unexpected, &called) ==
                VSWIM_ESTATE,
        "nothing is done before start");
  check(ops->dispatch(provider) == 0 && called == 0, "what was refused is never answered");
  check(ops->start(provider, error, sizeof error) == VSWIM_EFAILED && strstr(error, "a/b"),
        "a start that fails says why");
  ops->destroy(provider);
  ops->destroy(NULL);
}

/* Another process may not use the ports or the files of a running node. */
static bool refused_in_child(const vswim_provider_ops* ops, const vswim_settings* settings,
                             const char* because) {
  const pid_t child = fork();
  if (child == 0) {
    vswim_provider* provider = NULL;
    char error[512] = "";
    ops->create(settings, NULL, &provider, error, sizeof error);
    const int status = ops->start(provider, error, sizeof error);
    _exit(status == VSWIM_EFAILED && strstr(error, because) != NULL ? 0 : 1);
  }
  int status = 1;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void check_running(const vswim_provider_ops* ops, const char* directory) {
  const char* const bind[] = {"127.0.0.1"};
  vswim_settings settings = {
      .struct_bytes = sizeof settings, .directory = directory, .bind = bind, .bind_count = 1};
  vswim_provider* provider = NULL;
  char error[256] = "";
  int called = 0;
  check(ops->create(&settings, NULL, &provider, error, sizeof error) == VSWIM_ACCEPTED &&
            ops->start(provider, error, sizeof error) == VSWIM_ACCEPTED,
        "a node starts without any callbacks");
  check(ops->start(provider, error, sizeof error) == VSWIM_ESTATE, "it starts once");
  check(ops->bus_port(provider) != 0 && ops->event_fd(provider) >= 0,
        "it has a port and a descriptor to wait on");
  check(ops->join_shard(provider, "not an id", unexpected, &called) == VSWIM_EINVAL,
        "a malformed id is refused");
  const vswim_endpoint name = {.struct_bytes = sizeof name, .host = "localhost", .bus_port = 1};
  check(ops->join_cluster(provider, &name, 1, unexpected, &called) == VSWIM_EINVAL &&
            ops->join_cluster(provider, NULL, 0, unexpected, &called) == VSWIM_EINVAL,
        "endpoints are numeric, and there is one");
  const vswim_write no_key = {.struct_bytes = sizeof no_key};
  check(ops->update_gossip(provider, 3, &no_key, 1, unexpected, &called) == VSWIM_EINVAL &&
            ops->update_shard_log(provider, &no_key, 1, unexpected, &called) == VSWIM_EINVAL &&
            ops->update_shard_log(provider, NULL, 0, unexpected, &called) == VSWIM_EINVAL,
        "an unknown scope, an empty key and an empty batch are refused");
  check(refused_in_child(ops, &settings, "is held by process"),
        "a state file in use is refused, with who holds it");
  settings.state_file = "other";
  settings.bus_port = ops->bus_port(provider);
  check(refused_in_child(ops, &settings, "cluster-port"), "a busy port is refused, with what to do");
  ops->stop(provider, 1);
  check(ops->pulse(provider) == VSWIM_ESTATE && ops->dispatch(provider) == 0 && called == 0,
        "after stop nothing is done and nothing is called");
  ops->destroy(provider);
}

void check_arguments(const vswim_provider_ops* ops, const char* directory) {
  check(vswim_cluster_provider_ops(VSWIM_ABI_VERSION + 1) == NULL,
        "an unknown version of the ABI is refused");
  check(ops->struct_bytes >= sizeof *ops && ops->abi_version == VSWIM_ABI_VERSION,
        "the operations say what they are");
  check(ops->revision->compare(NULL, NULL) == 0 && ops->revision->copy(NULL) == NULL,
        "no revision is a revision, too");
  check_before_start(ops, directory);
  check_running(ops, directory);
}
