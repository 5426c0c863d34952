/* One epoch of one shard: elections, leases, settling, releases. Which rules of L1 to L10 and L4b does it take so that
   at most one node serves as primary, and an acknowledged revision is shown by everybody who may serve?

   Nodes: A and B are data voters with a Core, W is a witness. Ballots: A's are odd, B's even.

   What stands for what
   - Time: T ticks, the same rate everywhere (drift.pml has the rates). A timer holds what is left.
   - A log is (ballot, length): what was accepted under a ballot is a prefix of what its leader wrote under it, and there
     is one leader per ballot (I2). LOG(b, k) is what the leader of b wrote, kept after it is gone: any of its messages
     may still arrive, twice, late, in any order, or never.
   - The acknowledgement of a heartbeat takes no time, and so does a request for a lease: both count from their
     sending, so a late one only gives less. The grant does take time, since it may meet a release or a restart.
   - A node learns a committed revision and its Core shows it in one step, at any time after the leader could tell it.
   - Settled revisions are known everywhere as soon as they are somewhere: nodes may take up rights earlier than they
     could in truth. A node that has not heard of one yet is a node that waits.
   Not modelled: pre-votes, L6, L8, and the last sentence of L4 (a member that keeps others waiting is not renewed): they
   serve liveness, or guard clocks and queues that the model has not got.
   Bounds: BALLOTS ballots, LEN revisions, CRASHES restarts, RELEASES releases (of a member or of a ballot). In a story
   0 is A, 1 is B, 2 is W. */

#include "rules.pml"

#ifndef T
#define T 1
#endif
#ifndef BALLOTS
#define BALLOTS 3
#endif
#ifndef LEN
#define LEN 4
#endif

#define A 0
#define B 1
#define W 2
#define NODES 3
#define CORES 2
#define OWNER(b) (((b) + 1) % 2)
#define MAJORITY(mask) ((mask) == 3 || (mask) >= 5)

/* Entries: which ballot wrote it, and what. */
#define TO_A 1
#define TO_B 2
#define NO_OP 3
#define ENTRY(ballot, kind) ((ballot) * 4 + (kind))
#define KIND(entry) ((entry) % 4)

/* What leaders wrote. */
byte written[BALLOTS * LEN];
#define LOG(b, k) written[((b) - 1) * LEN + (k) - 1]
byte written_len[BALLOTS + 1];
byte no_op[BALLOTS + 1];  /* where each ballot's own log begins */
byte told[BALLOTS + 1];   /* the newest committed revision its leader has told */
bit over[BALLOTS + 1];    /* its leader has released it */

/* Voters: durable. */
byte promised[NODES];
byte accepted[NODES];
byte length[NODES];
/* With fsync off only these survive a crash. */
byte disk_promised[NODES];
byte disk_accepted[NODES];
byte disk_length[NODES];
/* Voters: volatile. */
byte support[NODES];  /* L1, of the promised ballot */
byte silence[NODES];  /* L7 */
byte led[NODES];      /* L1: D and grants of a leader that stepped down */
byte released[NODES]; /* L9: what released support has left */

/* Candidates. */
bit stands[CORES];
byte granted[CORES];
byte best_ballot[CORES];
byte best_length[CORES];
byte suspected[CORES]; /* L9 */

/* Leaders: of the ballot they promised. */
bit leads[CORES];
byte lease_d[CORES];            /* L2 */
byte settled[CORES];
byte holds[CORES * CORES];      /* L3: the book of possible holders */
bit life_known[CORES * CORES];  /* L5: it has heard of the member's present start */
bit newer_grant[CORES * CORES]; /* granted since the member's release was sent */
#define HOLDS(l, m) holds[(l) * CORES + (m)]
#define LIFE_KNOWN(l, m) life_known[(l) * CORES + (m)]
#define NEWER_GRANT(l, m) newer_grant[(l) * CORES + (m)]

