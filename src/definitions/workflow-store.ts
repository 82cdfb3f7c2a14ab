import { Inject, Injectable } from '@nestjs/common';
import type {
  ListWorkflows,
  ListWorkflowVersions,
  SavedWorkflow,
  SavedWorkflowPage,
  SaveWorkflow,
  WorkflowVersionPage,
} from '@cloutagent/contract';
import type pg from 'pg';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { NotFoundError, ProblemError } from '../problems/problem.error.js';
import { decodeKey, encodeKey } from './page-cursor.js';
import {
  contentHash,
  type SummaryRow,
  toSavedWorkflow,
  toSummary,
  type VersionRow,
} from './workflow-content.js';

/** The aliases of a name, as an object. */
const ALIASES = `coalesce((
  SELECT json_object_agg(a.alias, a.version) FROM cloutagent.workflow_aliases AS a
  WHERE a.project_id = v.project_id AND a.name = v.name), '{}') AS aliases`;

const SUMMARY = `v.project_id, v.name, v.version, v.description, v.tags, v.created_at, v.created_by,
  json_array_length(v.workflow -> 'nodes') AS nodes, v.input_schema IS NOT NULL AS has_input_schema, ${ALIASES}`;

// Without a version: the newest. A number is a version, and anything else an alias.
const GET = `
  SELECT v.*, ${ALIASES} FROM cloutagent.workflow_versions AS v
  WHERE v.project_id = $1 AND v.name = $2 AND v.version = CASE
    WHEN $3::text IS NULL THEN (SELECT max(version) FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2)
    WHEN $3 ~ '^[0-9]+$' THEN $3::bigint
    ELSE (SELECT version FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2 AND alias = $3) END`;

const LIST = `
  SELECT ${SUMMARY} FROM cloutagent.workflows AS w JOIN cloutagent.workflow_versions AS v
    ON v.project_id = w.project_id AND v.name = w.name AND v.version = (
      SELECT max(version) FROM cloutagent.workflow_versions WHERE project_id = w.project_id AND name = w.name)
  WHERE w.deleted_at IS NULL AND ($1::text[] IS NULL OR w.project_id = ANY ($1)) AND ($2::text IS NULL OR $2 = ANY (v.tags))
    AND ($3::text IS NULL OR (w.project_id, w.name) > ($3, $4))
  ORDER BY w.project_id, w.name LIMIT $5`;

const HISTORY = `
  SELECT ${SUMMARY} FROM cloutagent.workflow_versions AS v
  WHERE v.project_id = $1 AND v.name = $2 AND ($3::int IS NULL OR v.version < $3) ORDER BY v.version DESC LIMIT $4`;

const COUNTS = `
  SELECT (SELECT count(*)::int FROM cloutagent.workflows WHERE project_id = $1 AND deleted_at IS NULL AND name <> $2) AS workflows,
    (SELECT count(*)::int FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2) AS versions`;

/** A condition on the present version of a name: `any` for `*`. */
export interface Precondition {
  readonly ifMatch?: 'any' | readonly number[];
  readonly ifNoneMatch?: 'any' | readonly number[];
}

/** A request to save a workflow. */
export interface SaveRequest {
  readonly projectId: string;
  readonly name: string;
  readonly content: SaveWorkflow;
  /** Id of the principal. */
  readonly by: string;
  readonly precondition: Precondition;
}

/** Stores saved workflows. A version never changes. */
@Injectable()
export class WorkflowStore {
  constructor(
    private readonly database: Database,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'MAX_WORKFLOWS_PER_PROJECT' | 'MAX_VERSIONS_PER_WORKFLOW' | 'MAX_ALIASES_PER_WORKFLOW'
    >,
  ) {}

  /**
   * Saves content as the next version of a name. Content that equals the newest version changes nothing.
   * @returns the newest version, and whether it is new
   * @throws ProblemError 412 `precondition_failed`, 409 `too_many_workflows`, 409 `too_many_versions`
   */
  async save(request: SaveRequest): Promise<{ saved: SavedWorkflow; isNew: boolean }> {
    const { projectId, name, content } = request;
    return this.database.transaction(async (client) => {
      // Simultaneous requests for one name follow each other, also those for a name that does not exist yet.
      await client.query(
        `INSERT INTO cloutagent.workflows (project_id, name, newest, deleted_at) VALUES ($1, $2, 0, now())
         ON CONFLICT DO NOTHING`,
        [projectId, name],
      );
      const { rows } = await client.query<{ newest: number }>(
        'SELECT newest FROM cloutagent.workflows WHERE project_id = $1 AND name = $2 FOR UPDATE',
        [projectId, name],
      );
      const present = await client.query<{ version: number; hash: Buffer }>(
        `SELECT version, hash FROM cloutagent.workflow_versions
         WHERE project_id = $1 AND name = $2 ORDER BY version DESC LIMIT 1`,
        [projectId, name],
      );
      checkPrecondition(request.precondition, present.rows[0]?.version);
      const hash = contentHash(content);
      const isNew = !present.rows[0]?.hash.equals(hash);
      const version = isNew ? rows[0]!.newest + 1 : present.rows[0]!.version;
      if (isNew) {
        await this.checkCounts(client, projectId, name);
        await insertVersion(client, request, version, hash);
      }
      // In the transaction: a later request may delete the version at once.
      return { saved: await read(client, projectId, name, String(version)), isNew };
    });
  }

