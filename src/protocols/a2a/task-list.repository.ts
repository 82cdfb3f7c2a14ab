import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Database } from '../../database/database.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';
import { countStatement, pageStatement, type TaskFilter, type TaskPosition } from './task-list-statement.js';

export interface ListedTask {
  readonly id: string;
  readonly createdAt: Date;
  readonly changedUs: string;
  readonly thread: ExecutionThread | null;
}

/** A turn of a conversation, from the time before a task. */
interface TurnRow {
  id: string;
  output: Json;
}

const COMPLETED = `
  SELECT id, output FROM cloutagent.executions
  WHERE id = ANY ($1::uuid[]) AND status = 'completed' AND workflow_name = $2`;

/** Reads the executions of a saved workflow as tasks. */
@Injectable()
export class TaskListRepository {
  constructor(private readonly database: Database) {}

  /** Reads a page, the newest change first, and counts the tasks that match, up to MAX_COUNTED_TASKS. */
  async read(
    filter: TaskFilter,
    after: TaskPosition | undefined,
    limit: number,
  ): Promise<{ tasks: ListedTask[]; total: number }> {
    // PostgreSQL stores no U+0000 in texts, so no workflow has such a name.
    if (filter.name.includes('\0')) return { tasks: [], total: 0 };
    const { pool } = this.database;
    const [page, counted] = await Promise.all([
      pool.query<ListedTask>(pageStatement(filter, after, limit)),
      pool.query<{ count: number }>(countStatement(filter)),
    ]);
    return { tasks: page.rows, total: counted.rows[0]!.count };
  }

  /** Reads the outputs of those of some executions that have completed, and run the workflow. */
  async outputs(executionIds: readonly string[], name: string): Promise<Map<string, Json>> {
    if (executionIds.length === 0) return new Map();
    const { rows } = await this.database.pool.query<TurnRow>(COMPLETED, [executionIds, name]);
    return new Map(rows.map(({ id, output }) => [id, output]));
  }
}
