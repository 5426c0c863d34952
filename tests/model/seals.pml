/* Voter changes by seal, copy, start, several in a row. Is anything committed ever lost (I4), is anything committed in
   an epoch after its seal (I12), do two leaders ever hold a lease at once, be it in different epochs (I11)?

   Nodes: A, B, C data, W and X witnesses. Configurations: ABW (the first), ACX, BCX; a change may go from any of them
   to any other that has the sealing leader in it, so voters leave and come back, with what they remember. C and X begin
   vacant. Ballots: 1 is A's, 2 B's, 3 C's, 4 A's ...

   What stands for what
   - A log is (rank, writer, length): the first `length` entries of what the leader of `writer` wrote; `rank` is the
     ballot it was accepted under, 0 for installed state (S5). What a leader wrote stays after it is gone: any of its
     messages, Installs too, may still arrive, twice, late, in any order, or never.
   - T is one tick: a lease, support or silence given before a tick is over after it. A leader has D when another
     voter of its configuration has supported it since the tick.
   - A quorum is the leader and one more: every configuration has three voters. An acknowledgement, a promise and its
     candidate's victory take no time (leases.pml has slow elections).
   - "Moved" is not modelled: a node that has not heard that it is out goes on voting in its old epoch.
   - No values are written: no-ops and seals, told apart by their ballots, are enough to be lost.
   - With LEASES one node's Core, any one, takes leases, and each leader's book has a line for it; the newest leader, by
     epoch and then by ballot, must name it while its lease runs. A leader may release its ballot (L9).
   Bounds: BALLOTS ballots, LEN entries, EPOCHS epochs, CRASHES restarts, RELEASES released ballots. In a story 0 is A,
   1 B, 2 C, 3 W, 4 X; configuration 0 is ABW, 1 ACX, 2 BCX; office 1 leads, 2 finishes, 3 installs. */

#include "rules.pml"

#ifndef BALLOTS
#define BALLOTS 3
#endif
#ifndef LEN
#define LEN 4
#endif
#ifndef EPOCHS
#define EPOCHS 3
#endif

#define A 0
#define B 1
#define C 2
#define W 3
#define X 4
#define NODES 5
#define DATA_NODES 3
#define OWNER(b) (((b) + 2) % 3)
#define ABW 0
#define ACX 1
#define BCX 2
#define VOTERS(c) ((c) == ABW -> 11 : ((c) == ACX -> 21 : 22))
#define VOTES_IN(c, v) ((VOTERS(c) >> (v)) & 1)

/* Entries: which ballot wrote it, and a no-op or the seal of a configuration. */
#define NO_OP(ballot) ((ballot) * 4)
#define SEAL(ballot, c) ((ballot) * 4 + 1 + (c))
#define IS_SEAL(entry) ((entry) % 4 > 0)
#define SEALED(entry) ((entry) % 4 - 1)

/* What leaders wrote, and for which epoch's voters (0: adopted, sent with the first of its own). */
byte written[BALLOTS * LEN];
byte written_for[BALLOTS * LEN];
byte written_len[BALLOTS + 1];
#define LOG(b, k) written[((b) - 1) * LEN + (k) - 1]
#define FOR_EPOCH(b, k) written_for[((b) - 1) * LEN + (k) - 1]
byte first[BALLOTS + 1];    /* its no-op, or the seal it finishes */
byte told[BALLOTS + 1];     /* committed under it */
byte installs[BALLOTS + 1]; /* bit e: its leader has sent Install for epoch e */

/* Voters: durable. */
byte epoch[NODES]; /* 0: vacant */
byte conf[NODES];
byte promised[NODES];
byte rank[NODES];
byte writer[NODES];
byte length[NODES];
byte installed_by[NODES];
/* Volatile. */
bit support[NODES];
bit silence[NODES];
bit led[DATA_NODES];
bit released[NODES];    /* L9: what released support has left */
bit over[BALLOTS + 1];  /* released by its leader */

/* Leaders: of the ballot they promised. */
#define LEADS 1     /* normally */
#define FINISHES 2  /* S1: the log was adopted with a seal that is not committed again yet */
#define INSTALLS 3  /* `next` in the epoch after the seal's */
byte office[DATA_NODES];
bit lease_d[DATA_NODES];
byte next_epoch[DATA_NODES];
byte next_conf[DATA_NODES];
byte own[DATA_NODES];       /* voters that took this Install */
bit install_d[DATA_NODES];  /* support by Installs: D of the next epoch (S3) */

