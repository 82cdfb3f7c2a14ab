import type { RecordedEvent } from '../events/recorded-event.js';

/** This process does not own the execution any more: it must stop. */
export class StaleOwnerError extends Error {
  override readonly name = 'StaleOwnerError';
}

/** This process owns the execution, but the owner before it was still writing: read the journal again. */
export class SequenceTakenError extends Error {
  override readonly name = 'SequenceTakenError';
}

/** The database has lost events that it had acknowledged, as after a failover: read the journal again. */
export class LostTailError extends Error {
  override readonly name = 'LostTailError';
}

const UNIQUE_VIOLATION = '23505';
/** Data exception, integrity constraint violation, program limit exceeded. */
const OF_THE_DATA = /^(22|23|54)/;

/** Whether an append found one of its sequences taken. */
export const isSequenceTaken = (error: unknown): boolean =>
  (error as { code?: string; constraint?: string }).code === UNIQUE_VIOLATION;

/**
 * Whether the append itself is at fault, so that sending it again cannot help. All else is the database's: no
 * connection, no space, a lock that was held for too long.
 */
export function isAppendFault(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && OF_THE_DATA.test(code);
}

/** Whether what is stored at an append's first sequence is the append itself. */
export const isStored = (events: readonly RecordedEvent[], stored: string | undefined): boolean =>
  stored !== undefined && stored === events[0]?.data;