/* Members: a node's Core. */
byte shown[CORES];
byte lease[CORES];
bit primary[CORES];      /* has taken up the right */
byte former_shown[CORES]; /* a report of a former life may be under way */
byte grant[CORES];       /* a grant under way: what it is still worth */
bit grant_old[CORES];    /* it was asked for by a former life, */
bit grant_void[CORES];   /* or before a release */
byte release_sent[CORES]; /* a release under way: the ballot it names */

/* Ghosts: what is committed and what is acknowledged, wherever. */
byte committed[LEN];
byte committed_len;
byte acknowledged;


byte i, j, k, n; /* scratch, zero between actions */
bit I4_committed_never_changes = 1, I9_acknowledged_is_shown = 1, I10_one_primary = 1, I11_one_leader = 1, L10_no_early_FAIL = 1;

#define DO(guard, action) :: d_step { (guard) -> action; forget_the_dead(); i = 0; j = 0; k = 0; n = 0 }

#define SERVES(m) (lease[m] > 0 && primary[m])

inline check() {
  I10_one_primary = !(SERVES(A) && SERVES(B));
  assert(I10_one_primary);
  I11_one_leader = !(leads[A] && leads[B] && lease_d[A] > 0 && lease_d[B] > 0);
  assert(I11_one_leader);
  I9_acknowledged_is_shown =
      (lease[A] == 0 || shown[A] >= acknowledged) && (lease[B] == 0 || shown[B] >= acknowledged);
  assert(I9_acknowledged_is_shown);
}

/* ---- what the log says ---- */

/* j: the revision that last wrote primaryship in the first `upto` of ballot b's log. */
inline last_write(b, upto) {
  j = 0;
  for (i : 1 .. (upto)) {
    if
    :: KIND(LOG(b, i)) != NO_OP -> j = i
    :: else
    fi
  }
}

#define SELF(m) (m + 1)

/* States that differ only in what nobody can ever read again are one. */
#define READS(v, b) (accepted[v] == (b) || promised[v] <= (b))
inline forget_the_dead() {
  for (k : 1 .. BALLOTS) {
    if
    :: written_len[k] > 0 && !READS(A, k) && !READS(B, k) && !READS(W, k) && best_ballot[A] != k && best_ballot[B] != k ->
      for (i : 1 .. LEN) { LOG(k, i) = 0 }
      written_len[k] = 0;
      no_op[k] = 0;
      told[k] = 0;
      over[k] = 0
    :: else
    fi
  }
  for (i : 0 .. CORES - 1) {
    if
    :: former_shown[i] <= shown[i] -> former_shown[i] = 0
    :: else
    fi
  }
}

/* ---- leaders ---- */

inline step_down(l) {
  if
  :: leads[l] ->
    led[l] = MAX(led[l], MAX(lease_d[l], MAX(HOLDS(l, A), HOLDS(l, B))));
    forget_office(l)
  :: else
  fi;
  forget_candidacy(l)
}

inline forget_office(l) {
  leads[l] = 0;
  lease_d[l] = 0;
  settled[l] = 0;
  for (i : 0 .. CORES - 1) {
    HOLDS(l, i) = 0;
    LIFE_KNOWN(l, i) = 0;
    NEWER_GRANT(l, i) = 0
  }
}

inline forget_candidacy(l) {
  stands[l] = 0;
  granted[l] = 0;
  best_ballot[l] = 0;
  best_length[l] = 0;
  suspected[l] = 0
}

#define ACTIVE(l) (leads[l] && told[promised[l]] >= no_op[promised[l]])
/* What rule L1 asks of a leader as a voter, and of one that was. */
#define OWES_AS_LEADER(v) \
  (RULE(l1_self) && (v) != W && (led[v] > 0 || leads[v] && (lease_d[v] > 0 || HOLDS(v, A) > 0 || HOLDS(v, B) > 0)))
#define OWES(v) (RULE(l1) && (support[v] > 0 || OWES_AS_LEADER(v)))
#define OWES_ANOTHER(v, b) (RULE(l1) && (support[v] > 0 && promised[v] != (b) || OWES_AS_LEADER(v)))
#define NEXT_BALLOT(c) (promised[c] + 1 + (OWNER(promised[c] + 1) != (c)))

