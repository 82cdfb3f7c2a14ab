import type pg from 'pg';

/** The message of pg's error for a query that exceeds `query_timeout`. */
const QUERY_TIMEOUT = 'Query read timeout';

/** Whether pg has given up a query. PostgreSQL may still run it, so its connection is still busy. */
export const isQueryTimeout = (error: unknown): error is Error =>
  error instanceof Error && error.message === QUERY_TIMEOUT;

type Query = (...args: unknown[]) => unknown;

/**
 * Calls `onError` with the error of each failed query of a client, before the caller of the query receives it. Errors are
 * observed here, in one place, because the pool, Kysely and transactions each query and release clients in their own way.
 */
export function watchQueries(client: pg.PoolClient, onError: (error: unknown) => void): void {
  const query = client.query.bind(client) as Query;
  const watched: Query = (...args) => {
    const callback = args.at(-1);
    if (typeof callback !== 'function') {
      const result = query(...args);
      if (result instanceof Promise) result.catch(onError);
      return result;
    }
    const original = callback as Query;
    return query(...args.slice(0, -1), (error: unknown, result: unknown) => {
      if (error) onError(error);
      original(error, result);
    });
  };
  client.query = watched as typeof client.query;
}
