import { Inject, Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { addressOf } from '../../auth/client-address.js';
import type { Principal } from '../../auth/principal.js';
import { Settings } from '../../config/settings.js';
import { ExecutionStarter } from '../../executions/commands/execution-starter.js';
import { ExecutionEnds } from '../../executions/starts/execution-ends.js';
import { showStarted } from '../../executions/starts/show-started.js';
import { FormatReader } from '../../executions/streams/format-reader.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamQuota } from '../../throttling/stream-quota.js';
import { responseIdOf } from './response-id.js';
import type { ResponseState } from './responses/response-state.js';
import { RESPONSES_FORMAT } from './responses/responses.format.js';
import type { OpenAiStart } from './start-request.js';

/** Starts executions, and reads them as responses. */
@Injectable()
export class EndedResponses {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly ends: ExecutionEnds,
    private readonly reader: FormatReader,
    private readonly quota: StreamQuota,
    @Inject(Settings) private readonly settings: Pick<Settings, 'OPENAI_WAIT_TIMEOUT_MS'>,
  ) {}

  /**
   * Starts an execution, or finds the one with the same key.
   * @returns its id
   * @throws what `ExecutionStarter.start` throws
   */
  async start(
    { body, thread }: OpenAiStart,
    idempotencyKey: string | undefined,
    principal: Principal,
    response: Response,
  ): Promise<string> {
    const started = await this.starter.start(body, principal, idempotencyKey, thread);
    showStarted(started, response);
    return started.execution.id;
  }

  /**
   * Starts an execution and waits for its end. A client that leaves changes nothing about the execution.
   * @returns the ended response; undefined if the client has left
   * @throws what `ExecutionStarter.start` throws
   * @throws ProblemError 422 `response_not_ended` after OPENAI_WAIT_TIMEOUT_MS, or when the server stops; 429
   *   `too_many_streams`, because a request that waits counts as a stream
   */
  async answer(
    start: OpenAiStart,
    idempotencyKey: string | undefined,
    principal: Principal,
    request: Request,
    response: Response,
  ): Promise<ResponseState | undefined> {
    using _place = this.quota.acquire(principal.id, undefined, addressOf(request));
    const executionId = await this.start(start, idempotencyKey, principal, response);
    // The metrics of the durations of requests leave it out.
    response.locals['waits'] = true;
    const outcome = await this.ends.wait(
      executionId,
      this.settings.OPENAI_WAIT_TIMEOUT_MS,
      principal,
      response,
    );
    if (outcome === 'client-left') return undefined;
    if (outcome === 'ended') return this.read(executionId, principal);
    throw new ProblemError(
      'response_not_ended',
      `The response has not ended yet, and continues: get it later with GET /v1/responses/${responseIdOf(executionId)}. Start workflows ` +
        'that take long with background: true or stream: true.',
    );
  }

  /**
   * Reads an execution as a response.
   * @throws NotFoundError
   */
  async read(executionId: string, principal: Principal): Promise<ResponseState> {
    const { state } = await this.reader.read<ResponseState>(executionId, RESPONSES_FORMAT, principal);
    return state;
  }
}
