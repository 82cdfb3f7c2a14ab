import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import type { FormattedExecution } from '../../streaming/formats/event-format.js';
import type { FormatSession } from '../../streaming/formats/format-encoder.js';
import { requireChunkedBody } from '../../streaming/formats/require-chunked-body.js';
import { StreamFormats } from '../../streaming/formats/stream-formats.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionThreads } from '../threads/execution-threads.js';

/** Reads what the formats of streams know of an execution. */
@Injectable()
export class FormatSessions {
  constructor(
    private readonly repository: ExecutionsRepository,
    private readonly threads: ExecutionThreads,
    private readonly formats: StreamFormats,
  ) {}

  /**
   * Checks a request for a stream in a format before anything is done for it.
   * @throws ProblemError 505 `http_version_too_old`
   * @throws ValidationFailedError if there is no such format
   */
  check(name: string, request: Request): void {
    requireChunkedBody(this.formats.find(name), request);
  }

  /**
   * Returns a format with an execution.
   * @throws NotFoundError if the execution does not exist
   * @throws ValidationFailedError if there is no such format
   */
  async of(executionId: string, name: string): Promise<FormatSession> {
    const format = this.formats.find(name);
    const row = await this.repository.find(executionId);
    if (!row) throw new NotFoundError();
    return { name, format, execution: await this.describe(row) };
  }

  private async describe(row: ExecutionRow): Promise<FormattedExecution> {
    const { id, project_id: projectId, created_at, input, workflow, workflow_name: name } = row;
    const thread = await this.threads.of(id);
    return {
      id,
      projectId,
      createdAt: created_at.toISOString(),
      input,
      workflow,
      ...(name !== null && { savedAs: { name, version: row.workflow_version! } }),
      ...(thread && { thread }),
    };
  }
}
