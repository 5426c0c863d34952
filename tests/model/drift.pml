/* The margins for clocks that run at different rates. leases.pml shows what follows from a leader's book that names
   every node that may hold a lease, and from leader leases that never overlap; here is shown that clocks within the
   bound cannot break either: a voter's support (L1), D (L2), a lease and its line in the book (L3, L4, L10), silence
   (L7) and what a released ballot leaves behind (L9).

   Time: every step the clock of a node goes on by SLOW or by FAST, each node one of the two for the whole run, at the
   outermost of a rate error of one quarter. T is seven steps of a true clock; the slack is a quarter of one, and no error
   of T hides behind it. A deadline between two steps has passed at the second.
   Left out: the log; messages take no time (both ends count so that time under way only shortens a lease or lengthens
   what waits for it). One node's Core, either one, takes leases: those of two do not touch each other here.
   Bounds: BALLOTS ballots (A's odd, B's even), CRASHES restarts, RELEASES released ballots. */

#include "rules.pml"

#ifndef BALLOTS
#define BALLOTS 3
#endif

#define SLOW 3
#define FAST 5
#define T 28
#define SLACK 1
#define SHORTENED(d) ((d) * 3 / 4)
#define LENGTHENED(d) (((d) * 5 + 3) / 4)
#define MARGIN(rule) (RULE(drift) && RULE(rule))

#define A 0
#define B 1
#define W 2
#define NODES 3
#define CORES 2
#define OWNER(b) (((b) + 1) % 2)
#define NEXT_BALLOT(c) (promised[c] + 1 + (OWNER(promised[c] + 1) != (c)))

byte rate[NODES];
byte member; /* whose Core takes leases */

/* Every timer below holds what is left on the clock of the node it belongs to. */
byte promised[NODES];
byte support[NODES];
byte silence[NODES];
byte led[CORES];
byte released[NODES];
bit over[BALLOTS + 1];
bit leads[CORES];
byte lease_d[CORES];
byte holds[CORES]; /* the leader's line for the member */
byte lease;        /* the member's */

byte newest = 1; /* ballot that was elected */
byte i, n; /* scratch, zero between actions */
bit I11_one_leader = 1, book_names_every_holder = 1;

#define DO(guard, action) :: d_step { (guard) -> action; i = 0; n = 0 }

inline check() {
  I11_one_leader = !(leads[A] && leads[B] && lease_d[A] > 0 && lease_d[B] > 0);
  assert(I11_one_leader);
  n = OWNER(newest); /* an older leader has nothing new to acknowledge */
  book_names_every_holder = !leads[n] || promised[n] != newest || lease == 0 || holds[n] > 0;
  assert(book_names_every_holder)
}

#define OWES_AS_LEADER(v) ((v) != W && (led[v] > 0 || leads[v] && (lease_d[v] > 0 || holds[v] > 0)))
#define OWES(v) (RULE(l1) && (support[v] > 0 || OWES_AS_LEADER(v)))
#define OWES_ANOTHER(v, b) (RULE(l1) && (support[v] > 0 && promised[v] != (b) || OWES_AS_LEADER(v)))

inline forget_office(l) {
  leads[l] = 0;
  lease_d[l] = 0;
  holds[l] = 0
}
inline step_down(v) {
  if
  :: v != W ->
    if
    :: leads[v] -> led[v] = MAX(led[v], MAX(lease_d[v], holds[v]))
    :: else
    fi;
    forget_office(v)
  :: else
  fi
}

/* What a promise tells is counted from its arrival; the candidate's own needs no other clock. */
#define TOLD(left) (MARGIN(drift_l9) -> LENGTHENED(left) : (left))
#define ELECT(v, c) \
  DO(!leads[c] && NEXT_BALLOT(c) <= BALLOTS && promised[v] < NEXT_BALLOT(c) && silence[c] == 0 && silence[v] == 0 && \
         !OWES(c) && !OWES(v), \
     elect(v, c))
inline elect(v, c) {
  step_down(v);
  promised[c] = NEXT_BALLOT(c);
  promised[v] = promised[c];
  newest = MAX(newest, promised[c]);
  leads[c] = 1;
  led[c] = 0;
  lease_d[c] = 0;
  holds[c] = (RULE(l9) -> MAX(released[c], TOLD(released[v])) : 0);
  printf("%d leads ballot %d by the promise of %d\n", c, promised[c], v);
  check()
}

