import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';
import {
  NOT_OF_THE_FUTURE,
  STATUS_COLUMNS,
  type StatusChange,
  toChange,
} from '../../journal/status-changes.js';
import type { MembershipFilter } from '../../streaming/multi/filter-membership.js';

/** Without a root, child executions are left out. */
const IN_TREE = (root: string): string =>
  `CASE WHEN ${root}::uuid IS NULL THEN e.root_id IS NULL ELSE e.root_id = ${root} OR e.id = ${root} END`;

// Executions under way come first, then the oldest queued ones. Those beyond the limit join when their status changes.
const CURRENT = `
  WITH s AS (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon)
  SELECT s.horizon::text::bigint AS horizon, e.* FROM s LEFT JOIN LATERAL (
    (SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
     WHERE e.completed_at IS NULL AND ($1::text[] IS NULL OR e.project_id = ANY ($1))
       AND ($2::text IS NULL OR $2 = ANY (e.tags)) AND ($3::text[] IS NULL OR e.status = ANY ($3)) AND ${IN_TREE('$5')}
     ORDER BY e.status = 'queued', e.ordinal LIMIT $4)
    UNION ALL
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE e.completed_at IS NOT NULL AND e.changed_xid >= s.horizon AND ${NOT_OF_THE_FUTURE}
      AND ($1::text[] IS NULL OR e.project_id = ANY ($1)) AND ($2::text IS NULL OR $2 = ANY (e.tags)) AND ${IN_TREE('$5')}
  ) AS e ON true`;

const BY_ORDINAL = `
  WITH s AS (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next)
  SELECT s.next, e.* FROM s LEFT JOIN (
    SELECT ${STATUS_COLUMNS} FROM cloutagent.executions AS e
    WHERE (e.ordinal = ANY ($1::bigint[]) OR e.id = $4) AND ${IN_TREE('$4')} AND ($2::text[] IS NULL OR e.project_id = ANY ($2))
      AND ($3::text IS NULL OR $3 = ANY (e.tags))
  ) AS e ON true`;

/** Reads the executions with which a stream by filter starts. */
@Injectable()
export class StreamMembersRepository {
  constructor(private readonly database: Database) {}

  /**
   * Reads the open executions that match, at most `limit`, and the ended ones that a later poll could find again.
   * @returns them, and the horizon: all transactions before it had ended
   */
  async current(
    { projectIds, tag, status, rootId }: MembershipFilter,
    limit: number,
  ): Promise<{ executions: StatusChange[]; horizon: number }> {
    const values = [projectIds ?? null, tag ?? null, status ?? null, limit, rootId ?? null];
    const { rows } = await this.database.pool.query<Record<string, unknown>>(CURRENT, values);
    return { executions: changesOf(rows), horizon: Number(rows[0]!['horizon']) };
  }

  /**
   * Reads the executions of a cursor that still match the filter's projects, tag and root, and the root itself.
   * @returns them, and the id that the next transaction of this database cluster gets
   */
  async byOrdinal(
    ordinals: readonly number[],
    { projectIds, tag, rootId }: MembershipFilter,
  ): Promise<{ executions: StatusChange[]; nextXid: number }> {
    const values = [ordinals, projectIds ?? null, tag ?? null, rootId ?? null];
    const { rows } = await this.database.pool.query<Record<string, unknown>>(BY_ORDINAL, values);
    return { executions: changesOf(rows), nextXid: Number(rows[0]!['next']) };
  }
}

/** Both statements return one row without an execution if there is none. */
const changesOf = (rows: readonly Record<string, unknown>[]): StatusChange[] =>
  rows.filter((row) => row['ordinal'] !== null).map(toChange);