inline sync(v) {
  disk_promised[v] = promised[v];
  disk_accepted[v] = accepted[v];
  disk_length[v] = length[v]
}
inline durable(v) {
  if
  :: RULE(fsync) -> sync(v)
  :: else
  fi
}

#ifdef SLOW_ELECTIONS
#define STAND(c) DO(MAY_STAND(c), stand(c))
#define PROMISE(v, c) DO(stands[c] && MAY_PROMISE(v, promised[c]), promise(v, c))
#define WIN(c) DO(stands[c] && MAJORITY(granted[c]) && best_length[c] + RULE(no_op) <= LEN, win(c))
#define ELECT(v, c)
#else
#define STAND(c)
#define PROMISE(v, c)
#define WIN(c)
#define ELECT(v, c) \
  DO(MAY_STAND(c) && MAY_PROMISE(v, NEXT_BALLOT(c)) && MAX(length[v], length[c]) + RULE(no_op) <= LEN, \
     stand(c); promise(v, c); win(c))
#endif

#define MAY_STAND(c) (!leads[c] && silence[c] == 0 && !OWES(c) && NEXT_BALLOT(c) <= BALLOTS)
inline stand(c) {
  n = NEXT_BALLOT(c);
  forget_candidacy(c);
  stands[c] = 1;
  promised[c] = n;
  durable(c);
  granted[c] = 1 << c;
  best_ballot[c] = accepted[c];
  best_length[c] = length[c];
  suspected[c] = (RULE(l9) && RULE(l9_memory) -> released[c] : 0);
  printf("%d stands with ballot %d\n", c, n)
}

#define MAY_PROMISE(v, b) (promised[v] < (b) && silence[v] == 0 && !OWES(v))
inline promise(v, c) {
  if
  :: v != W -> step_down(v)
  :: else
  fi;
  promised[v] = promised[c];
  durable(v);
  granted[c] = granted[c] | (1 << v);
  if
  :: accepted[v] > best_ballot[c] || accepted[v] == best_ballot[c] && length[v] > best_length[c] ->
    best_ballot[c] = accepted[v];
    best_length[c] = length[v]
  :: else
  fi;
  if
  :: RULE(l9) && RULE(l9_memory) -> suspected[c] = MAX(suspected[c], released[v])
  :: else
  fi;
  printf("%d promises ballot %d\n", v, promised[c])
}

inline win(c) {
  n = promised[c];
  for (i : 1 .. best_length[c]) { LOG(n, i) = LOG(best_ballot[c], i) }
  written_len[n] = best_length[c];
  if
  :: RULE(no_op) ->
    written_len[n]++;
    LOG(n, written_len[n]) = ENTRY(n, NO_OP)
  :: else
  fi;
  no_op[n] = written_len[n];
  accepted[c] = n;
  length[c] = written_len[n];
  durable(c);
  told[n] = shown[c];
  k = suspected[c];
  forget_candidacy(c);
  leads[c] = 1;
  led[c] = 0;
  for (i : 0 .. CORES - 1) { HOLDS(c, i) = k }
  printf("%d leads ballot %d, log of %d\n", c, n, length[c])
}

#define WRITE(l, kind) \
  DO(ACTIVE(l) && length[l] < LEN, \
     last_write(promised[l], length[l]); \
    if \
    :: KIND(LOG(promised[l], j)) != kind -> write(l, kind) \
    :: else \
    fi)
inline write(l, kind) {
  length[l]++;
  written_len[promised[l]] = length[l];
  LOG(promised[l], length[l]) = ENTRY(promised[l], kind);
  durable(l);
  printf("%d writes at %d: primary %d\n", l, length[l], kind - 1)
}

/* ---- voters follow ---- */

/* The first message under a ballot brings everything through its no-op, later ones what follows. */
#define ACCEPT(v, b) \
  DO((b) <= BALLOTS && v != OWNER(b) && written_len[b] > 0 && promised[v] <= b && !OWES_ANOTHER(v, b) && \
    (accepted[v] < b || length[v] < written_len[b]), \
     accept(v, b))
