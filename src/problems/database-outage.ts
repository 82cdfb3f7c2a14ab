/** What Node says of a connection that could not be made or broke. */
const CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN']);
/**
 * SQLSTATEs (PostgreSQL, appendix A) after which the same statement may succeed later: connection exceptions (08), a
 * read-only transaction (25006), a conflict with another transaction (40001, 40P01, 55P03), insufficient resources such
 * as a full disk (53), operator intervention, which includes the time limit of a statement (57), system errors (58).
 */
const STATES = /^(08...|25006|40001|40P01|53...|55P03|57...|58...)$/;
/** pg's own errors have no code. */
const MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|Client was closed and is not queryable|timeout exceeded when trying to connect|Query read timeout)/;
/** SQLSTATEs of a database that answers and takes no writes: it is read-only, full, or its disk fails. */
const NO_WRITES = new Set(['25006', '53100', '58030']);

/** Whether an error says that the database cannot do what was asked of it now: the request may be sent again. */
export function isDatabaseOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseOutage);
  const code = codeOf(error);
  if (code !== undefined) return CONNECTION.has(code) || STATES.test(code);
  return MESSAGES.test(error.message);
}

/** Whether an error says that the database answers but takes no writes. */
export const isWriteRefusal = (error: unknown): boolean => NO_WRITES.has(codeOf(error) ?? '');

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
