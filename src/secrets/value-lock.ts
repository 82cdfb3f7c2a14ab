import type { PoolClient } from 'pg';
import { ProblemError } from '../problems/problem.error.js';

const SETTINGS = { secrets: 'MAX_SECRETS_PER_PROJECT', variables: 'MAX_VARIABLES_PER_PROJECT' } as const;

/**
 * Locks the secrets or the variables of a project until the transaction ends, and checks that one more may be made.
 * @param name an existing one may always be set
 * @throws ProblemError 409 `too_many_values`
 */
export async function lockValues(
  client: PoolClient,
  table: keyof typeof SETTINGS,
  projectId: string,
  name: string,
  max: number,
): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${table} ${projectId}`]);
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM cloutagent.${table} WHERE project_id = $1 AND name <> $2`,
    [projectId, name],
  );
  if (rows[0]!.count >= max)
    throw new ProblemError(
      'too_many_values',
      `The project has ${max} ${table}, and more are not allowed (${SETTINGS[table]}). Delete one first.`,
    );
}
