import { randomInt } from 'node:crypto';

/** Identifies this process in the database: in `executions.owner`, in `processes` and in notifications. */
export class ProcessIdentity {
  /** A positive 31-bit number as text. It is also the second key of the process's advisory lock. */
  readonly value = String(randomInt(1, 2 ** 31 - 1));
}
