import { Injectable } from '@nestjs/common';
import type { WaitKind } from '@cloutagent/contract';
import { NIL_UUID } from '../../common/uuid.js';
import { Database } from '../../database/database.js';
import type { WaitDetails } from '../../database/schema.js';

/** The waits of a page. */
export interface WaitFilter {
  /** undefined: all projects. */
  projectIds: readonly string[] | undefined;
  kinds: readonly WaitKind[];
  executionId: string | undefined;
  /** Only waits with a higher id, which began later. */
  after: string | undefined;
  limit: number;
}

export interface ListedWait {
  waitId: string;
  executionId: string;
  projectId: string;
  nodeId: string;
  stepId: string;
  kind: WaitKind;
  details: WaitDetails;
  signal: string | null;
  assignees: string[] | null;
  until: Date | null;
  since: Date;
}

/** What decides whether a wait is on a page. */
export interface WaitKey {
  id: string;
  assignees: string[] | null;
}

const COLUMNS = `
  id AS "waitId", execution_id AS "executionId", project_id AS "projectId", node_id AS "nodeId", step_id AS "stepId", kind,
  request AS details, signal, assignees, until, created_at AS since`;

// A page of each kind, of each project, is read from its end of an index, and the pages are merged. So the cost depends on
// the page, and not on how many waits there are.
const OF_PROJECTS = `
  SELECT page.* FROM unnest($1::text[]) AS p(project_id) CROSS JOIN unnest($2::text[]) AS k(kind) CROSS JOIN LATERAL (
    SELECT id, assignees FROM cloutagent.waits AS w
    WHERE w.outcome IS NULL AND w.project_id = p.project_id AND w.kind = k.kind AND w.id > $3::uuid
    ORDER BY w.id LIMIT $4
  ) AS page ORDER BY id LIMIT $4`;
const OF_ALL = `
  SELECT page.* FROM unnest($1::text[]) AS k(kind) CROSS JOIN LATERAL (
    SELECT id, assignees FROM cloutagent.waits AS w
    WHERE w.outcome IS NULL AND w.kind = k.kind AND w.id > $2::uuid
    ORDER BY w.id LIMIT $3
  ) AS page ORDER BY id LIMIT $3`;
const OF_EXECUTION = `
  SELECT id, assignees FROM cloutagent.waits AS w
  WHERE w.execution_id = $1 AND w.outcome IS NULL AND w.kind = ANY ($2::text[]) AND w.id > $3::uuid
    AND ($5::text[] IS NULL OR w.project_id = ANY ($5))
  ORDER BY w.id LIMIT $4`;

const ROWS = `SELECT ${COLUMNS} FROM cloutagent.waits WHERE id = ANY ($1::uuid[]) AND outcome IS NULL ORDER BY id`;

/** Reads open waits for the inbox. */
@Injectable()
export class ListedWaitsRepository {
  constructor(private readonly database: Database) {}

  /** Finds open waits, oldest first. */
  async find({ projectIds, kinds, executionId, after = NIL_UUID, limit }: WaitFilter): Promise<WaitKey[]> {
    const query =
      executionId !== undefined
        ? {
            name: 'waits-of-execution',
            text: OF_EXECUTION,
            values: [executionId, kinds, after, limit, projectIds ?? null],
          }
        : projectIds
          ? { name: 'waits-of-projects', text: OF_PROJECTS, values: [projectIds, kinds, after, limit] }
          : { name: 'waits-of-all', text: OF_ALL, values: [kinds, after, limit] };
    return (await this.database.pool.query<WaitKey>(query)).rows;
  }

  /** Reads those of the waits that are still open, oldest first. */
  async read(ids: readonly string[]): Promise<ListedWait[]> {
    if (ids.length === 0) return [];
    const { rows } = await this.database.pool.query<ListedWait>({
      name: 'waits-read',
      text: ROWS,
      values: [ids],
    });
    return rows;
  }
}