inline accept(v, b) {
  if
  :: v != W && promised[v] < b -> step_down(v)
  :: else
  fi;
  promised[v] = b;
  if
  :: accepted[v] < b ->
    accepted[v] = b;
    length[v] = (RULE(whole) -> no_op[b] : 1)
  :: else -> length[v]++
  fi;
  durable(v);
  printf("%d accepts %d of ballot %d\n", v, length[v], b);
  if
  :: leads[OWNER(b)] && promised[OWNER(b)] == b && told[b] < length[v] -> commit(OWNER(b), b, length[v])
  :: else
  fi
}

#define SUPPORT(v, l) \
  DO(leads[l] && promised[v] <= promised[l] && silence[v] == 0 && !OWES_ANOTHER(v, promised[l]) && \
    (support[v] < T || lease_d[l] < T), \
     support_leader(v, l))
inline support_leader(v, l) {
  if
  :: v != W && promised[v] < promised[l] -> step_down(v)
  :: else
  fi;
  promised[v] = promised[l];
  durable(v);
  support[v] = T;
  lease_d[l] = T;
  printf("%d supports %d\n", v, l)
}

/* L2 off: the leader's own word is enough. */
#define ALONE(l) \
  DO(!RULE(l2) && leads[l] && lease_d[l] < T, \
     lease_d[l] = T; check())

/* ---- commit, show, settle ---- */

/* The leader and one more are a majority: what the voter has, is committed. */
inline commit(l, b, upto) {
  told[b] = upto;
  for (i : 1 .. upto) {
    if
    :: i > committed_len ->
      committed[i - 1] = LOG(b, i);
      committed_len = i
    :: else ->
      I4_committed_never_changes = committed[i - 1] == LOG(b, i);
      assert(I4_committed_never_changes)
    fi
  }
  printf("%d commits %d\n", l, upto);
  check()
}

#define KNOWN(m) MIN(told[accepted[m]], length[m])
/* One revision: a right that it leaves in place stays. */
#define SHOW(m) \
  DO(shown[m] < KNOWN(m), \
     show_one(m))
inline show_one(m) {
  shown[m]++;
  if
  :: KIND(LOG(accepted[m], shown[m])) != NO_OP && KIND(LOG(accepted[m], shown[m])) != SELF(m) -> primary[m] = 0
  :: else
  fi;
  printf("%d shows %d\n", m, shown[m]);
  check()
}
/* The whole state: rights count as new. */
#define SHOW_ALL(m) \
  DO(shown[m] + 1 < KNOWN(m), \
     show_all(m))
inline show_all(m) {
  shown[m] = KNOWN(m);
  primary[m] = 0;
  printf("%d shows all to %d\n", m, shown[m]);
  check()
}

#define TAKE_UP(m) \
  DO(lease[m] > 0 && !primary[m] && shown[m] > 0, \
     last_write(accepted[m], shown[m]); \
    if \
    :: KIND(LOG(accepted[m], j)) == SELF(m) && (j <= acknowledged || !RULE(l4b)) -> \
    primary[m] = 1; \
    printf("%d is primary\n", m); \
    check() \
    :: else \
    fi)

#define SETTLE(l) \
  DO(ACTIVE(l), \
     k = told[promised[l]]; \
    for (i : 0 .. CORES - 1) { \
    if \
    :: RULE(l4) && HOLDS(l, i) > 0 -> k = MIN(k, REPORTED(l, i)) \
    :: else \
    fi \
    } \
    if \
    :: k > settled[l] -> k = settled[l] + 1; settle(l) \
    :: else \
    fi)
inline settle(l) {
  settled[l] = k;
  acknowledged = MAX(acknowledged, k);
  printf("%d acknowledges %d\n", l, k);
  check()
}

/* ---- leases ---- */

/* What l has been told that m shows: the newest, since an older report only gives less. */
#define REPORTED(l, m) (LIFE_KNOWN(l, m) && RULE(l5) -> shown[m] : MAX(shown[m], former_shown[m]))

