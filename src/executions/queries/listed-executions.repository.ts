import { Injectable } from '@nestjs/common';
import type { EventFields, ExecutionFailure, ExecutionStatus } from '@cloutagent/contract';
import { type RawBuilder, sql } from 'kysely';
import { Database } from '../../database/database.js';
import { type NewestType, lastSequenceOf, newestFieldsOf } from '../../journal/newest-events.js';
import type { ListPosition } from './list-cursor.js';
import { INPUT_READ } from './input-preview.js';

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
  /** A time in ISO 8601. The list is then ordered by time. */
  createdAfter: string | undefined;
  createdBefore: string | undefined;
  /** Whether child executions are listed too, if no condition names their parent or root. */
  withChildren: boolean;
  /** Only executions that come after this one in the list, which are older. */
  before: ListPosition | undefined;
  limit: number;
}

/** Columns of an execution that lists and summaries show. */
export interface ListedRow {
  id: string;
  project_id: string;
  status: ExecutionStatus;
  error: ExecutionFailure | null;
  tags: string[];
  parent_id: string | null;
  parent_node_id: string | null;
  parent_index: number | null;
  root_id: string | null;
  rerun_of: string | null;
  workflow_name: string | null;
  workflow_version: number | null;
  start_at: Date | null;
  created_at: Date;
  /** µs since the epoch. */
  createdUs: string;
  started_at: Date | null;
  completed_at: Date | null;
  /** The beginning of the input's JSON. */
  input: string;
  progress: EventFields['execution:progress'] | null;
  usage: EventFields['execution:token-usage'] | null;
  cost: EventFields['execution:cost-update'] | null;
  lastSequence: number;
  /** Number of the workflow's nodes; null if `progress` has it. */
  nodes: number | null;
}

const newest = <T extends NewestType>(type: T): RawBuilder<EventFields[T] | null> =>
  sql.raw(`(${newestFieldsOf(type, 'page.id')})`);

const LAST_SEQUENCE = sql.raw<number>(`(${lastSequenceOf('page.id')})`);

/** A workflow may be large, so it is read only while no event has the number of its nodes. */
const NODES_BEFORE_PROGRESS = sql<number | null>`
  CASE WHEN ${newest('execution:progress')} IS NULL THEN json_array_length(workflow -> 'nodes') END`;

const RELATIONS = [
  'parent_id',
  'parent_node_id',
  'parent_index',
  'root_id',
  'rerun_of',
  'workflow_name',
  'workflow_version',
  'start_at',
] as const;

const isByTime = ({ createdAfter, createdBefore }: ListFilter): boolean =>
  createdAfter !== undefined || createdBefore !== undefined;

/** Reads the executions of lists. */
@Injectable()
export class ListedExecutionsRepository {
  constructor(private readonly database: Database) {}

  /**
   * Reads a page of executions, newest first. One statement reads status and events, so that a row's status fits its
   * `lastSequence`: a client that follows the events after it would never correct another status.
   */
  async read(filter: ListFilter): Promise<ListedRow[]> {
    return this.database.kysely
      .selectFrom(this.page(filter).as('page'))
      .select(['id', 'project_id', 'status', 'error', 'tags', 'created_at', 'started_at', 'completed_at'])
      .select(RELATIONS)
      .select([
        sql<string>`left(input::text, ${sql.lit(INPUT_READ + 1)})`.as('input'),
        newest('execution:progress').as('progress'),
        newest('execution:token-usage').as('usage'),
        newest('execution:cost-update').as('cost'),
        LAST_SEQUENCE.as('lastSequence'),
        NODES_BEFORE_PROGRESS.as('nodes'),
        sql<string>`(extract(epoch FROM created_at) * 1000000)::bigint`.as('createdUs'),
      ])
      .$if(isByTime(filter), (query) => query.orderBy('created_at', 'desc'))
      .orderBy('id', 'desc')
      .execute();
  }

  private page(filter: ListFilter) {
    const { projectIds, status, tag, parentId, rootId, rerunOf, withChildren, before, limit } = filter;
    const { workflow, createdAfter, createdBefore } = filter;
    // Whole columns: their parts are computed only for the rows of the page.
    let page = this.database.kysely
      .selectFrom('executions')
      .select(['id', 'project_id', 'status', 'input', 'workflow', 'error', 'tags'])
      .select(['created_at', 'started_at', 'completed_at'])
      .select(RELATIONS)
      .$if(isByTime(filter), (query) => query.orderBy('created_at', 'desc'))
      .orderBy('id', 'desc')
      .limit(limit);
    // `IN ()` is not valid SQL; no project has an empty id.
    if (projectIds) page = page.where('project_id', 'in', projectIds.length > 0 ? projectIds : ['']);
    if (status) page = page.where('status', 'in', status);
    if (tag !== undefined) page = page.where((where) => where(where.val(tag), '=', where.fn.any('tags')));
    if (parentId !== undefined) page = page.where('parent_id', '=', parentId);
    if (rootId !== undefined) page = page.where('root_id', '=', rootId);
    if (rerunOf !== undefined) page = page.where('rerun_of', '=', rerunOf);
    if (parentId === undefined && rootId === undefined && !withChildren)
      page = page.where('parent_id', 'is', null);
    if (workflow) page = page.where('workflow_name', '=', workflow.name);
    if (workflow?.version !== undefined)
      page = page.where('workflow_version', '=', sql<number>`${workflow.version}::bigint`);
    if (createdAfter !== undefined) page = page.where('created_at', '>=', new Date(createdAfter));
    if (createdBefore !== undefined) page = page.where('created_at', '<', new Date(createdBefore));
    if (before?.createdUs !== undefined)
      page = page.where(
        sql<boolean>`(created_at, id) < ('epoch'::timestamptz + ${before.createdUs}::bigint * interval '1 us', ${before.id}::uuid)`,
      );
    else if (before) page = page.where('id', '<', before.id);
    return page;
  }
}