/* One node's Core, and the leaders' line for it. */
#define NOBODY 9
byte member;
bit lease;
bit holds[DATA_NODES];

/* Ghosts. */
byte committed[LEN];
byte committed_len;
byte committed_epoch = 1; /* not sealed yet */

byte newest_epoch = 1, newest_ballot = 1; /* of the leaders that may acknowledge */

byte i, j, k, n; /* scratch, zero between actions */
bit I4_committed_never_changes = 1, I11_one_leader = 1, I12_no_commit_after_seal = 1,
    book_names_every_holder = 1;

#define DO(guard, action) :: d_step { (guard) -> action; forget_the_dead(); i = 0; j = 0; k = 0; n = 0 }

#define HAS_D(l) (office[l] != 0 && lease_d[l])
inline check() {
  I11_one_leader = HAS_D(A) + HAS_D(B) + HAS_D(C) <= 1;
  assert(I11_one_leader);
  n = OWNER(newest_ballot);
  book_names_every_holder = !lease || office[n] != LEADS || promised[n] != newest_ballot || holds[n];
  assert(book_names_every_holder)
}
/* By epoch, then by ballot: a finisher of an old epoch has the higher ballot and no say. */
inline note_newest(l) {
  if
  :: office[l] == LEADS && (epoch[l] > newest_epoch || epoch[l] == newest_epoch && promised[l] > newest_ballot) ->
    newest_epoch = epoch[l];
    newest_ballot = promised[l]
  :: else
  fi
}

/* ---- what a log says ---- */

/* j: how many seals the first `upto` entries of ballot b's log hold; k: where the last of them stands. */
inline count_seals(b, upto) {
  j = 0;
  k = 0;
  for (i : 1 .. (upto)) {
    if
    :: IS_SEAL(LOG(b, i)) ->
      j++;
      k = i
    :: else
    fi
  }
}
/* k: where the seal that formed epoch e stands in ballot b's log; j: its configuration. */
inline find_seal(b, e) {
  j = 0;
  k = 0;
  n = 1;
  for (i : 1 .. written_len[b]) {
    if
    :: IS_SEAL(LOG(b, i)) ->
      n++;
      if
      :: n == e ->
        k = i;
        j = SEALED(LOG(b, i))
      :: else
      fi
    :: else
    fi
  }
}

#define READS(v, b) (epoch[v] > 0 && writer[v] == (b) || promised[v] <= (b))
inline forget_the_dead() {
  for (k : 1 .. BALLOTS) {
    if
    :: written_len[k] > 0 && !READS(A, k) && !READS(B, k) && !READS(C, k) && !READS(W, k) && !READS(X, k) ->
      for (i : 1 .. LEN) {
        LOG(k, i) = 0;
        FOR_EPOCH(k, i) = 0
      }
      written_len[k] = 0;
      first[k] = 0;
      told[k] = 0;
      installs[k] = 0;
      over[k] = 0
    :: else
    fi
  }
}

/* ---- voters ---- */

#define BOUND_AS_LEADER(l) (HAS_D(l) || office[l] != 0 && holds[l])
#define OWES_AS_LEADER(v) ((v) < DATA_NODES && (led[v] || BOUND_AS_LEADER(v)))
#define OWES(v) (RULE(l1) && (support[v] || OWES_AS_LEADER(v)))
#define OWES_ANOTHER(v, b) (RULE(l1) && (support[v] && promised[v] != (b) || OWES_AS_LEADER(v)))

inline forget_office(l) {
  office[l] = 0;
  lease_d[l] = 0;
  holds[l] = 0;
  next_epoch[l] = 0;
  next_conf[l] = 0;
  own[l] = 0;
  install_d[l] = 0
}
inline step_down(v) {
  if
  :: v < DATA_NODES ->
    led[v] = led[v] || BOUND_AS_LEADER(v);
    forget_office(v)
  :: else
  fi
}

/* ---- elections ---- */

