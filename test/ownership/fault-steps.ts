// The faults: crash, freeze, false death, lost answer, hand-over, failover. The bounds limit their number.
import { release } from './database.ts';
import { reclaim } from './ownership-steps.ts';
import type { Bounds, Faults, Rules } from './rules.ts';
import { stopRun } from './run-steps.ts';
import type { Step } from './search.ts';
import {
  abandon,
  freshProcess,
  identitiesOf,
  NAMES,
  type Slot,
  SLOTS,
  type State,
  type Statement,
  withProcess,
} from './state.ts';

export function faultSteps(state: State, rules: Rules, bounds: Bounds): Step<State>[] {
  const { database, replica, faults } = state;
  const steps: Step<State>[] = [];
  const used = Object.values(faults).reduce((sum: number, count: number) => sum + count, 0);
  if (used === bounds.together) return steps;
  const add = (kind: keyof Faults, name: string, next: State): void => {
    if (faults[kind] === bounds[kind]) return;
    steps.push({ name, fair: false, next: { ...next, faults: { ...faults, [kind]: faults[kind] + 1 } } });
  };
  // After the end a fault only removes steps: without it, statements that were sent before may commit at any time.
  if (!database.completed) for (const slot of SLOTS) faultsOf(state, slot, rules, add);
  if (faults.failovers === bounds.failovers) return steps;
  if (replica) add('failovers', 'failover', failover(state, replica));
  else if (database.exists)
    steps.push({ name: 'the replica stays as it is', fair: false, next: { ...state, replica: database } });
  return steps;
}

function faultsOf(
  state: State,
  slot: Slot,
  rules: Rules,
  add: (kind: keyof Faults, name: string, next: State) => void,
): void {
  const { database, processes } = state;
  const { identity, frozen, claiming, run } = processes[slot];
  const name = NAMES[slot];
  // A fault of a process that has nothing to do with the execution changes nothing.
  if (database.owner !== identity && !claiming && !run) return;
  add('crashes', `${name}: crash`, crash(state, slot));
  if (frozen) return;
  if (!processes.some((process) => process.frozen))
    add('freezes', `${name}: freeze`, withProcess(state, slot, { frozen: true }));
  if (database.registered.includes(identity))
    add('falseDeaths', `${name}: false death`, { ...state, database: reclaim(database, identity, rules) });
  if (claiming) {
    const abandoned = abandon(state, slot, ({ kind }) => kind === 'claim');
    const next = withProcess(abandoned, slot, { claiming: false });
    add('lostAnswers', `${name}: lost answer to the claim`, next);
  }
  if (!run) return;
  if (run.appending.length > 0 && !run.doubt) {
    // The statement stays in PostgreSQL and commits later or never. The run stays in memory.
    const abandoned = abandon(state, slot, ({ kind }) => kind !== 'claim');
    const next = withProcess(abandoned, slot, { run: { ...run, doubt: 'lost' } });
    add('lostAnswers', `${name}: lost answer to the append`, next);
  }
  const token = { ...run, identity };
  const stopped = stopRun(state, slot);
  add('handOvers', `${name}: release (hand-over)`, { ...stopped, database: release(database, token, rules) });
  const pending: Statement = {
    kind: 'release',
    client: null,
    token: { identity, attempt: run.attempt, claim: run.claim },
    sequence: 0,
    events: [],
    decided: false,
    tooMany: false,
  };
  add('handOvers', `${name}: release (hand-over), lost answer`, {
    ...stopped,
    statements: [...stopped.statements, pending],
  });
}

/** Ends the process at once. Its statements may still commit. The slot starts again with a new identity. */
function crash(state: State, slot: Slot): State {
  const known = identitiesOf(state);
  let identity = 0;
  while (known.has(identity)) identity += 1;
  return withProcess(
    abandon(state, slot, () => true),
    slot,
    freshProcess(identity),
  );
}

/** Makes the replica the database. All connections break, so running statements end without an answer. */
function failover(state: State, database: State['database']): State {
  let next: State = { ...state, database, replica: null, statements: [], sweep: null, ending: null };
  for (const slot of SLOTS) {
    const { run } = next.processes[slot];
    const doubt = run && run.appending.length > 0 ? (run.doubt ?? 'lost') : null;
    next = withProcess(next, slot, { claiming: false, run: run && { ...run, doubt } });
  }
  return next;
}
