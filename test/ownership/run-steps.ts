// The steps of a process with an execution that it runs: take over, append, resolve an append in doubt.
import { type Letter, storedEvent } from './database.ts';
import type { Rules } from './rules.ts';
import type { Step } from './search.ts';
import {
  abandon,
  NAMES,
  type Run,
  type Slot,
  SLOTS,
  type State,
  type Statement,
  withProcess,
} from './state.ts';

/** Removes the run from memory. Its statements may still commit. */
export function stopRun(state: State, slot: Slot): State {
  const abandoned = abandon(state, slot, ({ kind }) => kind !== 'claim');
  return withProcess(abandoned, slot, { run: null });
}

/** Handles the answer to a claim. A run of an earlier claim stops before the new one starts. */
export function answerClaim(state: State, client: Slot, { token, tooMany }: Statement): State {
  const { attempt, claim } = token;
  const run: Run = {
    attempt,
    claim,
    stage: 'claimed',
    tail: 0,
    nodeA: 0,
    appending: [],
    doubt: null,
    tooMany,
  };
  return withProcess(stopRun(state, client), client, { claiming: false, run });
}

export function answerAppend(
  state: State,
  { client }: Statement,
  answer: 'committed' | 'taken' | 'refused',
  rules: Rules,
): State {
  if (client === null) return state;
  if (answer === 'committed') return acknowledge(state, client);
  // Without a comparison the process believes the refusal.
  if (rules.doubtComparesBy === 'nothing') return stopRun(state, client);
  return withProcess(state, client, { run: { ...state.processes[client].run!, doubt: answer } });
}

/** Updates the run after the commit of its append. */
function acknowledge(state: State, slot: Slot): State {
  const run = state.processes[slot].run!;
  let { tail, nodeA } = run;
  let next = state;
  for (const letter of run.appending) {
    const event = storedEvent(letter, run.attempt, run.claim);
    tail += 1;
    if (state.database.events[tail - 1] !== event) next = { ...next, falselyAcknowledged: event };
    if (letter === 'r') nodeA = 1;
    if (letter === 'f') nodeA = 2;
    if (letter === 'C' || letter === 'X' || letter === 'F') return withProcess(next, slot, { run: null });
  }
  return withProcess(next, slot, {
    run: { ...run, stage: 'running', tail, nodeA, appending: [], doubt: null },
  });
}

export function runSteps(state: State, rules: Rules): Step<State>[] {
  const steps: Step<State>[] = [];
  for (const slot of SLOTS) {
    const { run, frozen } = state.processes[slot];
    if (!run || frozen) continue;
    const add = (name: string, next: State): void => {
      steps.push({ name: `${NAMES[slot]}: ${name}`, fair: true, next });
    };
    if (run.doubt) add(`uncertain append (${run.doubt}): compare`, compare(state, slot, run, rules));
    else if (run.appending.length > 0) continue;
    else if (run.stage !== 'running') add(...takeOver(state, slot, run, rules));
    else if (run.tooMany) add('end: append failed, too many recoveries', append(state, slot, run, ['F']));
    else {
      const [letter, name] = NEXT[run.nodeA];
      add(name, append(state, slot, run, [letter]));
      if (state.database.cancelWanted) add('end: append cancelled', append(state, slot, run, ['X']));
    }
  }
  return steps;
}

/** The next event of a run, by its knowledge of node A. */
const NEXT = [
  ['r', 'append "node A runs"'],
  ['f', 'append "node A finished"'],
  ['C', 'end: append completed'],
] as const;

/** Sends one statement with these events. */
function append(state: State, slot: Slot, run: Run, appending: readonly Letter[]): State {
  const { attempt, claim } = run;
  const { identity } = state.processes[slot];
  const statement: Statement = {
    kind: appending[0] === 'r' || appending[0] === 'f' ? 'plain' : 'row',
    client: slot,
    token: { identity, attempt, claim },
    sequence: run.tail + 1,
    events: appending.map((letter) => storedEvent(letter, attempt, claim)),
    decided: false,
    tooMany: false,
  };
  const sent = { ...state, statements: [...state.statements, statement] };
  return withProcess(sent, slot, { run: { ...run, appending, doubt: null } });
}

/** Take over reads the newest sequence, then the state, and appends `started` right after that sequence. */
function takeOver(state: State, slot: Slot, run: Run, rules: Rules): [string, State] {
  const { events } = state.database;
  const tail = events.length;
  // A node runs again if it was running when its process died.
  const nodeA = events.some((event) => event.startsWith('f')) ? 2 : 0;
  if (run.stage === 'tail read')
    return ['take over: read the state, append started', append(state, slot, { ...run, nodeA }, ['S'])];
  if (run.stage === 'state read')
    return ['take over: read the tail, append started', append(state, slot, { ...run, tail }, ['S'])];
  const read: Run = rules.takeOverReadsTailFirst
    ? { ...run, stage: 'tail read', tail }
    : { ...run, stage: 'state read', nodeA };
  return [`take over: ${read.stage}`, withProcess(state, slot, { run: read })];
}

/** Resolves an append in doubt. The event that is stored at its first sequence decides. */
function compare(state: State, slot: Slot, run: Run, rules: Rules): State {
  const { events } = state.database;
  const first = run.appending[0]!;
  if (rules.doubtComparesBy === 'nothing')
    return append(state, slot, { ...run, tail: events.length }, run.appending);
  const stored = events[run.tail];
  const isCommitted =
    rules.doubtComparesBy === 'sequence'
      ? Boolean(stored)
      : stored === storedEvent(first, run.attempt, run.claim);
  if (isCommitted) return acknowledge(state, slot);
  if (run.doubt === 'lost' && !stored) {
    const alsoWaiting: Letter[] = first === 'r' && !rules.retrySendsTheSame ? ['f'] : [];
    return append(state, slot, run, [...run.appending, ...alsoWaiting]);
  }
  // Another event has the sequence of `started`: the previous owner was faster, so read again.
  if (first === 'S' && run.doubt !== 'refused')
    return withProcess(state, slot, {
      run: { ...run, stage: 'claimed', tail: 0, appending: [], doubt: null },
    });
  return stopRun(state, slot);
}