  /**
   * Reads a version.
   * @param version a number or an alias; the newest version when left out
   * @throws NotFoundError
   */
  get(projectId: string, name: string, version?: string): Promise<SavedWorkflow> {
    return read(this.database.pool, projectId, name, version);
  }

  /** Lists the newest versions of the workflows of some projects, or of all, by project and name. */
  async list(
    projectIds: readonly string[] | undefined,
    { tag, cursor, limit }: ListWorkflows,
  ): Promise<SavedWorkflowPage> {
    const [afterProject, afterName] = cursor === undefined ? [] : decodeKey(cursor, 2);
    const { rows } = await this.database.pool.query<SummaryRow>(LIST, [
      projectIds ?? null,
      tag ?? null,
      afterProject ?? null,
      afterName ?? null,
      limit + 1,
    ]);
    const workflows = rows.slice(0, limit).map(toSummary);
    const last = workflows.at(-1);
    return {
      workflows,
      nextCursor: rows.length > limit && last ? encodeKey([last.projectId, last.name]) : null,
    };
  }

  /** Lists the versions of a name, newest first. @throws NotFoundError */
  async history(
    projectId: string,
    name: string,
    { cursor, limit }: ListWorkflowVersions,
  ): Promise<WorkflowVersionPage> {
    const before = cursor === undefined ? null : Number(decodeKey(cursor, 1)[0]);
    const { rows } = await this.database.pool.query<SummaryRow>(HISTORY, [
      projectId,
      name,
      before,
      limit + 1,
    ]);
    if (rows.length === 0 && before === null) throw notFound();
    const versions = rows.slice(0, limit).map(toSummary);
    return {
      versions,
      nextCursor: rows.length > limit ? encodeKey([String(versions.at(-1)!.version)]) : null,
    };
  }

  /** Deletes a workflow with all versions and aliases. Executions continue: each has a copy of its graph. @throws NotFoundError */
  async remove(projectId: string, name: string): Promise<void> {
    await this.database.transaction(async (client) => {
      await lock(client, projectId, name);
      await deleteRows(client, 'workflow_aliases', [projectId, name]);
      await deleteRows(client, 'workflow_versions', [projectId, name]);
      await client.query(
        'UPDATE cloutagent.workflows SET deleted_at = now() WHERE project_id = $1 AND name = $2',
        [projectId, name],
      );
    });
  }

  /**
   * Deletes one version. The workflow is deleted with its last version.
   * @throws NotFoundError, or a ProblemError 409 `alias_in_use`
   */
  async removeVersion(projectId: string, name: string, version: number): Promise<void> {
    await this.database.transaction(async (client) => {
      await lock(client, projectId, name);
      const { rows: aliases } = await client.query<{ alias: string }>(
        'SELECT alias FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2 AND version = $3 ORDER BY 1',
        [projectId, name, version],
      );
      if (aliases.length > 0)
        throw new ProblemError(
          'alias_in_use',
          `The alias ${aliases.map(({ alias }) => alias).join(', ')} points to version ${version}. Move or delete it first.`,
        );
      const { rowCount } = await client.query(
        'DELETE FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2 AND version = $3',
        [projectId, name, version],
      );
      if (rowCount !== 1) throw notFound();
      await client.query(
        `UPDATE cloutagent.workflows SET deleted_at = now() WHERE project_id = $1 AND name = $2 AND NOT EXISTS (
           SELECT FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2)`,
        [projectId, name],
      );
    });
  }

  /** Points an alias to a version. @throws NotFoundError if there is no such version; ProblemError 409 `too_many_aliases` */
  async setAlias(projectId: string, name: string, alias: string, version: number): Promise<void> {
    await this.database.transaction(async (client) => {
      await lock(client, projectId, name);
      const { rowCount } = await client.query(
        `INSERT INTO cloutagent.workflow_aliases (project_id, name, alias, version)
         SELECT project_id, name, $3, version FROM cloutagent.workflow_versions
         WHERE project_id = $1 AND name = $2 AND version = $4
         ON CONFLICT (project_id, name, alias) DO UPDATE SET version = excluded.version`,
        [projectId, name, alias, version],
      );
      if (rowCount !== 1) throw new NotFoundError('version', `${version} of this workflow`);
      const { MAX_ALIASES_PER_WORKFLOW: limit } = this.settings;
      const { rows } = await client.query<{ aliases: number }>(
        'SELECT count(*)::int AS aliases FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2',
        [projectId, name],
      );
      if (rows[0]!.aliases > limit)
        throw new ProblemError(
          'too_many_aliases',
          `The workflow has ${limit} aliases, and may have no more (MAX_ALIASES_PER_WORKFLOW). Delete one first.`,
        );
    });
  }

