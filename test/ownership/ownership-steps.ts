// The steps of processes outside their runs: start, register, claim, re-assert, reclaim, sweep, end unowned.
import {
  canBeClaimed,
  type Database,
  hasPrevious,
  type Identity,
  insertEvents,
  isOwner,
  isTaken,
  release,
  storedEvent,
} from './database.ts';
import type { Rules } from './rules.ts';
import { stopRun } from './run-steps.ts';
import type { Step } from './search.ts';
import { NAMES, type Slot, SLOTS, type State, type Statement, withProcess } from './state.ts';

type Add = (name: string, next: State, fair?: boolean) => void;

export function ownershipSteps(state: State, rules: Rules): Step<State>[] {
  const { database, processes } = state;
  const steps: Step<State>[] = [];
  const add: Add = (name, next, fair = true) => {
    steps.push({ name, fair, next });
  };
  if (!database.exists) add('start', { ...state, database: { ...database, exists: true, runnable: true } });
  for (const slot of SLOTS) {
    const { identity, frozen, claiming } = processes[slot];
    const name = NAMES[slot];
    // It may stay frozen forever, so no progress may depend on its thaw.
    if (frozen) add(`${name}: thaw`, withProcess(state, slot, { frozen: false }), false);
    else if (!database.registered.includes(identity))
      add(`${name}: beat lost, register`, { ...state, database: register(state, identity, rules) });
    else {
      if (!claiming && canBeClaimed(database, rules)) add(`${name}: send claim`, sendClaim(state, slot));
      reassertSteps(state, slot, rules, add);
    }
  }
  reclaimSteps(state, rules, add);
  sweepSteps(state, rules, add);
  cancelSteps(state, rules, add);
  return steps;
}

/** Registers a process. The same statement takes its counted crash back. */
function register({ database, processes }: State, identity: Identity, rules: Rules): Database {
  const { registered, crashes } = database;
  const knowsRun = processes.some((process) => process.identity === identity && process.run);
  const takesBack =
    rules.countTakenBackBy === 'identity' || (rules.countTakenBackBy === 'known runs' && knowsRun);
  const first = takesBack ? crashes.indexOf(identity) : -1;
  return {
    ...database,
    registered: [...registered, identity],
    crashes: crashes.filter((_, index) => index !== first),
  };
}

/** Sends a claim. It finds rows in the snapshot in which it was sent, so it is sent only when there is a row to claim. */
function sendClaim(state: State, slot: Slot): State {
  const token = { identity: state.processes[slot].identity, attempt: 0, claim: 0 };
  const statement: Statement = {
    kind: 'claim',
    client: slot,
    token,
    sequence: 0,
    events: [],
    decided: false,
    tooMany: false,
  };
  return withProcess({ ...state, statements: [...state.statements, statement] }, slot, { claiming: true });
}

/** Compares the row with the run of this process. Comparisons that change nothing are not steps. */
function reassertSteps(state: State, slot: Slot, rules: Rules, add: Add): void {
  const { database, processes } = state;
  const { identity, run, claiming } = processes[slot];
  const { owner, attempt, claim, completed, events } = database;
  const name = `${NAMES[slot]}: re-assert`;
  const isOpen = !completed;
  if (run && !(isOpen && isOwner(database, { ...run, identity }, rules)))
    return add(`${name}, stop what is not mine`, stopRun(state, slot));
  if (owner !== identity) return;
  const token = { identity, attempt, claim };
  const released = { ...stopRun(state, slot), database: release(database, token, rules) };
  if (!run && !(claiming && rules.reassertSparesClaims) && rules.reassertReleasesForgotten)
    add(`${name}, release what does not run here`, released);
  if (run?.stage === 'running' && run.tail > events.length && rules.reassertReleasesLostTail)
    add(`${name}, release what lost its tail`, released);
}

/** Declares a process dead, in one transaction. */
export function reclaim(database: Database, dead: Identity, rules: Rules): Database {
  const registered = database.registered.filter((identity) => identity !== dead);
  if (database.owner !== dead || database.completed) return { ...database, registered };
  const crashes = counted(database.crashes, dead, rules);
  return { ...database, registered, owner: null, runnable: true, crashes };
}

function reclaimSteps(state: State, rules: Rules, add: Add): void {
  const { database, processes } = state;
  for (const identity of database.registered) {
    const living = processes.find((process) => process.identity === identity);
    const next = { ...state, database: reclaim(database, identity, rules) };
    if (!living) add('reclaim a process that crashed', next);
    else if (living.frozen && rules.silenceIgnoresLock) add('reclaim a process that is silent', next);
  }
}

function sweepSteps(state: State, rules: Rules, add: Add): void {
  const { database, sweep } = state;
  const { owner, registered, attempt, completed, exists, runnable } = database;
  const isOpen = exists && !completed;
  if (isOpen && owner === null && !runnable)
    add('sweep: make runnable', { ...state, database: { ...database, runnable: true } });
  if (!sweep) {
    if (isOpen && owner !== null && !registered.includes(owner))
      add('sweep: read an owner without a row', { ...state, sweep: { registered, attempt } });
    return;
  }
  // The row is read again under its lock, but the rows of `processes` come from the snapshot.
  const isSame = !rules.sweepChecksAttempt || attempt === sweep.attempt;
  if (!isOpen || owner === null || sweep.registered.includes(owner) || !isSame)
    return add('sweep: changes nothing', { ...state, sweep: null });
  const crashes = rules.sweepCountsCrash ? counted(database.crashes, owner, rules) : database.crashes;
  const swept = { ...database, owner: null, runnable: true, crashes };
  add('sweep: release an owner without a row', { ...state, sweep: null, database: swept });
}

function cancelSteps(state: State, rules: Rules, add: Add): void {
  const { database, ending } = state;
  const { exists, completed, owner, attempt, cancelWanted, events } = database;
  if (exists && !completed && !cancelWanted)
    add('request cancel', { ...state, database: { ...database, cancelWanted: true } }, false);
  if (ending === null) {
    if (cancelWanted && owner === null && !completed)
      add('end unowned: read the tail', { ...state, ending: events.length });
    return;
  }
  const sequence = ending + 1;
  const next = { ...state, ending: null };
  const isFree = hasPrevious(database, sequence, rules) && !isTaken(database, sequence);
  if (owner !== null || completed || !isFree) return add('end unowned: changes nothing', next);
  const cancelled = storedEvent('X', attempt, 0);
  add('end unowned: commits', { ...next, database: insertEvents(database, sequence, [cancelled]) });
}

/** Counts a crash. A mere counter counts every crash; a list of identities counts each process once. */
function counted(crashes: readonly Identity[], dead: Identity, rules: Rules): readonly Identity[] {
  return rules.countTakenBackBy === 'identity' && crashes.includes(dead) ? crashes : [...crashes, dead];
}
