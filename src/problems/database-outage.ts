/** What Node says of a connection that could not be made or broke. */
const CONNECTION = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN']);
/**
 * PostgreSQL: connection exceptions, insufficient resources (connections, disk, memory), a lock that was not available,
 * a query that took too long (DATABASE_QUERY_TIMEOUT_MS), and shutting down or starting up.
 */
const STATES = /^(08...|53...|55P03|57014|57P0[123])$/;
/** pg's own errors have no code. */
const MESSAGES =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout)/;

/** Whether an error says that the database cannot be reached now: the request may be sent again. */
export function isDatabaseOutage(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  if (error instanceof AggregateError) return error.errors.some(isDatabaseOutage);
  if (typeof code === 'string') return CONNECTION.has(code) || STATES.test(code);
  return MESSAGES.test(error.message);
}
