import { Inject, Injectable } from '@nestjs/common';
import type { ExecutionFailure, ExecutionStatus, ExecutionSummary } from '@cloutagent/contract';
import type pg from 'pg';
import { Settings } from '../../config/settings.js';
import { Database } from '../../database/database.js';
import { ProblemError } from '../../problems/problem.error.js';
import { INPUT_READ } from './input-preview.js';
import { type ListFilter, listStatement } from './list-statement.js';

/** Columns of an execution that lists show. */
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
  /** What its events say. */
  summary: Pick<ExecutionSummary, 'progress' | 'tokenUsage' | 'costUSD' | 'lastSequence'>;
}

/** An execution that has ended has its summary stored. That of another one is read from its events. */
const COLUMNS = `
  e.id, e.project_id, e.status, e.error, e.tags, e.created_at, e.started_at, e.completed_at, e.parent_id, e.parent_node_id,
  e.parent_index, e.root_id, e.rerun_of, e.workflow_name, e.workflow_version, e.start_at,
  left(e.input::text, ${INPUT_READ + 1}) AS input,
  coalesce((
    SELECT l.summary FROM cloutagent.list_entries AS l WHERE l.execution_id = e.id AND l.tag = '' AND l.status = e.status
  ), cloutagent.summary_of(e.id)) AS summary,
  (extract(epoch FROM e.created_at) * 1000000)::bigint AS "createdUs"`;

/** SQLSTATE of query_canceled: the time limit of the statement. */
const CANCELED = '57014';

/** Reads the executions of lists. */
@Injectable()
export class ListedExecutionsRepository {
  constructor(
    private readonly database: Database,
    @Inject(Settings) private readonly settings: Pick<Settings, 'LIST_TIMEOUT_MS'>,
  ) {}

  /**
   * Reads a page of executions, newest first. One statement reads status and events, so that a row's status fits its
   * `lastSequence`: a client that follows the events after it would never correct another status.
   * @throws ProblemError 503 `list_timeout` if a statement whose cost grows with the executions takes longer than LIST_TIMEOUT_MS
   */
  async read(filter: ListFilter): Promise<ListedRow[]> {
    const { text: page, values, isBounded } = listStatement(filter);
    const text = `
      SELECT ${COLUMNS} FROM (${page}) AS page JOIN cloutagent.executions AS e ON e.id = page.id
      ORDER BY e.created_at DESC, e.id DESC`;
    const read = async (client: pg.Pool | pg.PoolClient): Promise<ListedRow[]> =>
      (await client.query<ListedRow>(text, values)).rows;
    if (isBounded) return read(this.database.pool);
    return this.database
      .transaction(async (client) => {
        await client.query(`SET LOCAL statement_timeout = ${this.settings.LIST_TIMEOUT_MS}`);
        return read(client);
      })
      .catch((error: { code?: string }) => {
        throw error.code === CANCELED ? new ProblemError('list_timeout') : error;
      });
  }
}
