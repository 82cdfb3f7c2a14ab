import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { ExecutionRow } from '../../engine/execution-row.js';
import { NotFoundError } from '../../problems/problem.error.js';
import type { EventFormat, FormattedExecution } from '../../streaming/formats/event-format.js';
import type { FormatSession } from '../../streaming/formats/format-encoder.js';
import { requireChunkedBody } from '../../streaming/formats/require-chunked-body.js';
import { StreamFormats } from '../../streaming/formats/stream-formats.js';
import { ExecutionsRepository } from '../executions.repository.js';
import { ExecutionThreads } from '../threads/execution-threads.js';

/** A format that no module provides by a name. */
export interface OwnFormat {
  /** Names all that the frames depend on besides the events: streams with the same name share their frames. */
  readonly name: string;
  readonly format: EventFormat;
}

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
  check(wanted: string | OwnFormat, request: Request): void {
    requireChunkedBody(this.named(wanted).format, request);
  }

  /**
   * Returns a format with an execution.
   * @param wanted the name of a format, or a format of the caller
   * @throws NotFoundError if the execution does not exist
   * @throws ValidationFailedError if there is no such format
   */
  async of(executionId: string, wanted: string | OwnFormat): Promise<FormatSession> {
    const { name, format } = this.named(wanted);
    const row = await this.repository.find(executionId);
    if (!row) throw new NotFoundError();
    return { name, format, execution: await this.describe(row) };
  }

  private named(wanted: string | OwnFormat): OwnFormat {
    return typeof wanted === 'string' ? { name: wanted, format: this.formats.find(wanted) } : wanted;
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
