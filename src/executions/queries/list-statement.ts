import type { ExecutionStatus } from '@cloutagent/contract';
import type { ListPosition } from './list-cursor.js';

/** The executions of a list. A condition that is left out matches every execution. */
export interface ListFilter {
  projectIds: readonly string[] | undefined;
  status: readonly ExecutionStatus[] | undefined;
  tag: string | undefined;
  parentId: string | undefined;
  rootId: string | undefined;
  rerunOf: string | undefined;
  /** A saved workflow, or one version of it. */
  workflow: { name: string; version: number | undefined } | undefined;
  /** A time in ISO 8601. */
  createdAfter: string | undefined;
  createdBefore: string | undefined;
  /** Whether child executions are listed too, if no condition names their parent or root. */
  withChildren: boolean;
  /** Only executions that come after this one in the list, which are older. */
  before: ListPosition | undefined;
  limit: number;
}

const STATUSES: readonly ExecutionStatus[] = [
  'queued',
  'running',
  'waiting',
  'paused',
  'completed',
  'failed',
  'cancelled',
];

/** A query that finds a page of executions: their `id` and `created_at`, newest first. */
export interface ListStatement {
  text: string;
  values: unknown[];
  /** Whether its cost depends on the page alone, and not on the number of executions. */
  isBounded: boolean;
}

/** Makes the query for a page. */
export const listStatement = (filter: ListFilter): ListStatement =>
  filter.parentId === undefined && filter.rerunOf === undefined ? ofEntries(filter) : ofRelated(filter);

/** Collects the values of a query and returns their placeholders. */
class Values {
  readonly list: unknown[] = [];

  add(value: unknown, type: string): string {
    return `$${this.list.push(value)}::${type}`;
  }
}

/**
 * Reads a page of each project and status from its end of an index, and merges the pages. All other conditions are on the first
 * columns of the index too. The text of the query has the limit, so that the planner knows that it is small.
 */
function ofEntries(filter: ListFilter): ListStatement {
  const { workflow, status = STATUSES, tag = '', rootId, limit } = filter;
  const values = new Values();
  const conditions = [`l.tag = ${values.add(tag, 'text')}`, 'l.status = s.status'];
  const from = [`unnest(${values.add(status, 'text[]')}) AS s(status)`];
  if (workflow) conditions.push(`l.workflow_name = ${values.add(workflow.name, 'text')}`);
  if (workflow?.version !== undefined)
    conditions.push(`l.workflow_version = ${values.add(workflow.version, 'bigint')}`);
  if (rootId === undefined) addProjects(filter, values, from, conditions);
  else addTree(rootId, filter, values, from, conditions);
  conditions.push(...rangeOf(filter, values, 'l.created_at', 'l.execution_id'));
  const page = `
    SELECT l.execution_id AS id, l.created_at FROM cloutagent.list_entries AS l WHERE ${conditions.join(' AND ')}
    ORDER BY l.created_at DESC, l.execution_id DESC LIMIT ${limit}`;
  const text = mergedPages(from.join(' CROSS JOIN '), page, limit);
  return { text, values: values.list, isBounded: true };
}

/** Restricts entries to projects, and to roots. */
function addProjects(filter: ListFilter, values: Values, from: string[], conditions: string[]): void {
  const { projectIds, workflow, withChildren } = filter;
  from.push(`unnest(${values.add(withChildren ? [true, false] : [true], 'boolean[]')}) AS r(is_root)`);
  conditions.push('l.is_root = r.is_root');
  if (projectIds) from.push(`unnest(${values.add(projectIds, 'text[]')}) AS p(project_id)`);
  // A name is kept when its workflow is deleted.
  else if (workflow)
    from.push(
      `(SELECT project_id FROM cloutagent.workflows WHERE name = ${values.add(workflow.name, 'text')}) AS p`,
    );
  if (projectIds || workflow) conditions.push('l.project_id = p.project_id');
}

/** Restricts entries to a tree. All executions of a tree have the project of its root. */
function addTree(
  rootId: string,
  { projectIds }: ListFilter,
  values: Values,
  from: string[],
  conditions: string[],
): void {
  const root = values.add(rootId, 'uuid');
  conditions.push(`l.root_id = ${root}`);
  if (!projectIds) return;
  const projects = values.add(projectIds, 'text[]');
  from.push(
    `(SELECT FROM cloutagent.executions WHERE id = ${root} AND project_id = ANY (${projects})) AS root`,
  );
}

/**
 * Reads the children or the re-runs of one execution in the same way. The conditions on project, tag and workflow are checked for
 * each of them.
 */
function ofRelated(filter: ListFilter): ListStatement {
  const {
    projectIds,
    status = STATUSES,
    tag,
    parentId,
    rootId,
    rerunOf,
    withChildren,
    workflow,
    limit,
  } = filter;
  const values = new Values();
  const from = `unnest(${values.add(status, 'text[]')}) AS s(status)`;
  const conditions = ['e.status = s.status'];
  if (parentId !== undefined) conditions.push(`e.parent_id = ${values.add(parentId, 'uuid')}`);
  if (rootId !== undefined) conditions.push(`e.root_id = ${values.add(rootId, 'uuid')}`);
  if (rerunOf !== undefined) conditions.push(`e.rerun_of = ${values.add(rerunOf, 'uuid')}`);
  if (parentId === undefined && rootId === undefined && !withChildren) conditions.push('e.parent_id IS NULL');
  if (projectIds) conditions.push(`e.project_id = ANY (${values.add(projectIds, 'text[]')})`);
  if (tag !== undefined) conditions.push(`${values.add(tag, 'text')} = ANY (e.tags)`);
  if (workflow) conditions.push(`e.workflow_name = ${values.add(workflow.name, 'text')}`);
  if (workflow?.version !== undefined)
    conditions.push(`e.workflow_version = ${values.add(workflow.version, 'bigint')}`);
  conditions.push(...rangeOf(filter, values, 'e.created_at', 'e.id'));
  const page = `
    SELECT e.id, e.created_at FROM cloutagent.executions AS e WHERE ${conditions.join(' AND ')}
    ORDER BY e.created_at DESC, e.id DESC LIMIT ${limit}`;
  return { text: mergedPages(from, page, limit), values: values.list, isBounded: false };
}

const mergedPages = (from: string, page: string, limit: number): string => `
  SELECT page.* FROM ${from} CROSS JOIN LATERAL (${page}) AS page
  ORDER BY created_at DESC, id DESC LIMIT ${limit}`;

/** The conditions on the time of an execution and on its place in the list. */
function rangeOf(filter: ListFilter, values: Values, createdAt: string, id: string): string[] {
  const { createdAfter, createdBefore, before } = filter;
  const conditions: string[] = [];
  // Dates, because PostgreSQL does not read the year 0 as ISO 8601 writes it.
  if (createdAfter !== undefined)
    conditions.push(`${createdAt} >= ${values.add(new Date(createdAfter), 'timestamptz')}`);
  if (createdBefore !== undefined)
    conditions.push(`${createdAt} < ${values.add(new Date(createdBefore), 'timestamptz')}`);
  if (before) {
    const at = `('epoch'::timestamptz + ${values.add(before.createdUs, 'bigint')} * interval '1 us')`;
    conditions.push(`(${createdAt}, ${id}) < (${at}, ${values.add(before.id, 'uuid')})`);
  }
  return conditions;
}
