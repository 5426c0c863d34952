/* The contract between a Core (the half of a server that serves clients) and a cluster provider (the half
 * that knows who is in the cluster and keeps its metadata), as a C ABI. It follows Valkey RFC 35, "Modular
 * Clustering"; the RFC section is named at each declaration, "ours" marks what the RFC does not have.
 *
 *   const vswim_provider_ops *ops = vswim_cluster_provider_ops(VSWIM_ABI_VERSION);
 *   ops->create(&settings, &callbacks, &provider, error, sizeof error);
 *   ops->start(provider, error, sizeof error);
 *   for (;;) { poll(ops->event_fd(provider)); ops->dispatch(provider); ops->pulse(provider); ... }
 *   ops->stop(provider, 1);
 *   ops->destroy(provider);
 *
 * THREADS. A provider belongs to one thread of the host, its owner. Every function here is called by the
 * owner, and every callback runs inside dispatch() or stop(), so on the owner's thread too: a host with an
 * event loop waits for event_fd() to become readable and calls dispatch(). The provider has threads of its
 * own; they never run host code. Callbacks may call operations, but not dispatch(), stop() or destroy().
 * dispatch() never blocks. The owner must not fork after start() and use the provider in the child.
 *
 * OWNERSHIP. What is passed in is copied before the call returns. What a callback gets (bytes, arrays,
 * revisions) is borrowed: valid until the callback returns; revisions to be kept are copied with
 * revision->copy.
 *
 * VERSIONS. Every struct begins with its size as the writer knows it. Members are only ever added at the end;
 * one that lies beyond the size is taken as zero. In an array all elements have the size that the first one
 * names.
 *
 * COMPLETIONS. An operation that returns VSWIM_ACCEPTED is answered by exactly one call of its completion;
 * one that returns anything else did nothing and is never answered. A completion may be NULL.
 *
 * THREE NAMESPACES that never mix: global gossip, shard gossip, shard log. A revision belongs to the
 * namespace that it came from and to the time since that namespace's last notify_reset; used elsewhere or
 * later it is stale.
 *
 * UNITS. Times are nanoseconds of CLOCK_BOOTTIME unless a name says otherwise. Ids are lower-case hex, 40
 * characters.
 *
 * ERRORS. Functions return a vswim_status. create() and start() also say in a text what is wrong and what to
 * do. */
#ifndef VALKEY_SWIM_CLUSTER_PROVIDER_H
#define VALKEY_SWIM_CLUSTER_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VSWIM_API __attribute__((visibility("default")))
#else
#define VSWIM_API
#endif

#define VSWIM_ABI_VERSION 1u
#define VSWIM_ID_SIZE 40 /* characters, without the terminating zero */

typedef struct vswim_provider vswim_provider; /* one node */
typedef struct vswim_revision vswim_revision; /* opaque; see vswim_revision_ops. RFC 3.3.1 */

typedef enum vswim_status {
  VSWIM_ACCEPTED = 0,    /* done, or begun and answered later */
  VSWIM_EINVAL = -1,     /* an argument is wrong (null, bad id, not a numeric address, too short a struct) */
  VSWIM_ESTATE = -2,     /* not started, stopped, or called from inside a callback that forbids it */
  VSWIM_ENAMESPACE = -3, /* an expected revision belongs to another of the three namespaces */
  VSWIM_EFAILED = -4     /* create/start: see the error text */
} vswim_status;

/* Not terminated by zero; may contain any byte. */
typedef struct vswim_bytes {
  const char* data;
  size_t size;
} vswim_bytes;

/* ---- revisions (RFC 3.3.1; there void pointers)
 * ---------------------------------------------------------------- The Core copies, compares, prints and
 * hands back revisions, it never makes one. NULL means "does not exist". */
typedef struct vswim_revision_ops {
  size_t struct_bytes;
  /* Negative, 0, positive: a is older, the same, newer. Meaningful within one register of a gossip namespace,
   * and over the whole of one shard log. Two NULLs are equal, NULL is older than anything. */
  int (*compare)(const vswim_revision* a, const vswim_revision* b);
  vswim_revision* (*copy)(const vswim_revision* revision); /* released by the caller; NULL gives NULL */
  void (*release)(vswim_revision* revision);               /* NULL is fine */
  /* For people. Writes at most text_bytes with a terminating zero, returns the length of the whole text. */
  size_t (*print)(const vswim_revision* revision, char* text, size_t text_bytes);
} vswim_revision_ops;

/* ---- completions
 * ----------------------------------------------------------------------------------------------- The RFC has
 * success and failure (RFC 1.1). The third outcome is ours: a change of leader can leave a proposal neither,
 * and "failed" is never said of something that may still happen. */