#define NEXT_BALLOT(c) (promised[c] + 1 + (OWNER(promised[c] + 1) != (c)) + (OWNER(promised[c] + 1) != (c) && OWNER(promised[c] + 2) != (c)))
#define MAY_STAND(c) \
  (office[c] == 0 && epoch[c] > 0 && VOTES_IN(conf[c], c) && !silence[c] && !OWES(c) && NEXT_BALLOT(c) <= BALLOTS)
#define ELECT(v, c) \
  DO(v != c && MAY_STAND(c) && VOTES_IN(conf[c], v) && epoch[v] == epoch[c] && promised[v] < NEXT_BALLOT(c) && \
         !silence[v] && !OWES(v) && MAX(length[v], length[c]) < LEN, \
     elect(v, c))
/* A voter that missed the change is installed by the candidate first, with what formed its epoch. */
#define ELECT_BEHIND(v, c) \
  DO(v != c && MAY_STAND(c) && VOTES_IN(conf[c], v) && epoch[v] < epoch[c] && promised[v] < NEXT_BALLOT(c) && \
         !silence[v] && !OWES(v) && length[c] < LEN, \
     find_seal(writer[c], epoch[c]); \
     install(v, NEXT_BALLOT(c), epoch[c], conf[c], writer[c], k); \
     elect(v, c))
inline elect(v, c) {
  step_down(v);
  promised[c] = NEXT_BALLOT(c);
  promised[v] = promised[c];
  forget_office(c);
  led[c] = 0;
  /* L9: everybody it knows may hold a lease of a released ballot. */
  holds[c] = RULE(l9) && (released[c] || released[v]) && (member == c || member < NODES && VOTES_IN(conf[c], member));
  n = promised[c];
  if
  :: rank[v] > rank[c] || rank[v] == rank[c] && length[v] > length[c] ->
    adopt(n, writer[v], length[v])
  :: else -> adopt(n, writer[c], length[c])
  fi;
  count_seals(n, written_len[n]);
  if
  :: j == epoch[c] && RULE(s1) -> office[c] = FINISHES
  :: else ->
    office[c] = LEADS;
    written_len[n]++;
    LOG(n, written_len[n]) = NO_OP(n);
    /* Elected in the epoch: it may have to install voters that missed the change. */
    installs[n] = (epoch[c] > 1 -> 1 << epoch[c] : 0)
  fi;
  first[n] = written_len[n];
  FOR_EPOCH(n, written_len[n]) = epoch[c];
  rank[c] = n;
  writer[c] = n;
  length[c] = written_len[n];
  printf("%d leads ballot %d in epoch %d by the promise of %d, %d entries, office %d\n", c, n, epoch[c], v, length[c],
         office[c]);
  note_newest(c);
  check()
}
inline adopt(b, from, upto) {
  for (i : 1 .. upto) { LOG(b, i) = LOG(from, i) }
  written_len[b] = upto
}

/* ---- replication ---- */

/* k: the next entry for v of what the leader of b wrote for v's epoch; 0: none. */
inline next_entry(v, b) {
  k = 0;
  if
  :: rank[v] == b && length[v] < written_len[b] && FOR_EPOCH(b, length[v] + 1) == epoch[v] -> k = length[v] + 1
  :: rank[v] < b ->
    for (i : 1 .. written_len[b]) {
      if
      :: k == 0 && FOR_EPOCH(b, i) == epoch[v] -> k = i
      :: else
      fi
    }
  :: else
  fi
}
#define ACCEPT(v, b) \
  DO((b) <= BALLOTS && v != OWNER(b) && epoch[v] > 0 && written_len[b] > 0 && promised[v] <= b && \
         VOTES_IN(conf[v], OWNER(b)) && !OWES_ANOTHER(v, b), \
     next_entry(v, b); \
     if \
     :: k > 0 -> accept(v, b) \
     :: else \
     fi)
