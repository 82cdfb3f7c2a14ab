/** What a scenario came to. */
export interface Findings {
  executions: number;
  /** Executions that the database has forgotten, where that is allowed. */
  lost: number;
  /** Watchers whose Last-Event-ID the server did not know. */
  refused: number;
  /** Watchers that were given new events of sequences that they had seen before the database lost them. */
  spliced: number;
  /** Violations, a sentence each. */
  problems: readonly string[];
  mostCrashes: number;
  /** From the end of the outage to the first event that nobody had seen. */
  firstNewsMs: number | undefined;
  /** From the end of the outage to the last end of an execution. */
  lastEndMs: number;
  /** Transactions a second when everything has ended. */
  idleQueries: number;
  /** Percent of a core that the processes use then, together. */
  idleCpu: number;
}

/** More transactions a second than this, with nothing to do, are a loop. */
const MOST_IDLE_QUERIES = 100;

/** Columns of the table, and which sentences of the oracle count in them. */
const KINDS: [string, RegExp][] = [
  ['open', /no terminal event|has no completed_at|not in the database/],
  ['ended twice', /\d terminal events: | after execution:(completed|failed|cancelled) at /],
  ['ended wrongly', /It is \w+; expected is|It failed, not as/],
  ['holes', /The journal has sequence \d+ where|The journal begins with/],
  ['older claims', /Attempt \d+ is started at \d+ after attempt \d+/],
  ['done again', /but it was completed at|sent \d+ requests/],
  ['watchers', /Watcher/],
  ['crashes', /It counts \d+ crashes/],
];
const JOURNAL = /^Its journal: /;

/** One row of the table, and whether there is a violation. */
export function summarise(name: string, found: Findings): { row: Record<string, unknown>; isWrong: boolean } {
  const problems = found.problems.filter((problem) => !JOURNAL.test(problem));
  const counts = Object.fromEntries(
    KINDS.map(([kind, pattern]) => [
      kind,
      countSubjects(problems.filter((problem) => pattern.test(problem))),
    ]),
  );
  const others = problems.filter((problem) => !KINDS.some(([, pattern]) => pattern.test(problem)));
  const isLooping = found.idleQueries > MOST_IDLE_QUERIES;
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
    'first event s': seconds(found.firstNewsMs),
    'last end s': seconds(found.lastEndMs),
    'idle tx/s': found.idleQueries,
    'idle CPU %': found.idleCpu,
    verdict: isWrong ? 'WRONG' : 'ok',
  };
  return { row, isWrong };
}

/** An execution or a watcher with several problems of a kind counts once. */
function countSubjects(problems: readonly string[]): number {
  const subjects = problems.map(
    (problem) => /^Execution \S+: (Watcher [^:.]* process \d)?/.exec(problem)?.[0] ?? problem,
  );
  return new Set(subjects).size;
}

const seconds = (ms: number | undefined): string => (ms === undefined ? 'none' : (ms / 1000).toFixed(1));
