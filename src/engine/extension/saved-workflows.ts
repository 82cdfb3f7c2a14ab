import { Inject, Injectable, Optional } from '@nestjs/common';
import type { ExecutionOptions, Json, Workflow, WorkflowVersionRef } from '@cloutagent/contract';
import { ByteLimitedCache } from '../../common/byte-limited-cache.js';
import { deepFreeze } from '../../common/deep-freeze.js';
import { Settings } from '../../config/settings.js';
import { BatchedLookup } from '../../database/batched-lookup.js';
import { Database } from '../../database/database.js';

/** A version of a saved workflow, as executions need it. It is frozen, because all of them share it. */
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

// Without a selector: the newest version. A number is a version, and anything else an alias.
const RESOLVE = `
  SELECT r.key, v.version
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS r(key, project_id, name, selector)
  JOIN cloutagent.workflow_versions AS v ON v.project_id = r.project_id AND v.name = r.name AND v.version = CASE
    WHEN r.selector IS NULL THEN (
      SELECT max(version) FROM cloutagent.workflow_versions AS n WHERE n.project_id = r.project_id AND n.name = r.name)
    WHEN r.selector ~ '^[0-9]+$' THEN r.selector::bigint
    ELSE (SELECT version FROM cloutagent.workflow_aliases AS a
          WHERE a.project_id = r.project_id AND a.name = r.name AND a.alias = r.selector) END`;

const READ = `
  SELECT version, workflow, input_schema, options, tags,
    octet_length(workflow::text) + coalesce(octet_length(input_schema::text), 0) AS bytes
  FROM cloutagent.workflow_versions WHERE project_id = $1 AND name = $2 AND version = $3`;

// A child that a retry has superseded has the version of the child that replaced it.
const OF_FIRST_CHILD = `
  SELECT id, workflow_version AS version FROM cloutagent.executions
  WHERE parent_id = $1 AND parent_node_id = $2 AND NOT superseded AND workflow_name = $3
  ORDER BY parent_index LIMIT 1`;

const GRAPH_OF_CHILD = 'SELECT workflow FROM cloutagent.executions WHERE id = $1';

/** Reads saved workflows. Without a database there are none. */
@Injectable()
export class SavedWorkflows {
  /** By project, name and version. A version never changes, and no number of a version is used twice. */
  private readonly versions: ByteLimitedCache<string, { resolved: ResolvedWorkflow; bytes: number }>;
  /** The version of each ref. Refs of simultaneous requests are read by one statement. */
  private readonly resolved = new BatchedLookup((refs) => this.resolve(refs));

  constructor(
    @Inject(Settings) { WORKFLOW_CACHE_MAX_BYTES: maxBytes }: Pick<Settings, 'WORKFLOW_CACHE_MAX_BYTES'>,
    @Optional() private readonly database?: Database,
  ) {
    this.versions = new ByteLimitedCache(maxBytes, ({ bytes }) => bytes);
  }

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
    const [name = '', selector = null] = ref.split('@');
    const version = await this.resolved.find(JSON.stringify([projectId, name, selector]));
    return version === undefined ? undefined : this.read(projectId, name, version);
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
    const [first] = await this.query<{ id: string; version: number }>(
      'saved-workflow-of-child',
      OF_FIRST_CHILD,
      [executionId, nodeId, name],
    );
    if (!first) return this.find(projectId, ref);
    const { id, version } = first;
    const saved = await this.read(projectId, name, version);
    if (saved) return saved;
    // The version has been deleted. The child has a copy of the graph, but not of the inputSchema.
    const [child] = await this.query<{ workflow: Workflow }>('saved-workflow-of-deleted', GRAPH_OF_CHILD, [
      id,
    ]);
    return child && { name, version, workflow: child.workflow, inputSchema: null, options: {}, tags: [] };
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
    const resolved = deepFreeze({ name, version, workflow, inputSchema, options, tags });
    this.versions.set(key, { resolved, bytes });
    return resolved;
  }

  private async resolve(refs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const parts = refs.map(
      (ref) => JSON.parse(ref) as [project: string, name: string, selector: string | null],
    );
    const rows = await this.query<{ key: string; version: number }>('saved-workflow-resolve', RESOLVE, [
      [...refs],
      ...[0, 1, 2].map((part) => parts.map((each) => each[part]!)),
    ]);
    return new Map(rows.map(({ key, version }) => [key, version]));
  }

  private async query<T extends object>(name: string, text: string, values: Json[]): Promise<T[]> {
    return this.database ? (await this.database.pool.query<T>({ name, text, values })).rows : [];
  }
}
