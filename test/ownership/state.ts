// The state of the model: the stored data, the statements that wait in PostgreSQL, and the memory of each process.
import type { Database, Identity, Letter, StoredEvent, Token } from './database.ts';
import { type Faults, NO_FAULTS } from './rules.ts';

/** Index of a process in `State.processes`; 'P' and 'Q' in the names of steps. */
export type Slot = 0 | 1;
export const SLOTS: readonly Slot[] = [0, 1];
export const NAMES = ['P', 'Q'] as const;

/** A statement that the server has received and has not committed. */
export interface Statement {
  /** 'plain': an append that does not change the row, 'row': one that does. */
  kind: 'claim' | 'plain' | 'row' | 'release';
  /** The process that waits for the answer; null: the answer is lost and the statement is a zombie. */
  client: Slot | null;
  token: Token;
  /** The sequence of the first event. */
  sequence: number;
  events: readonly StoredEvent[];
  /**
   * For a plain append: its unlocked read of the row and of the previous event has succeeded.
   * For a claim: it is committed, and its answer has not arrived yet.
   */
  decided: boolean;
  /** For a claim: it found more counted crashes than the limit allows. */
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
  /** The state of node A as this run knows it: 0 not started, 1 running, 2 finished. */
  nodeA: 0 | 1 | 2;
  /** The events that this run is appending, in one statement. */
  appending: readonly Letter[];
  /** Why the answer to that append decides nothing. lost: none; taken: unique violation; refused: no row. */
  doubt: 'lost' | 'taken' | 'refused' | null;
  /** The claim found more counted crashes than the limit allows. */
  tooMany: boolean;
}

export interface Process {
  identity: Identity;
  frozen: boolean;
  /** Whether the process waits for the answer to a claim. */
  claiming: boolean;
  run: Run | null;
}

export interface State {
  database: Database;
  /** The data of an asynchronous replica, which a failover makes the database. */
  replica: Database | null;
  statements: readonly Statement[];
  /** A running sweep: the rows of `processes` in its snapshot, and the attempt that it has read. */
  sweep: { registered: readonly Identity[]; attempt: number } | null;
  /** A running end of the unowned execution: the newest sequence that it has read. */
  ending: number | null;
  processes: readonly [Process, Process];
  /** The number of claims so far. A failover does not lower it. */
  claims: number;
  faults: Faults;
  /** An event that was acknowledged but is not stored. */
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

/** Turns the statements whose answers a process waits for into zombies. An answer that has not arrived yet is lost. */
export function abandon(state: State, slot: Slot, which: (statement: Statement) => boolean): State {
  const isAbandoned = (statement: Statement): boolean => statement.client === slot && which(statement);
  if (!state.statements.some(isAbandoned)) return state;
  const statements = state.statements.flatMap((statement) => {
    if (!isAbandoned(statement)) return [statement];
    return statement.kind === 'claim' && statement.decided ? [] : [{ ...statement, client: null }];
  });
  return { ...state, statements };
}

/** Returns all identities in a state. A process that starts again takes another one. */
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
