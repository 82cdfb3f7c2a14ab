// The state of the model: what PostgreSQL stores, what waits in its server, what each process keeps in memory.
import type { Database, Identity, Letter, StoredEvent, Token } from './database.ts';
import { type Faults, NO_FAULTS } from './rules.ts';

/** Index of a process in `State.processes`; 'P' and 'Q' in the names of steps. */
export type Slot = 0 | 1;
export const SLOTS: readonly Slot[] = [0, 1];
export const NAMES = ['P', 'Q'] as const;

/** A statement that the server has received and has not committed. */
export interface Statement {
  /** 'plain': an append without, 'row': one with a change of the row. */
  kind: 'claim' | 'plain' | 'row' | 'release';
  /** The process that waits for the answer; null: the answer is lost, the statement is a zombie. */
  client: Slot | null;
  token: Token;
  /** The place of the first event. */
  sequence: number;
  events: readonly StoredEvent[];
  /**
   * A plain append whose unlocked read of the row and of the previous event was favourable.
   * A claim that is committed and whose answer is under way.
   */
  decided: boolean;
  /** A claim that found more counted deaths than the limit allows. */
  tooMany: boolean;
}

/** An execution that runs in a process. */
export interface Run {
  attempt: number;
  claim: number;
  /** claimed, tail read, running; `state read` belongs to the mistake that reads in the wrong order. */
  stage: 'claimed' | 'tail read' | 'state read' | 'running';
  /** The newest sequence that this run knows to be committed. */
  tail: number;
  /** What this run knows of node A: 0 not started, 1 runs, 2 finished. */
  nodeA: 0 | 1 | 2;
  /** The events that this run is appending, in one statement. */
  appending: readonly Letter[];
  /** Why the answer to that append decides nothing. lost: none; taken: unique violation; refused: no row. */
  doubt: 'lost' | 'taken' | 'refused' | null;
  /** The claim found more counted deaths than the limit allows. */
  tooMany: boolean;
}

export interface Process {
  identity: Identity;
  frozen: boolean;
  /** A claim is under way. */
  claiming: boolean;
  run: Run | null;
}

export interface State {
  database: Database;
  /** What an asynchronous replica has, and a failover makes the database. */
  replica: Database | null;
  statements: readonly Statement[];
  /** A sweep under way: the rows of `processes` in its snapshot, and the attempt that it read. */
  sweep: { registered: readonly Identity[]; attempt: number } | null;
  /** An end of the unowned execution under way: the newest sequence that it read. */
  ending: number | null;
  processes: readonly [Process, Process];
  /** Claims so far; a failover does not take them back. */
  claims: number;
  faults: Faults;
  /** The event of an acknowledgement that was wrong. */
  falselyAcknowledged: StoredEvent | null;
}

export const freshProcess = (identity: Identity): Process => ({
  identity,
  frozen: false,
  claiming: false,
  run: null,
});

export function initialState(): State {
  return {
    database: {
      exists: false,
      owner: null,
      attempt: 0,
      claim: 0,
      runnable: false,
      cancelWanted: false,
      completed: false,
      crashes: [],
      registered: [0, 1],
      events: [],
    },
    replica: null,
    statements: [],
    sweep: null,
    ending: null,
    processes: [freshProcess(0), freshProcess(1)],
    claims: 0,
    faults: NO_FAULTS,
    falselyAcknowledged: null,
  };
}

export function withProcess(state: State, slot: Slot, change: Partial<Process>): State {
  const changed = { ...state.processes[slot], ...change };
  return { ...state, processes: slot === 0 ? [changed, state.processes[1]] : [state.processes[0], changed] };
}

/** Turns statements that a process waits for into zombies; an answer under way is lost. */
export function abandon(state: State, slot: Slot, which: (statement: Statement) => boolean): State {
  const isAbandoned = (statement: Statement): boolean => statement.client === slot && which(statement);
  if (!state.statements.some(isAbandoned)) return state;
  const statements = state.statements.flatMap((statement) => {
    if (!isAbandoned(statement)) return [statement];
    return statement.kind === 'claim' && statement.decided ? [] : [{ ...statement, client: null }];
  });
  return { ...state, statements };
}

/** All identities that a state names; a process that starts again takes one that is not among them. */
export function identitiesOf(state: State): Set<Identity> {
  const { database, replica, statements, sweep, processes } = state;
  const found = new Set<Identity>(processes.map(({ identity }) => identity));
  for (const stored of replica ? [database, replica] : [database]) {
    if (stored.owner !== null) found.add(stored.owner);
    for (const identity of stored.registered) found.add(identity);
    for (const identity of stored.crashes) found.add(identity);
  }
  for (const { token } of statements) found.add(token.identity);
  for (const identity of sweep?.registered ?? []) found.add(identity);
  return found;
}
