import { Injectable } from '@nestjs/common';
import type { Json } from '@cloutagent/contract';
import { Database } from '../../database/database.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';

/** Names a conversation of a client. */
export interface ThreadRef {
  readonly projectId: string;
  readonly protocol: string;
  readonly threadId: string;
}

/** An execution of a conversation. */
export interface ThreadExecution {
  readonly executionId: string;
  readonly data: Json;
}

const NEWEST = `
  SELECT execution_id AS "executionId", data FROM cloutagent.threads
  WHERE project_id = $1 AND protocol = $2 AND thread_id = $3
  ORDER BY execution_id DESC LIMIT $4`;

const OF_EXECUTION = `
  SELECT protocol, thread_id AS "threadId", data FROM cloutagent.threads WHERE execution_id = $1`;

/** Finds the executions of the conversations of clients. The caller checks that the project is the principal's. */
@Injectable()
export class ExecutionThreads {
  constructor(private readonly database: Database) {}

  /** Returns the newest execution of a conversation. */
  async findNewest(thread: ThreadRef): Promise<ThreadExecution | undefined> {
    return (await this.list(thread, 1))[0];
  }

  /** Returns executions of a conversation, the newest first. */
  async list({ projectId, protocol, threadId }: ThreadRef, limit: number): Promise<ThreadExecution[]> {
    // PostgreSQL stores no U+0000 in texts, so no conversation has such an id.
    if (threadId.includes('\0')) return [];
    const { rows } = await this.database.pool.query<ThreadExecution>({
      name: 'thread-executions',
      text: NEWEST,
      values: [projectId, protocol, threadId, limit],
    });
    return rows;
  }

  /** Replaces what a protocol knows of an execution. Nothing happens if the execution is in no conversation. */
  async setData(executionId: string, data: Json): Promise<void> {
    await this.database.pool.query({
      name: 'thread-data',
      text: 'UPDATE cloutagent.threads SET data = $2 WHERE execution_id = $1',
      values: [executionId, JSON.stringify(data)],
    });
  }

  /** Returns the conversation of an execution. */
  async of(executionId: string): Promise<ExecutionThread | undefined> {
    const { rows } = await this.database.pool.query<ExecutionThread>({
      name: 'thread-of-execution',
      text: OF_EXECUTION,
      values: [executionId],
    });
    return rows[0];
  }
}
