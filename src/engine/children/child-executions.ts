import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionFailure, ExecutionOptions, Json } from '@cloutagent/contract';
import { v7 as uuidv7 } from '../../common/uuid.js';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import type { KeptChild } from '../../database/schema.js';
import { newestFieldsOf } from '../../journal/newest-events.js';
import type { NewChild, NewChildren, TreeUsage } from '../../journal/row-change.js';
import type { ExecutionRow } from '../execution-row.js';
import { NodeError } from '../extension/node-handler.js';
import type { ChildrenRequest, ChildResult } from '../extension/waiting.js';
import { childHashOf, workflowHashOf } from './child-hash.js';
import { TreeControl } from './tree-control.js';
import { TreeLimits } from './tree-limits.js';

const EXISTING = `
  SELECT id, parent_index AS index, status IN ('failed', 'cancelled') AS "hasFailed",
    (SELECT key FROM cloutagent.waits AS w WHERE w.id = parent_wait_id) AS key
  FROM cloutagent.executions WHERE parent_id = $1 AND parent_node_id = $2 AND parent_index BETWEEN $3 AND $4 AND NOT superseded`;

const ENDED = `
  SELECT id AS "executionId", parent_index AS index, status, output, error FROM cloutagent.executions
  WHERE parent_id = $1 AND parent_node_id = $2 AND parent_index BETWEEN $3 AND $4 AND NOT superseded
    AND completed_at IS NOT NULL
  ORDER BY parent_index`;

const OUTPUT_BYTES = `
  SELECT coalesce(sum(octet_length(output::text)), 0)::float8 AS bytes FROM cloutagent.executions
  WHERE parent_id = $1 AND parent_node_id = $2 AND parent_index BETWEEN $3 AND $4 AND NOT superseded
    AND status = 'completed'`;

// The newest event has the running totals of a child, in which those of its own children are included.
const USAGE = `
  SELECT m.key AS model, sum((m.value ->> 'input')::bigint)::float8 AS input,
    sum((m.value ->> 'output')::bigint)::float8 AS output,
    CASE WHEN bool_and(m.value ->> 'costUSD' IS NOT NULL) THEN sum((m.value ->> 'costUSD')::numeric)::float8 END AS "costUSD"
  FROM cloutagent.executions AS c, LATERAL (
    SELECT ${newestFieldsOf('execution:cost-update', 'c.id')} -> 'modelUsage' AS usage
  ) AS last, json_each(last.usage) AS m
  WHERE c.parent_id = $1 AND c.parent_wait_id = ANY ($2::uuid[])
  GROUP BY m.key`;

interface TreeUsageRow {
  model: string;
  input: number;
  output: number;
  costUSD: number;
  unpricedInput: number;
  unpricedOutput: number;
}

/** What a tree of executions has used of one model. */
export interface TreeModelUsage {
  model: string;
  input: number;
  output: number;
  /** The cost of the calls whose price was known. */
  costUSD: number;
  /** The tokens of all other calls. */
  unpriced: { input: number; output: number };
}

/** Starts, reads and ends the child executions of an execution. */
@Injectable()
export class ChildExecutions {
  constructor(
    private readonly database: Database,
    private readonly limits: TreeLimits,
    private readonly control: TreeControl,
    @Inject(Settings) private readonly settings: Pick<Settings, 'OUTPUT_MAX_BYTES'>,
  ) {}

