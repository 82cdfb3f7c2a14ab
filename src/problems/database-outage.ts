/** Codes of Node's errors for connections that could not be made or that broke. */
const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/**
 * SQLSTATEs (PostgreSQL, appendix A) after which the same statement may succeed later: connection exceptions (08), a
 * read-only transaction (25006), a conflict with another transaction (40001, 40P01, 55P03), insufficient resources such
 * as a full disk (53), operator intervention, which includes the time limit of a statement (57), system errors (58).
 */
const OUTAGE_STATES = /^(08...|25006|40001|40P01|53...|55P03|57...|58...)$/;
/** Messages of pg's own errors, which have no code. */
const PG_MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|Client was closed and is not queryable|timeout exceeded when trying to connect|Query read timeout)/;
/** SQLSTATEs of a database that answers but refuses writes: it is read-only or full, or its disk fails. */
const WRITE_REFUSALS = new Set(['25006', '53100', '58030']);

/** Whether an error means that the database cannot process the request now. The same request may succeed later. */
export function isDatabaseOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseOutage);
  const code = codeOf(error);
  if (code !== undefined) return CONNECTION_CODES.has(code) || OUTAGE_STATES.test(code);
  return PG_MESSAGES.test(error.message);
}

/** Whether an error means that the database answers but refuses writes. */
export const isWriteRefusal = (error: unknown): boolean => WRITE_REFUSALS.has(codeOf(error) ?? '');

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
