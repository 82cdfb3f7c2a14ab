/** The rules of the protocol. Each mistake in the tests changes some of them. */
export interface Rules {
  /** A claim takes only rows that are runnable and unowned. */
  claimTakesOnlyUnowned: boolean;
  /** A claim locks its row in `processes`. Otherwise it only reads that row in its snapshot. */
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
  /** How an append in doubt is resolved: by the stored data, by the sequence only, or not at all, so that it is appended again. */
  doubtComparesBy: 'data' | 'sequence' | 'nothing';
  /** A retry sends exactly the events of the statement in doubt. Otherwise it also sends the waiting ones. */
  retrySendsTheSame: boolean;
  /** Re-assert releases a row that this process owns but does not run. */
  reassertReleasesForgotten: boolean;
  /** Re-assert does not release a row that was taken by a claim of this process whose answer has not arrived. */
  reassertSparesClaims: boolean;
  /** Re-assert releases a run of this process of which fewer events are stored than were acknowledged. */
  reassertReleasesLostTail: boolean;
  /** A silent process is reclaimed even if its connections still hold its lock. */
  silenceIgnoresLock: boolean;
  /** The sweep releases only the claim that it has read, not a later one. */
  sweepChecksAttempt: boolean;
  /** The sweep counts a crash for an owner without a row in `processes`. */
  sweepCountsCrash: boolean;
  /**
   * How a process that registers again takes its counted crash back. `identity`: the row stores which processes it
   * counted. `known runs`: a mere counter, which is lowered for the runs that the process knows.
   */
  countTakenBackBy: 'identity' | 'known runs' | 'nothing';
  /** The token of an owner is unique to its claim. Otherwise it is the attempt, which can be assigned twice after a failover. */
  tokenIsUnique: boolean;
}

/** The rules of the protocol: those that the search has shown to be necessary, and those that only add safety. */
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

/** Faults by kind. As a bound: the maximum of each kind in a search. */
export interface Faults {
  crashes: number;
  falseDeaths: number;
  freezes: number;
  lostAnswers: number;
  handOvers: number;
  failovers: number;
}

export interface Bounds extends Faults {
  /** The maximum of all kinds in total. */
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

/** @returns bounds for these faults only, in any combination unless `together` is given */
export function atMost(faults: Partial<Bounds>): Bounds {
  const together = Object.values(faults).reduce((sum, count) => sum + count, 0);
  return { ...NO_FAULTS, together, ...faults };
}
