/* Shared by the models: the rules that can be switched off, and time.

   Which rule is off (OFF) and how many restarts and releases there may be (CRASHES, RELEASES) is read from the
   environment when a verifier starts, so that a mutation costs no compilation. check_model.py reads the names and
   numbers below.

   Time passes in ticks. A deadline is kept as what is left of it on the clock of the node that keeps it, and stops at
   zero, so that runs may be as long as they like and states still repeat. */

#define off_l1 1          /* a voter that supports a ballot promises no other, a leader is a voter */
#define off_l2 2          /* D by the q-th voter */
#define off_l3 3          /* a grant counts from its request, and for the start that asked */
#define off_l4 4          /* settled only when every possible holder shows it; a grant needs max(no-op, settled) */
#define off_l4b 5         /* a right is taken up only when settled */
#define off_l5 6          /* a newer start voids earlier reports */
#define off_l7 7          /* silence after a start */
#define off_l9 8          /* a release names its request; released support is remembered and told */
#define off_l10 9         /* FAIL only after the lease has provably ended */
#define off_s1 10         /* a finisher has no D, acknowledges and grants nothing in the sealed epoch */
#define off_s2 11         /* D is frozen at the seal, and then only acks of the new epoch count */
#define off_s3 12         /* Install obeys L1 */
#define off_s4 13         /* Install once per epoch */
#define off_s5 14         /* installed state has no rank */
#define off_drift 15      /* every margin for drift */
#define off_l10_d 38         /* and only while D runs: later another leader may have granted */
#define off_no_op 16      /* a leader's no-op before anything else */
#define off_seal_order 17 /* Install only after the seal is committed */
#define off_fsync 18      /* durable before the answer */
#define off_whole 19      /* the first write under a ballot is the whole log through the no-op, in one record */
#define off_l9_leader 20  /* a leader whose ballot is released does not go on in it */
#define off_l9_ballot 29     /* a member's release names the ballot whose leader it is for */
#define off_l9_void 30       /* a grant for a request before the release is ignored */
#define off_l9_memory 31     /* what a released support had left is remembered, told, and suspected of everybody */
#define off_l9_number 32     /* a release clears no later grant */
#define off_l9_settled 39    /* a leader releases only when all it wrote is settled */
#define off_l1_self 21    /* a leader is a voter: bound by its own D and grants */
#define off_s1_d 33          /* a finisher has no D (the rest of S1 holds) */
#define off_s1_ack 34        /* a finisher acknowledges nothing */
#define off_s3_refusal 35    /* Install is refused while the voter supports another or is silent */
#define off_s3_support 36    /* Install counts as support */
#define off_l9_removed 37    /* no release of a ballot while a node that left may hold a lease */
#define off_s2_self 22    /* a leader that is no voter of the new epoch does not count itself */
#define off_drift_l1 23   /* support for T, not T(1+drift) */
#define off_drift_l2 24   /* D of T - slack, not T(1-drift) - slack */
#define off_drift_l3 25   /* a member counts d - slack, not d(1-drift) - slack */
#define off_drift_l4 26   /* the book holds d, not d(1+drift) */
#define off_drift_l7 27   /* silence for T, not T(1+drift) */
#define off_drift_l9 28   /* what a promise tells of a released support is not lengthened */

#define RULE(name) (off != off_##name)

byte off; /* 0: every rule holds */

byte crashes_left, releases_left;

c_decl {
  static int setting(const char* name) { return getenv(name) ? atoi(getenv(name)) : 0; }
}
inline read_settings() {
  c_code {
    now.off = setting("OFF");
    now.crashes_left = setting("CRASHES");
    now.releases_left = setting("RELEASES");
  }
}

#define MAX(x, y) ((x) > (y) -> (x) : (y))
#define MIN(x, y) ((x) < (y) -> (x) : (y))
#define LESS(x, by) ((x) > (by) -> (x) - (by) : 0)