#define SUPPORT(v, l) \
  DO(leads[l] && promised[v] <= promised[l] && !over[promised[l]] && silence[v] == 0 && \
         !OWES_ANOTHER(v, promised[l]) && (promised[v] < promised[l] || support[v] < T || lease_d[l] < T / 2), \
     support_leader(v, l))
inline support_leader(v, l) {
  if
  :: promised[v] < promised[l] -> step_down(v)
  :: else
  fi;
  promised[v] = promised[l];
  support[v] = (MARGIN(drift_l1) -> LENGTHENED(T) : T);
  lease_d[l] = MAX(lease_d[l], (MARGIN(drift_l2) -> SHORTENED(T) : T) - SLACK);
  printf("%d supports %d: D in %d\n", v, l, lease_d[l]);
  check()
}

#define GRANT(l) DO(leads[l] && lease_d[l] > SLACK, grant(l))
inline grant(l) {
  holds[l] = MAX(holds[l], (MARGIN(drift_l4) -> LENGTHENED(lease_d[l]) : lease_d[l]));
  n = (MARGIN(drift_l3) -> SHORTENED(lease_d[l]) : lease_d[l]);
  lease = MAX(lease, LESS(n, SLACK));
  printf("%d grants %d: the member has %d, the book %d\n", l, lease_d[l], lease, holds[l]);
  check()
}

#define RELEASE_BALLOT(l) DO(leads[l] && releases_left > 0, release_ballot(l))
inline release_ballot(l) {
  releases_left--;
  released[l] = MAX(released[l], MAX(led[l], MAX(lease_d[l], holds[l])));
  over[promised[l]] = 1;
  led[l] = 0;
  forget_office(l);
  printf("%d releases ballot %d\n", l, promised[l])
}
#define HEAR_BALLOT_RELEASE(v) DO(over[promised[v]] && support[v] > 0, hear_ballot_release(v))
inline hear_ballot_release(v) {
  released[v] = MAX(released[v], support[v]);
  support[v] = 0;
  printf("%d hears that ballot %d is released\n", v, promised[v])
}

#define CRASH(v) DO(crashes_left > 0, crash(v))
inline crash(v) {
  crashes_left--;
  support[v] = 0;
  released[v] = 0;
  silence[v] = (RULE(l7) -> (MARGIN(drift_l7) -> LENGTHENED(T) : T) : 0);
  if
  :: v != W ->
    led[v] = 0;
    forget_office(v)
  :: else
  fi;
  if
  :: member == v -> lease = 0
  :: else
  fi;
  printf("%d crashes and starts again\n", v)
}

#define PASSES(timer, node) timer = LESS(timer, rate[node])
inline step() {
  for (i : 0 .. NODES - 1) {
    PASSES(support[i], i);
    PASSES(silence[i], i);
    PASSES(released[i], i)
  }
  for (i : 0 .. CORES - 1) {
    PASSES(led[i], i);
    PASSES(lease_d[i], i);
    PASSES(holds[i], i)
  }
  PASSES(lease, member);
  printf("-- step: support %d %d %d, D %d %d, book %d %d, lease %d\n", support[A], support[B], support[W], lease_d[A],
         lease_d[B], holds[A], holds[B], lease);
  check()
}

inline begin() {
  read_settings();
  leads[A] = 1;
  for (i : 0 .. NODES - 1) { promised[i] = 1 }
  i = 0
}

#define RATE(node) \
  if \
  :: rate[node] = SLOW \
  :: rate[node] = FAST \
  fi

active proctype world() {
  d_step { begin() }
  RATE(A);
  RATE(B);
  RATE(W);
  if
  :: member = A
  :: member = B
  fi;
  do
  ELECT(A, B) ELECT(W, B) ELECT(B, A) ELECT(W, A)
  SUPPORT(A, B) SUPPORT(W, B) SUPPORT(B, A) SUPPORT(W, A)
  GRANT(A) GRANT(B)
  RELEASE_BALLOT(A) RELEASE_BALLOT(B) HEAR_BALLOT_RELEASE(A) HEAR_BALLOT_RELEASE(B) HEAR_BALLOT_RELEASE(W)
  CRASH(A) CRASH(B) CRASH(W)
  DO(1, step())
  od
}
