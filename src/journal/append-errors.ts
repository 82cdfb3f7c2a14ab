import type { RecordedEvent } from '../events/recorded-event.js';

/** This process no longer owns the execution and must stop running it. */
export class StaleOwnerError extends Error {
  override readonly name = 'StaleOwnerError';
}

/** Another process has appended an event with the same sequence, such as the owner before this one: read the journal again. */
export class SequenceTakenError extends Error {
  override readonly name = 'SequenceTakenError';

  /** @param cause the database's error, if it found the sequence taken */
  constructor(cause?: unknown) {
    super('another process has just appended to this execution', cause === undefined ? {} : { cause });
  }
}

/** The database has lost events that it had acknowledged, for example in a failover: read the journal again. */
export class LostTailError extends Error {
  override readonly name = 'LostTailError';
}

const UNIQUE_VIOLATION = '23505';
/** Data exception, integrity constraint violation, program limit exceeded. */
const DATA_ERRORS = /^(22|23|54)/;

/**
 * Checks whether an append failed because something that it inserts exists. If the answer to the append was lost, that may be
 * its own rows.
 */
export const isTaken = (error: unknown): boolean => (error as { code?: string }).code === UNIQUE_VIOLATION;

/** Checks whether an append failed because one of its sequences is taken, and not a row that it inserts beside its events. */
export const isSequenceTaken = (error: unknown): boolean =>
  isTaken(error) && !['executions', 'waits'].includes((error as { table?: string }).table ?? '');

/**
 * Checks whether the append itself causes the error, so that sending it again cannot help. Every other error comes
 * from the state of the database: no connection, no space, a lock that was held for too long.
 */
export function isAppendFault(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && DATA_ERRORS.test(code);
}

/** Checks whether the data that is stored at an append's first sequence is the append's own. */
export const isStored = (events: readonly RecordedEvent[], stored: string | undefined): boolean =>
  stored !== undefined && stored === events[0]?.data;