inline accept(v, b) {
  if
  :: promised[v] < b -> step_down(v)
  :: else
  fi;
  promised[v] = b;
  rank[v] = b;
  writer[v] = b;
  length[v] = k;
  printf("%d accepts %d of ballot %d in epoch %d\n", v, k, b, epoch[v]);
  n = OWNER(b);
  if
  :: (office[n] == LEADS || office[n] == FINISHES) && promised[n] == b && epoch[n] == epoch[v] && told[b] < k -> commit(b, k)
  :: else
  fi
}
inline commit(b, upto) {
  told[b] = upto;
  for (i : 1 .. upto) {
    if
    :: i <= committed_len ->
      I4_committed_never_changes = committed[i - 1] == LOG(b, i);
      assert(I4_committed_never_changes)
    :: else ->
      I12_no_commit_after_seal = FOR_EPOCH(b, i) == 0 || FOR_EPOCH(b, i) == committed_epoch;
      assert(I12_no_commit_after_seal);
      committed[i - 1] = LOG(b, i);
      committed_len = i;
      committed_epoch = committed_epoch + IS_SEAL(LOG(b, i))
    fi
  }
  printf("%d commits %d\n", OWNER(b), upto);
  if
  :: office[OWNER(b)] == FINISHES && !RULE(s1_ack) -> /* it acknowledges what it commits */
    book_names_every_holder = !lease || holds[OWNER(b)];
    assert(book_names_every_holder)
  :: else
  fi
}

#define SUPPORT(v, l) \
  DO(v != l && (office[l] == LEADS || office[l] == FINISHES || office[l] == INSTALLS && !RULE(s2)) && \
         promised[v] <= promised[l] && !silence[v] && !OWES_ANOTHER(v, promised[l]) && \
         (epoch[v] == epoch[l] && VOTES_IN(conf[l], v) && office[l] != INSTALLS || \
          !RULE(s2) && epoch[v] > 0 && epoch[v] < epoch[l]) && \
         (!support[v] || !lease_d[l]), \
     support_leader(v, l))
inline support_leader(v, l) {
  if
  :: promised[v] < promised[l] -> step_down(v)
  :: else
  fi;
  promised[v] = promised[l];
  support[v] = 1;
  if
  :: office[l] != FINISHES || !RULE(s1_d) -> lease_d[l] = 1
  :: else
  fi;
  printf("%d supports %d\n", v, l);
  check()
}

/* ---- seal, copy, start ---- */

#define ACTIVE(l) (office[l] == LEADS && told[promised[l]] >= first[promised[l]])
#define WRITE_SEAL(l, c) \
  DO(ACTIVE(l) && epoch[l] < EPOCHS && length[l] < LEN && conf[l] != c && VOTES_IN(c, l), \
     count_seals(promised[l], length[l]); \
     if \
     :: j < epoch[l] -> write_seal(l, c) \
     :: else \
     fi)
inline write_seal(l, c) {
  n = promised[l];
  length[l]++;
  written_len[n] = length[l];
  LOG(n, length[l]) = SEAL(n, c);
  FOR_EPOCH(n, length[l]) = epoch[l];
  printf("%d writes the seal for configuration %d at %d\n", l, c, length[l])
}

#define BEGIN_INSTALL(l) \
  DO((office[l] == LEADS || office[l] == FINISHES) && (told[promised[l]] == length[l] || !RULE(seal_order)), \
     count_seals(promised[l], length[l]); \
     if \
     :: j == epoch[l] && k == length[l] -> begin_install(l) \
     :: else \
     fi)
inline begin_install(l) {
  n = promised[l];
  next_epoch[l] = epoch[l] + 1;
  next_conf[l] = SEALED(LOG(n, length[l]));
  office[l] = INSTALLS;
  installs[n] = installs[n] | (1 << next_epoch[l]);
  own[l] = 0;
  if
  :: VOTES_IN(next_conf[l], l) ->
    take_state(l, n, next_epoch[l], next_conf[l], n, length[l]);
    own[l] = 1 << l
  :: !VOTES_IN(next_conf[l], l) && !RULE(s2_self) -> own[l] = 1 << l
  :: else
  fi;
  printf("%d begins to install epoch %d\n", l, next_epoch[l])
}
inline take_state(v, b, e, c, from, upto) {
  epoch[v] = e;
  conf[v] = c;
  writer[v] = from;
  length[v] = upto;
  rank[v] = (RULE(s5) -> 0 : b);
  installed_by[v] = b;
  promised[v] = b
}
inline install(v, b, e, c, from, upto) {
  step_down(v);
  take_state(v, b, e, c, from, upto);
  support[v] = RULE(s3) && RULE(s3_support);
  printf("%d takes the Install of ballot %d for epoch %d\n", v, b, e)
}

