import type pg from 'pg';

/** What pg says of a query that it has given up (`query_timeout`): PostgreSQL still works on it. */
const GIVEN_UP = 'Query read timeout';

/** Whether a query was given up by this side, so that its connection is still busy with it. */
export const isGivenUp = (error: unknown): boolean => error instanceof Error && error.message === GIVEN_UP;

type Query = (...args: unknown[]) => unknown;

/**
 * Calls `onError` with the error of every query of a client, before whoever made the query learns of it. In this one
 * place because the pool, Kysely and transactions each query a client in their own way, and each releases it.
 */
export function watchQueries(client: pg.PoolClient, onError: (error: unknown) => void): void {
  const query = client.query.bind(client) as Query;
  const watched: Query = (...args) => {
    const callback = args.at(-1);
    if (typeof callback !== 'function') {
      const answer = query(...args);
      if (answer instanceof Promise) answer.catch(onError);
      return answer;
    }
    const given = callback as Query;
    return query(...args.slice(0, -1), (error: unknown, result: unknown) => {
      if (error) onError(error);
      given(error, result);
    });
  };
  client.query = watched as typeof client.query;
}
