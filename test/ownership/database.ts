// The data that PostgreSQL stores about the execution, and the conditions of the statements on it.
import type { Rules } from './rules.ts';

/** The value that a process writes into `executions.owner`. A process that starts again has a new one. */
export type Identity = number;

/**
 * An event: a letter, the attempt of its author, and the number of the claim that its author holds.
 * S started, r node A runs, f node A finished, C completed, X cancelled, F failed.
 * Without a failover the number of the claim is the attempt. The end of an unowned execution has claim 0.
 */
export type StoredEvent = string;
export type Letter = 'S' | 'r' | 'f' | 'C' | 'X' | 'F';
export const storedEvent = (letter: string, attempt: number, claim: number): StoredEvent =>
  `${letter}${attempt}.${claim}`;
export const letterOf = (event: StoredEvent): Letter => event[0] as Letter;
export const attemptOf = (event: StoredEvent): number => Number(event.slice(1, event.indexOf('.')));
export const claimOf = (event: StoredEvent): number => Number(event.slice(event.indexOf('.') + 1));
export const isTerminal = (event: StoredEvent): boolean => 'CXF'.includes(letterOf(event));

/** The committed data. Values are replaced and never changed in place, so that copies may share them. */
export interface Database {
  exists: boolean;
  owner: Identity | null;
  attempt: number;
  /** The number of the newest stored claim. It is the token if tokens are unique to claims. */
  claim: number;
  runnable: boolean;
  cancelWanted: boolean;
  completed: boolean;
  /** The processes whose crashes `crash_count` counts. A mere counter has one entry for each increment. */
  crashes: readonly Identity[];
  /** The identities with a row in `processes`. */
  registered: readonly Identity[];
  /** `events[n]` has the sequence n + 1; '' is a hole. */
  events: readonly StoredEvent[];
}

/** The identity that claims to own the execution, and its claim. */
export interface Token {
  identity: Identity;
  attempt: number;
  claim: number;
}

export function isOwner(database: Database, { identity, attempt, claim }: Token, rules: Rules): boolean {
  const isNewest = rules.tokenIsUnique ? claim === database.claim : attempt === database.attempt;
  return isNewest && database.owner === identity;
}

export function canBeClaimed({ exists, completed, owner, runnable }: Database, rules: Rules): boolean {
  return exists && !completed && (!rules.claimTakesOnlyUnowned || (owner === null && runnable));
}

/** The primary key: whether another event has this sequence. Appends are contiguous, so the first sequence decides. */
export const isTaken = ({ events }: Database, sequence: number): boolean => Boolean(events[sequence - 1]);

export function hasPrevious({ events }: Database, sequence: number, rules: Rules): boolean {
  return !rules.appendChecksPrevious || sequence === 1 || Boolean(events[sequence - 2]);
}

/** @returns the database with the events. If the last one is terminal, the row has ended too */
export function insertEvents(database: Database, sequence: number, added: readonly StoredEvent[]): Database {
  const events = [...database.events];
  while (events.length < sequence - 1) events.push('');
  for (const [index, event] of added.entries()) events[sequence - 1 + index] = event;
  if (!isTerminal(added.at(-1)!)) return { ...database, events };
  return { ...database, events, completed: true, owner: null, runnable: false };
}

/** The statement of a release. It changes nothing if there is a newer claim or the execution has ended. */
export function release(database: Database, token: Token, rules: Rules): Database {
  if (!isOwner(database, token, rules) || database.completed) return database;
  return { ...database, owner: null, runnable: true };
}