#define TAKES_INSTALL(v, b) \
  (promised[v] <= (b) && (!silence[v] && !OWES_ANOTHER(v, b) || !RULE(s3) || !RULE(s3_refusal)))
#define INSTALL(v, b, e) \
  DO((b) <= BALLOTS && (e) <= EPOCHS && v != OWNER(b) && ((installs[b] >> (e)) & 1) && \
         (epoch[v] < e || epoch[v] == e && !RULE(s4) && installed_by[v] != b) && TAKES_INSTALL(v, b), \
     find_seal(b, e); \
     if \
     :: k > 0 && VOTES_IN(j, v) -> \
       install(v, b, e, j, b, k); \
       installed(v, b, e) \
     :: else \
     fi)
/* The answer: it counts when this very Install is what formed the voter's epoch. */
#define INSTALL_AGAIN(v, b, e) \
  DO((b) <= BALLOTS && v != OWNER(b) && ((installs[b] >> (e)) & 1) && epoch[v] == e && \
         (installed_by[v] == b || !RULE(s4)) && \
         promised[v] == b && TAKES_INSTALL(v, b) && office[OWNER(b)] == INSTALLS && !install_d[OWNER(b)], \
     support[v] = 1; \
     installed(v, b, e))
inline installed(v, b, e) {
  n = OWNER(b);
  if
  :: office[n] == INSTALLS && promised[n] == b && next_epoch[n] == e ->
    own[n] = own[n] | (1 << v);
    install_d[n] = 1
  :: else
  fi
}
/* From a leader in the epoch: with all it knows to be committed. */
#define INSTALL_NEWEST(v, l) \
  DO(v != l && ACTIVE(l) && epoch[v] < epoch[l] && VOTES_IN(conf[l], v) && TAKES_INSTALL(v, promised[l]), \
     install(v, promised[l], epoch[l], conf[l], promised[l], told[promised[l]]))

#define MANY(mask) (((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1) + (((mask) >> 3) & 1) + (((mask) >> 4) & 1) >= 2)
#define START(l) DO(office[l] == INSTALLS && MANY(own[l]) && length[l] < LEN, start(l))
inline start(l) {
  n = promised[l];
  if
  :: VOTES_IN(next_conf[l], l) || !RULE(s2_self) ->
    office[l] = LEADS;
    epoch[l] = next_epoch[l];
    conf[l] = next_conf[l];
    lease_d[l] = (RULE(s2) -> install_d[l] : lease_d[l] || install_d[l]);
    length[l]++;
    written_len[n] = length[l];
    LOG(n, length[l]) = NO_OP(n);
    FOR_EPOCH(n, length[l]) = epoch[l];
    rank[l] = n;
    first[n] = length[l];
    next_epoch[l] = 0;
    next_conf[l] = 0;
    own[l] = 0;
    install_d[l] = 0
  :: else -> /* S2: no voter of the new epoch; its ballot is released */
    step_down(l);
    released[l] = released[l] || led[l];
    led[l] = 0;
    over[n] = 1
  fi;
  printf("%d has started the next epoch, office %d\n", l, office[l]);
  note_newest(l);
  check()
}
#define ABANDON(l) DO(office[l] == INSTALLS && !lease_d[l], step_down(l))

/* ---- a Core, and releases ---- */

#define GRANT(l) \
  DO(member != NOBODY && ACTIVE(l) && lease_d[l] && VOTES_IN(conf[l], member) && !(lease && holds[l]), \
     lease = 1; \
     holds[l] = 1; \
     printf("%d leases %d\n", l, member); \
     check())

/* Never with a seal under way, and never while a node that left may hold a lease: the successor does not know it. */
#define RELEASE_BALLOT(l) \
  DO(releases_left > 0 && ACTIVE(l) && told[promised[l]] == length[l] && \
         !(holds[l] && !VOTES_IN(conf[l], member) && RULE(l9_removed)), \
     count_seals(promised[l], length[l]); \
     if \
     :: j < epoch[l] -> release_ballot(l) \
     :: else \
     fi)
