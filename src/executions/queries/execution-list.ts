import { Injectable } from '@nestjs/common';
import type {
  EventFields,
  ExecutionFailure,
  ExecutionPage,
  ExecutionSummary,
  ListExecutions,
} from '@cloutagent/contract';
import { type RawBuilder, sql } from 'kysely';
import { ownsProject, type Principal } from '../../auth/principal.js';
import { Database } from '../../database/database.js';
import { NotFoundError } from '../../problems/problem.error.js';
import { decodeCursor, encodeCursor } from './list-cursor.js';
import { INPUT_READ, previewOf } from './input-preview.js';

const ERROR_LENGTH = 500;

type ListedType = 'execution:progress' | 'execution:token-usage' | 'execution:cost-update';

/** The newest event of a type. The condition is that of the index that leaves chunks of output out. */
const newest = <T extends ListedType>(type: T): RawBuilder<EventFields[T] | null> => sql`(
  SELECT data::json FROM cloutagent.events
  WHERE execution_id = page.id AND type = ${sql.lit(type)}
    AND type NOT IN ('execution:output', 'execution:thinking')
  ORDER BY sequence DESC LIMIT 1
)`;

const LAST_SEQUENCE = sql<number>`coalesce(
  (SELECT max(sequence) FROM cloutagent.events WHERE execution_id = page.id), 0
)`;

/** A workflow may be large: it is read only while no event has its number of nodes. */
const NODES_BEFORE_PROGRESS = sql<number | null>`
  CASE WHEN ${newest('execution:progress')} IS NULL THEN json_array_length(workflow -> 'nodes') END`;

/** Lists executions for those they belong to. */
@Injectable()
export class ExecutionList {
  constructor(private readonly database: Database) {}

  /**
   * One page, newest first. It is one statement, so that an item's status is that of its `lastSequence`: a client that
   * follows events from there on would never correct another one. Neither steps nor outputs are read.
   * @throws NotFoundError for a project that is not the caller's
   */
  async list(query: ListExecutions, principal: Principal): Promise<ExecutionPage> {
    const rows = await this.database.kysely
      .selectFrom(this.page(query, principal).as('page'))
      .select(['id', 'project_id', 'status', 'error', 'tags', 'created_at', 'started_at', 'completed_at'])
      .select([
        sql<string>`left(input::text, ${sql.lit(INPUT_READ + 1)})`.as('input'),
        newest('execution:progress').as('progress'),
        newest('execution:token-usage').as('usage'),
        newest('execution:cost-update').as('cost'),
        LAST_SEQUENCE.as('lastSequence'),
        NODES_BEFORE_PROGRESS.as('nodes'),
      ])
      .orderBy('id', 'desc')
      .execute();
    const executions = rows.slice(0, query.limit).map(toSummary);
    return {
      executions,
      nextCursor: rows.length > query.limit ? encodeCursor(executions.at(-1)!.id) : null,
    };
  }

  private page(query: ListExecutions, principal: Principal) {
    if (query.projectId !== undefined && !ownsProject(principal, query.projectId))
      throw new NotFoundError('project');
    // Whole columns: what is taken of them is computed for the rows of the page only.
    let page = this.database.kysely
      .selectFrom('executions')
      .select(['id', 'project_id', 'status', 'input', 'workflow', 'error', 'tags'])
      .select(['created_at', 'started_at', 'completed_at'])
      .orderBy('id', 'desc')
      .limit(query.limit + 1);
    if (query.projectId !== undefined) page = page.where('project_id', '=', query.projectId);
    else if (!principal.projects.includes('*'))
      page = page.where('project_id', 'in', ['', ...principal.projects]);
    if (query.status) page = page.where('status', 'in', query.status);
    if (query.tag !== undefined)
      page = page.where((where) => where(where.val(query.tag!), '=', where.fn.any('tags')));
    if (query.cursor !== undefined) page = page.where('id', '<', decodeCursor(query.cursor));
    return page;
  }
}

interface ListedRow {
  id: string;
  project_id: string;
  status: ExecutionSummary['status'];
  error: ExecutionFailure | null;
  tags: string[];
  created_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
  input: string;
  progress: EventFields['execution:progress'] | null;
  usage: EventFields['execution:token-usage'] | null;
  cost: EventFields['execution:cost-update'] | null;
  lastSequence: number;
  nodes: number | null;
}

function toSummary(row: ListedRow): ExecutionSummary {
  const { started_at: startedAt, completed_at: completedAt, error, progress } = row;
  return {
    id: row.id,
    projectId: row.project_id,
    status: row.status,
    inputPreview: previewOf(row.input),
    ...(error && { error: { ...error, message: cut(error.message) } }),
    progress: progress
      ? {
          completedSteps: progress.completedSteps,
          totalSteps: progress.totalSteps,
          percent: progress.percent,
        }
      : { completedSteps: 0, totalSteps: row.nodes ?? 0, percent: 0 },
    tokenUsage: row.usage?.usage ?? { input: 0, output: 0, total: 0 },
    costUSD: row.cost ? row.cost.totalCostUSD : 0,
    createdAt: row.created_at.toISOString(),
    ...(startedAt && { startedAt: startedAt.toISOString() }),
    ...(completedAt && { completedAt: completedAt.toISOString() }),
    ...(startedAt && completedAt && { duration: completedAt.getTime() - startedAt.getTime() }),
    lastSequence: row.lastSequence,
    tags: row.tags,
  };
}

const cut = (message: string): string =>
  message.length > ERROR_LENGTH ? `${message.slice(0, ERROR_LENGTH - 1).toWellFormed()}…` : message;
