/** The result of a scenario. */
export interface Findings {
  executions: number;
  /** Executions that a failover has lost, where the scenario allows that. */
  lost: number;
  /** Watchers whose Last-Event-ID the server did not know. */
  refused: number;
  /** Watchers that received new events with sequences whose lost events they had already received. */
  spliced: number;
  /** Violations, one sentence each. */
  problems: readonly string[];
  mostCrashes: number;
  /** ms from the end of the outage to the first new event. */
  firstEventMs: number | undefined;
  /** ms from the end of the outage to the last end of an execution. */
  lastEndMs: number;
  /** Transactions a second after all executions have ended. */
  idleQueries: number;
  /** CPU use of all processes together at that time, in percent of one core. */
  idleCpu: number;
}

/** Idle processes that make more transactions a second than this are in a loop. */
const MAX_IDLE_QUERIES = 100;

/** The columns of the table, each with the oracle's sentences that it counts. */
const KINDS: [string, RegExp][] = [
  ['open', /no terminal event|has no completed_at|not in the database/],
  ['ended twice', /\d terminal events: | after execution:(completed|failed|cancelled) at /],
  ['ended wrongly', /It is \w+; expected: |It failed, but not as/],
  ['holes', /The journal has sequence \d+ where|The journal starts with/],
  ['older claims', /Attempt \d+ starts at \d+ after attempt \d+/],
  ['repeated', /but it completed at|sent \d+ requests/],
  ['watchers', /Watcher/],
  ['crashes', /It counts \d+ crashes/],
];
const JOURNAL = /^Its journal: /;

/** Returns one row of the table, and whether there is a violation. */
export function summarise(name: string, found: Findings): { row: Record<string, unknown>; isWrong: boolean } {
  const problems = found.problems.filter((problem) => !JOURNAL.test(problem));
  const counts = Object.fromEntries(
    KINDS.map(([kind, pattern]) => [
      kind,
      countSubjects(problems.filter((problem) => pattern.test(problem))),
    ]),
  );
  const others = problems.filter((problem) => !KINDS.some(([, pattern]) => pattern.test(problem)));
  const isLooping = found.idleQueries > MAX_IDLE_QUERIES;
  const isWrong = problems.length > 0 || isLooping;
  const row = {
    scenario: name,
    executions: found.executions,
    lost: found.lost,
    ...counts,
    others: countSubjects(others),
    refused: found.refused,
    spliced: found.spliced,
    'max crashes': found.mostCrashes,
    'first event s': seconds(found.firstEventMs),
    'last end s': seconds(found.lastEndMs),
    'idle tx/s': found.idleQueries,
    'idle CPU %': found.idleCpu,
    verdict: isWrong ? 'WRONG' : 'ok',
  };
  return { row, isWrong };
}

/** Counts executions and watchers. One with several problems of a kind counts once. */
function countSubjects(problems: readonly string[]): number {
  const subjects = problems.map(
    (problem) => /^Execution \S+: (Watcher [^:.]* process \d)?/.exec(problem)?.[0] ?? problem,
  );
  return new Set(subjects).size;
}

const seconds = (ms: number | undefined): string => (ms === undefined ? 'none' : (ms / 1000).toFixed(1));