inline release_ballot(l) {
  releases_left--;
  step_down(l);
  released[l] = released[l] || led[l];
  led[l] = 0;
  over[promised[l]] = 1;
  printf("%d releases ballot %d\n", l, promised[l])
}
#define HEAR_BALLOT_RELEASE(v) \
  DO(over[promised[v]] && support[v], \
     released[v] = 1; \
     support[v] = 0; \
     printf("%d hears that ballot %d is released\n", v, promised[v]))

/* ---- faults and time ---- */

#define CRASH(v) DO(crashes_left > 0 && epoch[v] > 0, crash(v))
inline crash(v) {
  crashes_left--;
  support[v] = 0;
  silence[v] = RULE(l7);
  released[v] = 0;
  if
  :: member == v -> lease = 0
  :: else
  fi;
  if
  :: v < DATA_NODES ->
    led[v] = 0;
    forget_office(v)
  :: else
  fi;
  printf("%d crashes and starts again\n", v)
}
inline tick() {
  for (i : 0 .. NODES - 1) {
    support[i] = 0;
    silence[i] = 0;
    released[i] = 0
  }
  for (i : 0 .. DATA_NODES - 1) {
    led[i] = 0;
    lease_d[i] = 0;
    install_d[i] = 0;
    holds[i] = 0
  }
  lease = 0;
  printf("-- tick\n")
}

inline begin() {
  read_settings();
  c_code { now.member = setting("LEASES") ? 0 : 9; };
  n = 11;
  for (i : 0 .. NODES - 1) {
    if
    :: (n >> i) & 1 ->
      epoch[i] = 1;
      promised[i] = 1;
      rank[i] = 1;
      writer[i] = 1
    :: else
    fi
  }
  office[A] = LEADS;
  i = 0;
  n = 0
}

#define DATA(action) action(A) action(B) action(C)
#define ALL(action) DATA(action) action(W) action(X)
#define TO_ALL(action, l) action(A, l) action(B, l) action(C, l) action(W, l) action(X, l)
#define PAIRS(action) TO_ALL(action, A) TO_ALL(action, B) TO_ALL(action, C)
#define INSTALL_OF(action, b, e) action(A, b, e) action(B, b, e) action(C, b, e) action(W, b, e) action(X, b, e)

active proctype world() {
  d_step { begin() }
  if /* whose Core takes leases */
  :: member == NOBODY
  :: member == A -> member = A
  :: member == A -> member = B
  :: member == A -> member = C
  fi;
  do
  PAIRS(ELECT) PAIRS(ELECT_BEHIND) PAIRS(SUPPORT)
  TO_ALL(ACCEPT, 1) TO_ALL(ACCEPT, 2) TO_ALL(ACCEPT, 3)
  WRITE_SEAL(A, ABW) WRITE_SEAL(A, ACX) WRITE_SEAL(B, ABW) WRITE_SEAL(B, BCX) WRITE_SEAL(C, ACX) WRITE_SEAL(C, BCX)
  DATA(BEGIN_INSTALL) DATA(START) DATA(ABANDON)
  INSTALL_OF(INSTALL, 1, 2) INSTALL_OF(INSTALL, 2, 2) INSTALL_OF(INSTALL, 3, 2)
  INSTALL_OF(INSTALL_AGAIN, 1, 2) INSTALL_OF(INSTALL_AGAIN, 2, 2) INSTALL_OF(INSTALL_AGAIN, 3, 2)
#if EPOCHS > 2
  INSTALL_OF(INSTALL, 1, 3) INSTALL_OF(INSTALL, 2, 3) INSTALL_OF(INSTALL, 3, 3)
  INSTALL_OF(INSTALL_AGAIN, 1, 3) INSTALL_OF(INSTALL_AGAIN, 2, 3) INSTALL_OF(INSTALL_AGAIN, 3, 3)
#endif
#if BALLOTS > 3
  TO_ALL(ACCEPT, 4)
  INSTALL_OF(INSTALL, 4, 2) INSTALL_OF(INSTALL_AGAIN, 4, 2)
#if EPOCHS > 2
  INSTALL_OF(INSTALL, 4, 3) INSTALL_OF(INSTALL_AGAIN, 4, 3)
#endif
#endif
  PAIRS(INSTALL_NEWEST)
  DATA(GRANT) DATA(RELEASE_BALLOT) ALL(HEAR_BALLOT_RELEASE)
  ALL(CRASH)
  :: d_step { tick(); i = 0 }
  od
}