typedef enum vswim_outcome {
  VSWIM_OK = 0,     /* done. A shard-log write: committed and settled, see notify_settled */
  VSWIM_STALE = 1,  /* an expected revision did not match: nothing was written */
  VSWIM_FAILED = 2, /* refused; it did not happen and never will. text says why */
  VSWIM_UNKNOWN = 3 /* it may have happened, or may still happen: look at the notifications */
} vswim_outcome;

typedef struct vswim_result {
  size_t struct_bytes;
  int32_t outcome;                /* vswim_outcome */
  vswim_bytes text;               /* may be empty */
  const vswim_revision* revision; /* of a shard-log write that is VSWIM_OK; else NULL */
} vswim_result;

/* Own writes are notified (notify_*_update) before their completion is called. */
typedef void (*vswim_completion)(void* context, const vswim_result* result);

/* ---- membership (RFC 2.3)
 * -------------------------------------------------------------------------------------- */
typedef enum vswim_node_state {
  VSWIM_NODE_OK = 1,
  VSWIM_NODE_PFAIL = 2, /* this node suspects it; informational, nothing may act on it (ours: a firm rule) */
  VSWIM_NODE_FAIL = 3   /* canonical. A node of the own shard: only after its lease has provably ended */
} vswim_node_state;

typedef struct vswim_node {
  size_t struct_bytes;
  char node_id[VSWIM_ID_SIZE + 1];
  char ip[46]; /* numeric text, empty while nobody knows (myself, alone); the RFC has a sockaddr */
  uint16_t bus_port;
  int32_t state;           /* vswim_node_state */
  int64_t suspected_at_ns; /* when the state left OK; 0 when OK. Ours, for CLUSTER NODES' ping-sent */
  int64_t heard_at_ns;     /* last proof of life. Ours, for pong-recv */
} vswim_node;

typedef struct vswim_shard {
  size_t struct_bytes;
  char shard_id[VSWIM_ID_SIZE + 1];
  const vswim_node* nodes;
  size_t node_count;
} vswim_shard;

typedef struct vswim_membership { /* the whole view, this node included */
  size_t struct_bytes;
  char self[VSWIM_ID_SIZE + 1];
  char own_shard[VSWIM_ID_SIZE + 1];
  const vswim_shard* shards;
  size_t shard_count;
} vswim_membership;

/* ---- metadata (RFC 3)
 * ------------------------------------------------------------------------------------------ */
typedef enum vswim_scope { /* RFC 1.1 ValkeyModuleGossipPropagation; ours: namespaces of their own */
                           VSWIM_SCOPE_SHARD = 1, /* the members of this node's shard */
                           VSWIM_SCOPE_GLOBAL = 2 /* every node of the cluster */
} vswim_scope;

typedef enum vswim_namespace { VSWIM_NAMESPACE_GLOBAL = 1, VSWIM_NAMESPACE_SHARD = 2 } vswim_namespace;

/* One write of an atomic batch: all of its expected revisions match, or nothing is written. RFC 1.1
 * ValkeyModuleClusterMetadataOperation; deleting is ours. A key occurs at most once in a batch. */
typedef struct vswim_write {
  size_t struct_bytes;
  vswim_bytes key;
  vswim_bytes value;              /* ignored when deletes is set */
  const vswim_revision* expected; /* NULL: the register must not exist */
  int32_t deletes;                /* not 0: the register is removed */
} vswim_write;

typedef struct vswim_register {
  size_t struct_bytes;
  vswim_bytes key;
  vswim_bytes value;              /* empty when deleted */
  const vswim_revision* revision; /* of this register's last write: what the next write of it expects */
  int32_t deleted;                /* not 0: it was removed; the next write of it expects NULL */
} vswim_register;

/* Committed registers of the shard log, in revision order (RFC 3.3.2). "Shown": the Core gives up at once
 * whatever right this takes away; it takes up a right only when the register's own revision is settled
 * (ours). */
typedef struct vswim_shard_log_update {
  size_t struct_bytes;
  uint64_t namespace_number;      /* changes with every reset of the shard namespaces; echoed in shown() */
  const vswim_revision* revision; /* the log's, once these registers are applied; give it to shown() */
  int32_t snapshot;               /* not 0: whole map or several entries at once; held rights count as new */
  const vswim_register* registers;
  size_t register_count;
} vswim_shard_log_update;

typedef struct vswim_settled { /* ours: no node with a lease can still be behind this revision */
  size_t struct_bytes;
  uint64_t namespace_number;
  const vswim_revision* revision;
} vswim_settled;