  /**
   * Makes the rows of the children that a node starts. The first `concurrency` of them are queued. A child that has
   * completed before, in an earlier attempt or in the execution that a re-run repeats, gets no new row.
   * @returns the rows; none if all children have completed before
   * @throws NodeError `too_deep`, `too_many_children`; `invalid_wait` if children of another key have one of the indexes
   */
  async prepare(row: ExecutionRow, nodeId: string, request: ChildrenRequest): Promise<NewChildren> {
    const { inputs, firstIndex = 0, workflow, savedAs, concurrency = inputs.length } = request;
    const depth = row.depth + 1;
    const rootId = row.root_id ?? row.id;
    this.limits.checkDepth(depth);
    const { rows: existing } = await this.database.pool.query<{
      id: string;
      index: number;
      hasFailed: boolean;
      key: string | null;
    }>({ name: 'children-existing', text: EXISTING, values: [row.id, nodeId, ...rangeOf(request)] });
    for (const { index, key } of existing)
      if (key !== null && key.replace(/^\$\d+:/, '') !== request.key) throw takenIndex(index, key);
    const done = new Set(existing.flatMap(({ index, hasFailed }) => (hasFailed ? [] : [index])));
    const supersedes = existing.flatMap(({ id, hasFailed }) => (hasFailed ? [id] : []));
    const kept = this.keptChildren(row, nodeId, request);
    const indexes = inputs
      .map((_input, offset) => firstIndex + offset)
      .filter((index) => !done.has(index) && !hasOutput(kept.get(index)));
    await this.limits.add(rootId, indexes.length);
    // In the order of the indexes, so that lists show them in that order.
    const ids = indexes.map(() => uuidv7()).toSorted();
    const children = indexes.map((index, position): NewChild => {
      const before = kept.get(index);
      return {
        id: ids[position]!,
        index,
        input: inputs[index - firstIndex]!,
        isQueued: position < concurrency,
        ...(before && 'kept' in before && { rerunOf: before.rerunOf, kept: before.kept }),
      };
    });
    return {
      nodeId,
      rootId,
      depth,
      workflow,
      savedAs,
      options: childOptions(row.options),
      children,
      ...(supersedes.length > 0 && { supersedes }),
    };
  }

  /** Checks a number of children. @throws NodeError `too_many_children` */
  checkCount(children: number): void {
    this.limits.checkCount(children);
  }

  /** Call this after the commit of prepared rows: the queue is notified. */
  onBegun(): void {
    this.control.queued.next();
  }

  /**
   * Reads how the children of a node ended, in the order of their indexes.
   * @throws NodeError `output_too_large`
   */
  async results(row: ExecutionRow, nodeId: string, request: ChildrenRequest): Promise<ChildResult[]> {
    const values = [row.id, nodeId, ...rangeOf(request)];
    // One output alone has been checked when its child ended.
    if (request.inputs.length > 1) await this.checkOutputs(values);
    const { rows } = await this.database.pool.query<{
      executionId: string;
      index: number;
      status: ChildResult['status'];
      output: Json;
      error: ExecutionFailure | null;
    }>({ name: 'children-ended', text: ENDED, values });
    const results = rows.map(({ executionId, index, status, output, error }): ChildResult => {
      if (status === 'completed') return { executionId, index, status, output };
      return { executionId, index, status, ...(error && { error }) };
    });
    return results.length === request.inputs.length ? results : this.withKept(results, row, nodeId, request);
  }

  /**
   * Reads the output of the last completed child of a node, which is the last turn of a loop.
   * @returns undefined if no child has completed
   */
  async lastCompleted(
    parentId: string,
    nodeId: string,
  ): Promise<{ index: number; output: Json } | undefined> {
    const { rows } = await this.database.pool.query<{ index: number; output: Json }>({
      name: 'children-last',
      text: `SELECT parent_index AS index, output FROM cloutagent.executions
             WHERE parent_id = $1 AND parent_node_id = $2 AND NOT superseded AND status = 'completed'
             ORDER BY parent_index DESC LIMIT 1`,
      values: [parentId, nodeId],
    });
    return rows[0];
  }

  /**
   * Reads the tokens of the children that began with these waits, by model, with those of their own children: the last
   * `execution:cost-update` of each.
   */
  async usage(parentId: string, waitIds: readonly string[]): Promise<Omit<TreeUsage, 'rootId'>[]> {
    const { rows } = await this.database.pool.query<Omit<TreeUsage, 'rootId'>>({
      name: 'children-usage',
      text: USAGE,
      values: [parentId, waitIds],
    });
    return rows;
  }