#define REQUIRED(l) (RULE(l4) -> MAX((RULE(no_op) -> no_op[promised[l]] : 0), settled[l]) : 0)
#define GRANT(l, m) \
  DO(ACTIVE(l) && lease_d[l] > 0 && (RULE(l5) -> shown[m] : REPORTED(l, m)) >= REQUIRED(l), \
     give(l, m))
inline give(l, m) {
  LIFE_KNOWN(l, m) = (former_shown[m] > 0);
  HOLDS(l, m) = MAX(HOLDS(l, m), lease_d[l]);
  if
  :: l == m -> lease[m] = MAX(lease[m], lease_d[l])
  :: else ->
    grant[m] = lease_d[l];
    grant_old[m] = 0;
    grant_void[m] = 0;
    NEWER_GRANT(l, m) = (release_sent[m] > 0)
  fi;
  printf("%d grants %d to %d\n", l, lease_d[l], m);
  check()
}
#define TAKE(m) \
  DO(grant[m] > 0 && (!grant_old[m] || !RULE(l3)) && (!grant_void[m] || !RULE(l9) || !RULE(l9_void)), \
     take(m))
inline take(m) {
  lease[m] = MAX(lease[m], grant[m]);
  grant[m] = 0;
  grant_old[m] = 0;
  grant_void[m] = 0;
  printf("%d takes its lease: %d\n", m, lease[m]);
  check()
}

/* L10, asked at any time: would this leader call m dead? */
#define FAIL(l, m) \
  DO(ACTIVE(l) && ((lease_d[l] > 0 || !RULE(l10_d)) && HOLDS(l, m) == 0 || !RULE(l10)) && lease[m] > 0, \
     L10_no_early_FAIL = 0; \
    assert(L10_no_early_FAIL))

/* ---- L9 ---- */

/* The newest ballot that a member has followed. */
#define FOLLOWS(m) (support[m] > 0 || accepted[m] == promised[m] -> promised[m] : accepted[m])

#define RELEASE(m) \
  DO(releases_left > 0 && lease[m] > 0, \
     release(m))
inline release(m) {
  releases_left--;
  lease[m] = 0;
  primary[m] = 0;
  if
  :: grant[m] > 0 -> grant_void[m] = 1
  :: else
  fi;
  if
  :: leads[m] -> HOLDS(m, m) = 0
  :: else -> release_sent[m] = FOLLOWS(m)
  fi;
  for (i : 0 .. CORES - 1) { NEWER_GRANT(i, m) = 0 }
  printf("%d gives its lease back\n", m)
}
/* A release that names another ballot says nothing about the grants of the one that this leader suspects. */
#define HEAR_RELEASE(l, m) \
  DO(leads[l] && release_sent[m] > 0 && HOLDS(l, m) > 0 && \
         (release_sent[m] == promised[l] || !RULE(l9) || !RULE(l9_ballot)) && (!NEWER_GRANT(l, m) || !RULE(l9) || !RULE(l9_number)), \
     HOLDS(l, m) = 0; \
     printf("%d hears that %d gave its lease back\n", l, m))

#define RELEASE_BALLOT(l) \
  DO(releases_left > 0 && ACTIVE(l) && (told[promised[l]] == length[l] && settled[l] == length[l] || !RULE(l9_settled)), \
     release_ballot(l))
inline release_ballot(l) {
  releases_left--;
  released[l] = MAX(released[l], MAX(led[l], MAX(lease_d[l], MAX(HOLDS(l, A), HOLDS(l, B)))));
  over[promised[l]] = 1;
  if
  :: RULE(l9_leader) -> forget_office(l)
  :: else
  fi;
  led[l] = 0;
  printf("%d releases ballot %d\n", l, promised[l])
}
#define HEAR_BALLOT_RELEASE(v) \
  DO(over[promised[v]] && support[v] > 0, \
     released[v] = MAX(released[v], support[v]); \
    support[v] = 0; \
    printf("%d hears that ballot %d is released\n", v, promised[v]))