typedef struct vswim_reset { /* ours: the namespace was replaced (a join, a leave): forget its registers */
  size_t struct_bytes;
  int32_t which;             /* vswim_namespace; SHARD: shard gossip and shard log together */
  uint64_t namespace_number; /* of the shard namespaces from now on */
  char self[VSWIM_ID_SIZE + 1];
  char own_shard[VSWIM_ID_SIZE + 1];
} vswim_reset;

typedef struct vswim_join_review { /* ours, see join_review */
  size_t struct_bytes;
  uint64_t ticket; /* for join_verdict() */
  const vswim_register* registers;
  size_t register_count;
  const vswim_shard* shards; /* who is in the cluster that would be joined */
  size_t shard_count;
} vswim_join_review;

typedef enum vswim_log_level {
  VSWIM_LOG_DEBUG,
  VSWIM_LOG_INFO,
  VSWIM_LOG_NOTICE,
  VSWIM_LOG_WARNING
} vswim_log_level;

/* ---- provider -> Core
 * ------------------------------------------------------------------------------------------ Any of these may
 * be NULL. `context` is the first argument of every call (the RFC's callbacks carry none). */
typedef struct vswim_callbacks {
  size_t struct_bytes;
  void* context;
  /* RFC 2.3 VM_ClusterProviderUpdateMembership: pushed at every change, the Core never polls. */
  void (*update_membership)(void* context, const vswim_membership* membership);
  /* RFC 3.3.2 VM_ClusterProviderNotifyGossipUpdate: metadata became visible here, by gossip or by an own
   * write; the winner after a conflict (RFC 3.3.3). Never a silent change, never half a batch. scope:
   * vswim_scope. */
  void (*notify_gossip_update)(void* context, int32_t scope, const vswim_register* registers, size_t count);
  /* RFC 3.3.2 VM_ClusterProviderNotifyShardLogUpdate. */
  void (*notify_shard_log_update)(void* context, const vswim_shard_log_update* update);
  void (*notify_settled)(void* context, const vswim_settled* settled);
  void (*notify_reset)(void* context, const vswim_reset* reset);
  /* RFC 4.1 VM_ClusterProviderClusterHeartbeat: this node is OK until the deadline. An instant, not a TTL as
   * in the RFC: a pause between computing a TTL and using it would lengthen it. Compare with ops->now_ns() at
   * each use. */
  void (*cluster_heartbeat)(void* context, int64_t deadline_ns);
  /* RFC 4.1 VM_ClusterProviderClusterDown: not OK from now on, whatever was promised. */
  void (*cluster_down)(void* context, vswim_bytes reason);
  /* Ours: a cluster would be joined; these are its complete global registers, and nothing has changed here
   * yet. The Core answers once with join_verdict(), now or later. When this is NULL, every join is accepted.
   */
  void (*join_review)(void* context, const vswim_join_review* review);
  /* Ours: what a person should read. level: vswim_log_level. */
  void (*log)(void* context, int32_t level, vswim_bytes text);
} vswim_callbacks;

/* ---- settings
 * -------------------------------------------------------------------------------------------------- */
typedef struct vswim_endpoint {
  size_t struct_bytes;
  const char* host; /* numeric for join_cluster; numeric or a name for seeds */
  uint16_t bus_port;
} vswim_endpoint;

typedef struct vswim_settings {
  size_t struct_bytes;
  const char* directory;   /* of the state file; NULL: the working directory */
  const char* state_file;  /* its name; NULL: "nodes.conf.swim". One process at a time */
  const char* const* bind; /* numeric addresses; none: all of IPv4 and IPv6 */
  size_t bind_count;
  uint16_t bus_port;            /* UDP and TCP; 0: any free one, see bus_port() */
  const char* advertised_ip;    /* numeric; NULL: what peers see */
  uint16_t advertised_bus_port; /* 0: bus_port */
  const vswim_endpoint*
      seeds; /* asked for their cluster while this node knows no other live member of its own */
  size_t seed_count;
  uint32_t lease_ttl_ms;        /* T; 0: 1000. The same on all nodes */
  uint32_t core_stall_limit_ms; /* without pulse() for so long the lease is not renewed; 0: 10000 */
  const char* host_label;       /* witnesses are placed on another host and zone; NULL: unknown */
  const char* zone_label;
  uint64_t seed; /* of all randomness; 0: the system's. For tests */
} vswim_settings;

/* ---- Core -> provider (RFC 1.1 ClusterOps)
 * --------------------------------------------------------------------- */