  /** @throws NotFoundError */
  async removeAlias(projectId: string, name: string, alias: string): Promise<void> {
    const { rowCount } = await this.database.pool.query(
      'DELETE FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2 AND alias = $3',
      [projectId, name, alias],
    );
    if (rowCount !== 1) throw new NotFoundError('alias');
  }

  /** @throws ProblemError 409 `too_many_workflows`, 409 `too_many_versions` */
  private async checkCounts(client: pg.PoolClient, projectId: string, name: string): Promise<void> {
    const { MAX_WORKFLOWS_PER_PROJECT, MAX_VERSIONS_PER_WORKFLOW } = this.settings;
    // Requests for other new names of the project wait here, so that together they do not exceed the limit.
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('workflows:' || $1, 0))`, [projectId]);
    const { rows } = await client.query<{ workflows: number; versions: number }>(COUNTS, [projectId, name]);
    const { workflows, versions } = rows[0]!;
    if (versions === 0 && workflows >= MAX_WORKFLOWS_PER_PROJECT)
      throw new ProblemError(
        'too_many_workflows',
        `The project has ${workflows} saved workflows, and may have ${MAX_WORKFLOWS_PER_PROJECT} (MAX_WORKFLOWS_PER_PROJECT). Delete one first.`,
      );
    if (versions >= MAX_VERSIONS_PER_WORKFLOW)
      throw new ProblemError(
        'too_many_versions',
        `The workflow has ${versions} versions, and may have ${MAX_VERSIONS_PER_WORKFLOW} (MAX_VERSIONS_PER_WORKFLOW). Delete old ones first.`,
      );
  }
}

const notFound = (): NotFoundError => new NotFoundError('saved workflow');

/** Reads a version: a number or an alias, or the newest one. @throws NotFoundError */
async function read(
  database: Pick<pg.Pool, 'query'>,
  projectId: string,
  name: string,
  version?: string,
): Promise<SavedWorkflow> {
  const { rows } = await database.query<VersionRow>(GET, [projectId, name, version ?? null]);
  if (!rows[0])
    throw new NotFoundError('saved workflow', version === undefined ? name : `${name}@${version}`);
  return toSavedWorkflow(rows[0]);
}

/** Locks a name that has versions. @throws NotFoundError */
async function lock(client: pg.PoolClient, projectId: string, name: string): Promise<void> {
  const { rowCount } = await client.query(
    'SELECT FROM cloutagent.workflows WHERE project_id = $1 AND name = $2 AND deleted_at IS NULL FOR UPDATE',
    [projectId, name],
  );
  if (rowCount !== 1) throw notFound();
}

const deleteRows = (
  client: pg.PoolClient,
  table: 'workflow_aliases' | 'workflow_versions',
  key: readonly [projectId: string, name: string],
) => client.query(`DELETE FROM cloutagent.${table} WHERE project_id = $1 AND name = $2`, [...key]);

async function insertVersion(
  client: pg.PoolClient,
  { projectId, name, content, by }: SaveRequest,
  version: number,
  hash: Buffer,
): Promise<void> {
  const { workflow, inputSchema, options, description, tags } = content;
  await client.query(
    `INSERT INTO cloutagent.workflow_versions
       (project_id, name, version, hash, workflow, input_schema, options, description, tags, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      projectId,
      name,
      version,
      hash,
      JSON.stringify(workflow),
      inputSchema ? JSON.stringify(inputSchema) : null,
      JSON.stringify(options ?? {}),
      description ?? null,
      tags,
      by,
    ],
  );
  await client.query(
    'UPDATE cloutagent.workflows SET newest = $3, deleted_at = NULL WHERE project_id = $1 AND name = $2',
    [projectId, name, version],
  );
}

/** @throws ProblemError 412 */
function checkPrecondition({ ifMatch, ifNoneMatch }: Precondition, present: number | undefined): void {
  const matches = (wanted: 'any' | readonly number[]): boolean =>
    present !== undefined && (wanted === 'any' || wanted.includes(present));
  if (ifMatch !== undefined && !matches(ifMatch))
    throw new ProblemError(
      'precondition_failed',
      present === undefined
        ? 'There is no such saved workflow, so If-Match does not fit. Leave it out to save the first version.'
        : `The newest version is ${present}, which If-Match does not name. Get it, and save your change again.`,
    );
  if (ifNoneMatch !== undefined && matches(ifNoneMatch))
    throw new ProblemError(
      'precondition_failed',
      `The workflow exists with version ${present}, so If-None-Match does not fit.`,
    );
}