/* ---- faults and time ---- */

#define CRASH(v) \
  DO(crashes_left > 0, \
     crash(v))
inline crash(v) {
  crashes_left--;
  promised[v] = disk_promised[v];
  accepted[v] = disk_accepted[v];
  length[v] = disk_length[v];
  support[v] = 0;
  led[v] = 0;
  released[v] = 0;
  silence[v] = (RULE(l7) -> T : 0);
  if
  :: v != W ->
    forget_office(v);
    forget_candidacy(v);
    former_shown[v] = MAX(former_shown[v], shown[v]);
    shown[v] = 0;
    lease[v] = 0;
    primary[v] = 0;
    if
    :: grant[v] > 0 -> grant_old[v] = 1
    :: else
    fi;
    for (i : 0 .. CORES - 1) { LIFE_KNOWN(i, v) = 0 }
  :: else
  fi;
  printf("%d crashes and starts again\n", v)
}
#define SYNC(v) \
  DO(disk_promised[v] != promised[v] || disk_accepted[v] != accepted[v] || disk_length[v] != length[v], \
     sync(v))

#define PASSES(timer) timer = LESS(timer, 1)
inline tick() {
  for (i : 0 .. NODES - 1) {
    PASSES(support[i]);
    PASSES(silence[i]);
    PASSES(led[i]);
    PASSES(released[i])
  }
  for (i : 0 .. CORES - 1) {
    PASSES(suspected[i]);
    PASSES(lease_d[i]);
    PASSES(HOLDS(A, i));
    PASSES(HOLDS(B, i));
    PASSES(lease[i]);
    if
    :: lease[i] == 0 -> primary[i] = 0
    :: else
    fi;
    if
    :: !grant_old[i] || RULE(l3) -> PASSES(grant[i])
    :: else
    fi;
    if
    :: grant[i] == 0 ->
      grant_old[i] = 0;
      grant_void[i] = 0
    :: else
    fi
  }
  printf("-- tick\n")
}

/* A leads ballot 1; revision 1 makes it primary and is settled everywhere. */
inline begin() {
  read_settings();
  LOG(1, 1) = ENTRY(1, TO_A);
  written_len[1] = 1;
  no_op[1] = 1;
  told[1] = 1;
  for (i : 0 .. NODES - 1) {
    promised[i] = 1;
    accepted[i] = 1;
    length[i] = 1;
    sync(i)
  }
  leads[A] = 1;
  settled[A] = 1;
  shown[A] = 1;
  shown[B] = 1;
  committed[0] = LOG(1, 1);
  committed_len = 1;
  acknowledged = 1
}

#define DATA(action) action(A) action(B)
#define ALL(action) DATA(action) action(W)
#define LED(action) action(A, A) action(A, B) action(B, A) action(B, B)
#define FROM_ANY(action, v) action(v, 1) action(v, 2) action(v, 3)
#define OTHERS(action) action(A, B) action(B, A)

active proctype world() {
  d_step { begin(); i = 0 }
  do
  DATA(STAND) OTHERS(PROMISE) PROMISE(W, A) PROMISE(W, B) DATA(WIN)
  OTHERS(ELECT) ELECT(W, A) ELECT(W, B)
  WRITE(A, TO_A) WRITE(A, TO_B) WRITE(B, TO_A) WRITE(B, TO_B)
  FROM_ANY(ACCEPT, A) FROM_ANY(ACCEPT, B) FROM_ANY(ACCEPT, W)
  OTHERS(SUPPORT) SUPPORT(W, A) SUPPORT(W, B) DATA(ALONE)
  DATA(SHOW) DATA(SHOW_ALL) DATA(TAKE_UP) DATA(SETTLE)
  LED(GRANT) DATA(TAKE) OTHERS(FAIL)
  DATA(RELEASE) OTHERS(HEAR_RELEASE) DATA(RELEASE_BALLOT) ALL(HEAR_BALLOT_RELEASE)
  ALL(CRASH) ALL(SYNC)
  :: d_step { tick(); i = 0 }
  od
}