typedef struct vswim_provider_ops {
  size_t struct_bytes;
  uint32_t abi_version;
  const vswim_revision_ops* revision;

  /* Life. create() only checks and copies. start() locks and reads the state file, binds the ports, starts
   * the threads; the first callbacks come at the next dispatch(). A node without a state file is a cluster of
   * one in a shard of its own (RFC 5.1). After VSWIM_EFAILED from start() the provider can only be destroyed.
   */
  int (*create)(const vswim_settings* settings, const vswim_callbacks* callbacks, vswim_provider** provider,
                char* error, size_t error_bytes);
  int (*start)(vswim_provider* provider, char* error, size_t error_bytes);
  /* Readable when dispatch() has something to do. Owned by the provider, valid from create() to destroy(). */
  int (*event_fd)(const vswim_provider* provider);
  /* Calls what waits, in order; returns how many callbacks and completions were due. */
  size_t (*dispatch)(vswim_provider* provider);
  /* leave != 0: the others are told (they see a leave, not a failure). Takes at most about 200 ms. Afterwards
   * every operation that was not answered has been answered VSWIM_UNKNOWN, and no callback comes any more. */
  void (*stop)(vswim_provider* provider, int leave);
  /* NULL is fine. Without stop() it is like a crash for the others; unanswered operations are not answered.
   */
  void (*destroy)(vswim_provider* provider);

  /* What the owner may ask after start(). */
  int64_t (*now_ns)(void); /* CLOCK_BOOTTIME */
  uint16_t (*bus_port)(const vswim_provider* provider);
  int (*node_id)(const vswim_provider* provider, char id[VSWIM_ID_SIZE + 1]);
  int (*shard_id)(const vswim_provider* provider, char id[VSWIM_ID_SIZE + 1]);
  /* Counters and last values for INFO: `each` is called for every field, before info() returns. */
  void (*info)(const vswim_provider* provider,
               void (*each)(void* context, vswim_bytes name, vswim_bytes value), void* context);

  /* RFC 1.1 JoinCluster (CLUSTER MEET). The endpoints are bus addresses, tried in order. */
  int (*join_cluster)(vswim_provider* provider, const vswim_endpoint* endpoints, size_t endpoint_count,
                      vswim_completion completion, void* context);
  /* Ours: the answer to join_review. reason: for the one who asked to join, when refused. */
  int (*join_verdict)(vswim_provider* provider, uint64_t ticket, int accept, vswim_bytes reason);
  /* RFC 1.1 RemoveFromCluster (CLUSTER FORGET). Myself: leave, then be alone in a new cluster (RESET); with
   * new_node_id under a new id (RESET HARD). victim_owns_slots is the Core's knowledge: a live owner is
   * refused. */
  int (*remove_from_cluster)(vswim_provider* provider, const char* node_id, int new_node_id,
                             int victim_owns_slots, vswim_completion completion, void* context);
  /* RFC 1.1 JoinShard (CLUSTER REPLICATE): become a member of this shard. */
  int (*join_shard)(vswim_provider* provider, const char* shard_id, vswim_completion completion,
                    void* context);
  /* RFC 1.1 RemoveFromShard (CLUSTER REPLICATE NO ONE): the node lands in a fresh shard of its own. */
  int (*remove_from_shard)(vswim_provider* provider, const char* node_id, vswim_completion completion,
                           void* context);
  /* RFC 1.1 UpdateGossip. VSWIM_OK: written here, spreading; no durability. scope: vswim_scope. */
  int (*update_gossip)(vswim_provider* provider, int32_t scope, const vswim_write* writes, size_t write_count,
                       vswim_completion completion, void* context);
  /* RFC 1.1 UpdateShardLog. VSWIM_OK: durable at a quorum of the shard, and settled. */
  int (*update_shard_log)(vswim_provider* provider, const vswim_write* writes, size_t write_count,
                          vswim_completion completion, void* context);
  /* Ours: where this node stands in the shard's next election, 0 = should lead now. Advice; no effect on
   * safety. */
  int (*stand_first)(vswim_provider* provider, uint32_t rank);
  /* Ours: the Core has applied this update (notify_shard_log_update), not merely received it. Nothing settles
   * at a shard whose Cores do not say so, until their leases have ended. */
  int (*shown)(vswim_provider* provider, uint64_t namespace_number, const vswim_revision* revision);
  /* RFC 4.1 (2): the Core's main thread lives. Call it a few times a second, from the thread that serves
   * clients. */
  int (*pulse)(vswim_provider* provider);
  /* Ours: the Core has stopped serving on purpose; gives lease and leadership back without waiting for their
   * end. */
  int (*release_lease)(vswim_provider* provider, vswim_completion completion, void* context);
  /* Ours: after release_lease, the Core goes on after all (a shutdown that failed) and wants the lease again.
   */
  int (*resume_lease)(vswim_provider* provider);
} vswim_provider_ops;

/* The operations of this library; NULL when it does not speak this version. Valid for ever. */
VSWIM_API const vswim_provider_ops* vswim_cluster_provider_ops(uint32_t abi_version);

#ifdef __cplusplus
}
#endif

#endif
