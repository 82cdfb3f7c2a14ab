import { Inject, Injectable } from '@nestjs/common';
import type pg from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { readCounts, type StatusCounts } from './execution-counts.js';

/** The executions whose figures are read: those that were created from `from` on and before `to`. */
export interface StatsRange {
  projectId: string;
  from: Date;
  to: Date;
  interval: 'hour' | 'day';
}

/** Figures of one interval, or of the whole range if `at` is null. */
export interface CountsRow {
  at: Date | null;
  statuses: StatusCounts;
  p50: number | null;
  p95: number | null;
}

/** What the executions of one interval have used of a model. */
export interface UsageRow {
  at: Date;
  model: string;
  input: number;
  output: number;
  /** null if the cost of one of the executions is not known. */
  costUSD: number | null;
}

const AT = `date_trunc($4, l.created_at, 'UTC')`;
// Each execution has one entry without a tag.
const IN_RANGE = `l.project_id = $1 AND l.tag = '' AND l.is_root AND l.created_at >= $2 AND l.created_at < $3`;
const OPEN = `l.status IN ('queued', 'running', 'waiting', 'paused')`;
const ANY = `l.status IN ('queued', 'running', 'waiting', 'paused', 'completed', 'failed', 'cancelled')`;

const COUNTS = `
  WITH roots AS (
    SELECT ${AT} AS at, l.status, l.duration_ms AS ms FROM cloutagent.list_entries AS l WHERE ${IN_RANGE} AND ${ANY}
  ), statuses AS (
    SELECT at, status, count(*)::int AS number FROM roots GROUP BY GROUPING SETS ((at, status), (status))
  )
  SELECT d.at, d.p[1] AS p50, d.p[2] AS p95, s.statuses FROM (
    SELECT at, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ms) AS p
    FROM roots GROUP BY GROUPING SETS ((at), ())
  ) AS d JOIN (
    SELECT at, json_object_agg(status, number) AS statuses FROM statuses GROUP BY at
  ) AS s ON s.at IS NOT DISTINCT FROM d.at
  ORDER BY d.at`;

// A tree has one counter for all of its executions. Any other root has its totals in `root_usage` once it has ended, and in its
// last `execution:cost-update` until then.
const USAGE = `
  WITH used AS (
    SELECT ${AT} AS at, t.model, t.input::numeric, t.output::numeric,
      CASE WHEN t.input = t.priced_input AND t.output = t.priced_output THEN t.cost_usd END AS cost
    FROM cloutagent.list_entries AS l JOIN cloutagent.tree_usage AS t ON t.root_id = l.execution_id WHERE ${IN_RANGE} AND ${ANY}
    UNION ALL
    SELECT date_trunc($4, u.created_at, 'UTC'), u.model, u.input, u.output, u.cost_usd
    FROM cloutagent.root_usage AS u WHERE u.project_id = $1 AND u.created_at >= $2 AND u.created_at < $3
    UNION ALL
    SELECT ${AT}, u.model, u.input, u.output, u.cost_usd
    FROM cloutagent.list_entries AS l CROSS JOIN LATERAL cloutagent.usage_of_root(l.execution_id) AS u
    WHERE ${IN_RANGE} AND ${OPEN}
  )
  SELECT at, model, sum(input)::float8 AS input, sum(output)::float8 AS output,
    CASE WHEN count(*) = count(cost) THEN sum(cost)::float8 END AS "costUSD"
  FROM used GROUP BY at, model ORDER BY at, model`;

/** Reads the figures of projects. */
@Injectable()
export class StatsRepository {
  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'STATS_TIMEOUT_MS'>,
  ) {}

  /**
   * Reads the figures of a range from one snapshot.
   * @throws the database's error 57014 if a statement takes longer than STATS_TIMEOUT_MS
   */
  read(range: StatsRange): Promise<{ counts: CountsRow[]; usage: UsageRow[]; stored: StatusCounts }> {
    const values = [range.projectId, range.from, range.to, range.interval];
    return this.database.transaction(async (client) => {
      await begin(client, this.settings.STATS_TIMEOUT_MS);
      const counts = await client.query<CountsRow>(COUNTS, values);
      const usage = await client.query<UsageRow>(USAGE, values);
      const stored = await readCounts(client, range.projectId);
      return { counts: counts.rows, usage: usage.rows, stored };
    });
  }
}

async function begin(client: pg.PoolClient, timeoutMs: number): Promise<void> {
  await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
  await client.query(`SET LOCAL statement_timeout = ${timeoutMs}`);
}
