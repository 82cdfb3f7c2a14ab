import { Injectable } from '@nestjs/common';
import { Database } from '../../database/database.js';

/** The version of a saved workflow that a tool runs. */
export interface ToolVersion {
  projectId: string;
  name: string;
  version: number;
  description: string | null;
  tags: string[];
  inputSchema: Record<string, unknown>;
}

/** Which saved workflows are asked for. */
export interface ToolFilter {
  /** undefined: all projects. */
  readonly projectIds: readonly string[] | undefined;
  /** The only refs that the caller may start; undefined for no such limit. */
  readonly refs: readonly string[] | undefined;
}

// The version is that of the alias `production`, or else the newest. A caller that may start certain refs gets the first one of
// the name that exists, `production` before the others; a name without a version allows all versions.
const TOOLS = `
  SELECT w.project_id AS "projectId", w.name, v.version, v.description, v.tags, v.input_schema AS "inputSchema"
  FROM cloutagent.workflows AS w
  JOIN LATERAL (
    SELECT coalesce(
      (SELECT a.version FROM cloutagent.workflow_aliases AS a
       WHERE a.project_id = w.project_id AND a.name = w.name AND a.alias = 'production'),
      (SELECT max(n.version) FROM cloutagent.workflow_versions AS n WHERE n.project_id = w.project_id AND n.name = w.name)
    ) AS version
  ) AS usual ON true
  JOIN cloutagent.workflow_versions AS v ON v.project_id = w.project_id AND v.name = w.name AND v.version = CASE
    WHEN $2::text[] IS NULL OR w.name = ANY ($2) THEN usual.version
    ELSE (
      SELECT r.version FROM (
        SELECT position, selector, CASE WHEN selector ~ '^[0-9]{1,9}$'
          THEN selector::int
          ELSE (SELECT a.version FROM cloutagent.workflow_aliases AS a
                WHERE a.project_id = w.project_id AND a.name = w.name AND a.alias = selector) END AS version
        FROM (
          SELECT position, split_part(ref, '@', 2) AS selector
          FROM unnest($2) WITH ORDINALITY AS u(ref, position) WHERE split_part(ref, '@', 1) = w.name
        ) AS s
      ) AS r
      WHERE EXISTS (SELECT FROM cloutagent.workflow_versions AS e
        WHERE e.project_id = w.project_id AND e.name = w.name AND e.version = r.version)
      ORDER BY r.selector <> 'production', r.position LIMIT 1
    ) END
  WHERE w.deleted_at IS NULL AND ($1::text[] IS NULL OR w.project_id = ANY ($1)) AND v.input_schema ->> 'type' = 'object'`;
const PAGE = `${TOOLS} AND ($3::text IS NULL OR (w.project_id, w.name) > ($3, $4)) ORDER BY w.project_id, w.name LIMIT $5`;
const ONE = `${TOOLS} AND w.project_id = $3 AND w.name = $4`;

/** Reads the saved workflows that can be tools: those whose `inputSchema` has the type `object`. */
@Injectable()
export class ToolCatalogRepository {
  constructor(private readonly database: Database) {}

  /** Reads a page by project and name. @param after the last tool of the page before */
  async list(
    { projectIds, refs }: ToolFilter,
    after: { projectId: string; name: string } | undefined,
    limit: number,
  ): Promise<ToolVersion[]> {
    const { rows } = await this.database.pool.query<ToolVersion>(PAGE, [
      projectIds ?? null,
      refs ?? null,
      after?.projectId ?? null,
      after?.name ?? null,
      limit,
    ]);
    return rows;
  }

  async find(
    { projectIds, refs }: ToolFilter,
    projectId: string,
    name: string,
  ): Promise<ToolVersion | undefined> {
    const { rows } = await this.database.pool.query<ToolVersion>(ONE, [
      projectIds ?? null,
      refs ?? null,
      projectId,
      name,
    ]);
    return rows[0];
  }
}