  /** Reads the tokens of a whole tree, by model. */
  async treeUsage(rootId: string): Promise<TreeModelUsage[]> {
    const { rows } = await this.database.pool.query<TreeUsageRow>({
      name: 'tree-usage',
      text: `SELECT model, input::float8 AS input, output::float8 AS output, cost_usd::float8 AS "costUSD",
               (input - priced_input)::float8 AS "unpricedInput", (output - priced_output)::float8 AS "unpricedOutput"
             FROM cloutagent.tree_usage WHERE root_id = $1`,
      values: [rootId],
    });
    return rows.map(({ unpricedInput, unpricedOutput, ...used }) => ({
      ...used,
      unpriced: { input: unpricedInput, output: unpricedOutput },
    }));
  }

  /** Reads the limits of tokens and cost of a tree, which its root has. */
  async treeLimits(rootId: string): Promise<ExecutionOptions['limits']> {
    const { rows } = await this.database.pool.query<{ limits: ExecutionOptions['limits'] | null }>({
      name: 'tree-limits',
      text: `SELECT options -> 'limits' AS limits FROM cloutagent.executions WHERE id = $1`,
      values: [rootId],
    });
    return rows[0]?.limits ?? undefined;
  }

  /**
   * Cancels all children of an execution and waits until they have ended. Owners have CANCEL_GRACE_MS; after that their
   * executions are taken over.
   * @param nodeId only the children of this node
   */
  endAll(parentId: string, by: string | null, reason: string | null, nodeId?: string): Promise<void> {
    return this.control.endChildren(parentId, { by, reason, nodeId });
  }

  private async checkOutputs(values: unknown[]): Promise<void> {
    const { OUTPUT_MAX_BYTES: limit } = this.settings;
    const { rows } = await this.database.pool.query<{ bytes: number }>({
      name: 'children-output-bytes',
      text: OUTPUT_BYTES,
      values,
    });
    if (rows[0]!.bytes > limit)
      throw new NodeError(
        'output_too_large',
        `The outputs of the child executions have more than ${limit} bytes together (OUTPUT_MAX_BYTES). Return less from each, or work on fewer items.`,
      );
  }

  private withKept(
    results: readonly ChildResult[],
    row: ExecutionRow,
    nodeId: string,
    request: ChildrenRequest,
  ): ChildResult[] {
    const found = new Set(results.map(({ index }) => index));
    const kept = this.keptChildren(row, nodeId, request);
    const copied = [...kept.values()].flatMap((child): ChildResult[] =>
      hasOutput(child) && !found.has(child.index)
        ? [{ executionId: child.rerunOf, index: child.index, status: 'completed', output: child.output }]
        : [],
    );
    return [...results, ...copied].toSorted((one, other) => one.index - other.index);
  }

  /** Finds the children that a re-run keeps: those that would get the same workflow and the same input again. */
  private keptChildren(row: ExecutionRow, nodeId: string, request: ChildrenRequest): Map<number, KeptChild> {
    const all = row.kept && Object.hasOwn(row.kept.children, nodeId) ? row.kept.children[nodeId]! : [];
    const [first, last] = rangeOf(request);
    const kept = all.filter(({ index }) => index >= first && index <= last);
    if (kept.length === 0) return new Map();
    const workflowHash = workflowHashOf(request.workflow);
    return new Map(
      kept
        .filter(({ index, hash }) => hash === childHashOf(workflowHash, request.inputs[index - first]!))
        .map((child) => [child.index, child]),
    );
  }
}

const takenIndex = (index: number, key: string): NodeError =>
  new NodeError(
    'invalid_wait',
    `The node cannot start these child executions: those with the key ${key} have the index ${index} already. Give another firstIndex.`,
  );

/** Returns the first and the last index. */
const rangeOf = ({ inputs, firstIndex = 0 }: ChildrenRequest): [number, number] => [
  firstIndex,
  firstIndex + inputs.length - 1,
];

const hasOutput = (child: KeptChild | undefined): child is Extract<KeptChild, { output: Json }> =>
  child !== undefined && 'output' in child;

/**
 * A child has the time limit and the retries of its parent, whose own time limit continues to run. Tokens and cost are limited for
 * the whole tree, by the options of its root.
 */
const childOptions = ({ timeoutMs, maxRetries }: ExecutionOptions): ExecutionOptions => ({
  ...(timeoutMs !== undefined && { timeoutMs }),
  ...(maxRetries !== undefined && { maxRetries }),
});
