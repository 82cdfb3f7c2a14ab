import type { ExecutionStatus } from '@cloutagent/contract';
import type pg from 'pg';

/** Numbers of root executions by status. A status that none has is left out. */
export type StatusCounts = Partial<Record<ExecutionStatus, number>>;

/** In the table of sums, the id of all projects together. No project has it. */
const ALL_PROJECTS = '';

// One statement sees one snapshot, so no change is missed or counted twice.
const READ = `
  SELECT status, sum(number)::float8 AS count FROM (
    SELECT status, count FROM cloutagent.execution_counts WHERE project_id = $1
    UNION ALL
    SELECT status, change FROM cloutagent.execution_count_changes WHERE $1 IN (project_id, '${ALL_PROJECTS}')
  ) AS numbers(status, number) GROUP BY status HAVING sum(number) > 0`;

// Two processes take different changes. The order of the rows excludes a deadlock between them.
const SUM = `
  WITH taken AS (
    DELETE FROM cloutagent.execution_count_changes RETURNING project_id, status, change
  )
  INSERT INTO cloutagent.execution_counts AS c (project_id, status, count)
  SELECT coalesce(project_id, '${ALL_PROJECTS}'), status, sum(change) FROM taken
  GROUP BY GROUPING SETS ((project_id, status), (status)) HAVING sum(change) <> 0 ORDER BY 1, 2
  ON CONFLICT (project_id, status) DO UPDATE SET count = c.count + excluded.count`;

const DELETE_ZEROS = 'DELETE FROM cloutagent.execution_counts WHERE count = 0';

/**
 * Reads the numbers of root executions by status, which are exact.
 * @param projectId default: all projects together
 */
export async function readCounts(
  client: pg.Pool | pg.PoolClient,
  projectId: string = ALL_PROJECTS,
): Promise<StatusCounts> {
  const { rows } = await client.query<{ status: ExecutionStatus; count: number }>(READ, [projectId]);
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

/** Adds the changes to the sums, so that reading the numbers stays quick. */
export async function sumCounts(client: pg.Pool): Promise<void> {
  await client.query(SUM);
  await client.query(DELETE_ZEROS);
}
