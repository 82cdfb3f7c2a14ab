import { Injectable, Optional } from '@nestjs/common';
import type { ExecutionOptions, Json, Workflow, WorkflowVersionRef } from '@cloutagent/contract';
import { ByteLimitedCache } from '../../common/byte-limited-cache.js';
import { Database } from '../../database/database.js';

/** A version of a saved workflow, as executions need it. It is shared by all of them, so do not change it. */
export interface ResolvedWorkflow extends WorkflowVersionRef {
  readonly workflow: Workflow;
  readonly inputSchema: Record<string, unknown> | null;
  readonly options: ExecutionOptions;
  readonly tags: readonly string[];
}

/** The node of a running execution that starts child executions. */
interface ParentNode {
  readonly executionId: string;
  readonly projectId: string;
  readonly nodeId: string;
}

interface VersionRow {
  version: number;
  workflow: Workflow;
  input_schema: Record<string, unknown> | null;
  options: ExecutionOptions;
  tags: string[];
  bytes: number;
}

// Without a version: the newest. A number is a version, and anything else an alias.
const RESOLVE = `
  SELECT version FROM cloutagent.workflow_versions AS v
  WHERE v.project_id = $1 AND v.name = $2 AND v.version = CASE
    WHEN $3::text IS NULL THEN (SELECT max(version) FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2)
    WHEN $3 ~ '^[0-9]+$' THEN $3::bigint
    ELSE (SELECT version FROM cloutagent.workflow_aliases WHERE project_id = $1 AND name = $2 AND alias = $3) END`;

const READ = `
  SELECT version, workflow, input_schema, options, tags,
    octet_length(workflow::text) + coalesce(octet_length(input_schema::text), 0) AS bytes
  FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2 AND version = $3`;

const OF_FIRST_CHILD = `
  SELECT workflow_version AS version, workflow FROM cloutagent.executions
  WHERE parent_id = $1 AND parent_node_id = $2 AND workflow_name = $3 ORDER BY id LIMIT 1`;

/** Versions that a process keeps. Parsed JSON takes several times the memory of its text. */
const CACHE_MAX_BYTES = 8_388_608;

/** Reads saved workflows. Without a database there are none. */
@Injectable()
export class SavedWorkflows {
  /** By project, name and version. A version never changes, and no number of a version is used twice. */
  private readonly versions = new ByteLimitedCache<string, { resolved: ResolvedWorkflow; bytes: number }>(
    CACHE_MAX_BYTES,
    ({ bytes }) => bytes,
  );

  constructor(@Optional() private readonly database?: Database) {}

  /** Whether this process has a database, which holds the saved workflows. */
  get isAvailable(): boolean {
    return this.database !== undefined;
  }

  /**
   * Reads the version that a ref names now.
   * @param ref `name`, `name@3` or `name@production`
   * @returns undefined if there is none
   */
  async find(projectId: string, ref: string): Promise<ResolvedWorkflow | undefined> {
    const [name = '', version] = ref.split('@');
    const rows = await this.query<{ version: number }>('saved-workflow-resolve', RESOLVE, [
      projectId,
      name,
      version ?? null,
    ]);
    return rows[0] && this.read(projectId, name, rows[0].version);
  }

  /**
   * Reads the version for the child executions of a node. All children of a node have the version of the first one, also
   * after a retry, and if an alias has moved or the version has been deleted meanwhile.
   * @returns undefined if there is none
   */
  async findForChildren(
    { executionId, projectId, nodeId }: ParentNode,
    ref: string,
  ): Promise<ResolvedWorkflow | undefined> {
    const [name = ''] = ref.split('@');
    const [first] = await this.query<{ version: number; workflow: Workflow }>(
      'saved-workflow-of-child',
      OF_FIRST_CHILD,
      [executionId, nodeId, name],
    );
    if (!first) return this.find(projectId, ref);
    const { version, workflow } = first;
    const saved = await this.read(projectId, name, version);
    return saved ?? { name, version, workflow, inputSchema: null, options: {}, tags: [] };
  }

  private async read(
    projectId: string,
    name: string,
    version: number,
  ): Promise<ResolvedWorkflow | undefined> {
    const key = JSON.stringify([projectId, name, version]);
    const known = this.versions.get(key);
    if (known) return known.resolved;
    const [row] = await this.query<VersionRow>('saved-workflow-read', READ, [projectId, name, version]);
    if (!row) return undefined;
    const { workflow, input_schema: inputSchema, options, tags, bytes } = row;
    const resolved = { name, version, workflow, inputSchema, options, tags };
    this.versions.set(key, { resolved, bytes });
    return resolved;
  }

  private async query<T extends object>(name: string, text: string, values: Json[]): Promise<T[]> {
    return this.database ? (await this.database.pool.query<T>({ name, text, values })).rows : [];
  }
}
