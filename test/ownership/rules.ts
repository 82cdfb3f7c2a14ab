/** What the protocol demands, a field for each rule. A mistake of the tests turns one of them. */
export interface Rules {
  /** A claim takes only rows that are runnable and unowned. */
  claimTakesOnlyUnowned: boolean;
  /** A claim locks its row in `processes`; else it only reads that row in its snapshot. */
  claimLocksProcess: boolean;
  /** The statement that appends `started` names the owner and its token in its condition. */
  takeOverChecksOwner: boolean;
  /** The statement that ends the execution names the owner and its token in its condition. */
  endChecksOwner: boolean;
  /** A statement that changes the row has `completed_at IS NULL` in its condition. */
  rowChangeChecksCompleted: boolean;
  /** A plain append reads the row, without a lock, and inserts only if owner and token are right. */
  plainChecksOwner: boolean;
  /** An append inserts only if the event before its first one exists. */
  appendChecksPrevious: boolean;
  /** Take over reads the newest sequence before the state. */
  takeOverReadsTailFirst: boolean;
  /** What resolves an append in doubt: the stored data, the mere sequence, or nothing: it is appended again. */
  doubtComparesBy: 'data' | 'sequence' | 'nothing';
  /** A retry sends exactly the events of the statement in doubt; else also those that wait. */
  retrySendsTheSame: boolean;
  /** Re-assert releases a row of mine that does not run here. */
  reassertReleasesForgotten: boolean;
  /** Re-assert does not release what a claim of this process, still without an answer, has taken. */
  reassertSparesClaims: boolean;
  /** Re-assert releases a run of mine of which fewer events are stored than acknowledged. */
  reassertReleasesLostTail: boolean;
  /** A silent process is reclaimed although its connections still hold its lock. */
  silenceIgnoresLock: boolean;
  /** The sweep releases the claim that it read, and no later one. */
  sweepChecksAttempt: boolean;
  /** The sweep counts a crash for an owner without a row in `processes`. */
  sweepCountsCrash: boolean;
  /**
   * How a process that comes back takes its counted death back. `identity`: the row keeps whose deaths it counts.
   * `known runs`: a mere counter, lowered for the runs that the process knows.
   */
  countTakenBackBy: 'identity' | 'known runs' | 'nothing';
  /** The token of an owner is unique to its claim; else it is the attempt, which a failover can give out twice. */
  tokenIsUnique: boolean;
}

/** The protocol with all rules that the search has shown to be needed, and those that only add safety. */
export const PROTOCOL: Rules = {
  claimTakesOnlyUnowned: true,
  claimLocksProcess: true,
  takeOverChecksOwner: true,
  endChecksOwner: true,
  rowChangeChecksCompleted: true,
  plainChecksOwner: true,
  appendChecksPrevious: true,
  takeOverReadsTailFirst: true,
  doubtComparesBy: 'data',
  retrySendsTheSame: true,
  reassertReleasesForgotten: true,
  reassertSparesClaims: true,
  reassertReleasesLostTail: true,
  silenceIgnoresLock: true,
  sweepChecksAttempt: true,
  sweepCountsCrash: false,
  countTakenBackBy: 'identity',
  tokenIsUnique: true,
};

/** Faults by kind. As a bound: the most of each kind that a search lets happen. */
export interface Faults {
  crashes: number;
  falseDeaths: number;
  freezes: number;
  lostAnswers: number;
  handOvers: number;
  failovers: number;
}

export interface Bounds extends Faults {
  /** The most faults of all kinds together. */
  together: number;
}

export const NO_FAULTS: Faults = {
  crashes: 0,
  falseDeaths: 0,
  freezes: 0,
  lostAnswers: 0,
  handOvers: 0,
  failovers: 0,
};

/** @returns bounds of these faults alone, in any combination unless `together` is given */
export function atMost(faults: Partial<Bounds>): Bounds {
  const together = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return { ...NO_FAULTS, together, ...faults };
}
