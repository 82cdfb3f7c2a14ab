import { Inject, Injectable } from '@nestjs/common';
import { type Execution, isTerminal, type StartExecution } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Principal } from '../../auth/principal.js';
import type { Holder } from '../../common/holder.js';
import { Settings } from '../../config/settings.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import type { StartedExecution } from '../commands/execution-inserter.js';
import { ExecutionStarter } from '../commands/execution-starter.js';
import { ExecutionReader } from '../queries/execution-reader.js';
import { StreamAdmission } from '../streams/stream-admission.js';
import { StreamResolver } from '../streams/stream-resolver.js';
import { ExecutionEnds } from './execution-ends.js';
import { preferredWait } from './prefer-header.js';

/** A request to start an execution. */
export interface StartRequest {
  body: StartExecution;
  principal: Principal;
  idempotencyKey: string | undefined;
  request: Request;
  response: Response;
}

/** Starts executions, and answers with the execution, with its end, or with its stream. */
@Injectable()
export class StartAnswers {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly reader: ExecutionReader,
    private readonly ends: ExecutionEnds,
    private readonly admission: StreamAdmission,
    private readonly resolver: StreamResolver,
    private readonly hub: StreamHub,
    @Inject(Settings) private readonly settings: Pick<Settings, 'MAX_PREFER_WAIT_MS'>,
  ) {}

  /**
   * Answers with the execution: 202, or 200 if it has ended within the time that the client wants to wait.
   * @throws ProblemError 429 `too_many_streams` if the client has as many open requests of this kind, and streams, as it may
   */
  async json(start: StartRequest): Promise<void> {
    const seconds = preferredWait(start.request.get('prefer'));
    const wanted = Math.min((seconds ?? 0) * 1_000, this.settings.MAX_PREFER_WAIT_MS);
    // A request that waits counts as a stream, because it takes a connection for as long.
    const place =
      wanted > 0 ? this.admission.prepare(start.principal, undefined, start.request)() : undefined;
    try {
      const { execution } = await this.start(start);
      if (seconds !== undefined)
        start.response.setHeader('Preference-Applied', `wait=${Math.floor(wanted / 1_000)}`);
      const shown = wanted > 0 ? await this.waitFor(execution, wanted, start) : execution;
      if (shown) start.response.status(isTerminal(shown.status) && wanted > 0 ? 200 : 202).json(shown);
    } finally {
      place?.release();
    }
  }

  /**
   * Answers with the stream of the execution. All limits of streams are checked before it is started.
   * @throws ProblemError 403 `insufficient_scope`, 429 `too_many_streams`, 400 `invalid_last_event_id`
   */
  async stream(start: StartRequest): Promise<void> {
    const { principal, request } = start;
    if (!principal.scopes.includes('executions:read'))
      throw new ProblemError(
        'insufficient_scope',
        'The stream of an execution requires the scope executions:read, which your credential does not have. Accept application/json instead.',
      );
    const place = this.admission.prepare(principal, undefined, request)();
    try {
      const { execution, replayed } = await this.start(start);
      // Only a repeated request can have seen events.
      const lastEventId = replayed ? request.get('last-event-id') : undefined;
      const from = await this.resolver.resolve(execution.id, lastEventId, undefined, principal);
      if (!from) throw new NoContentSignal();
      await this.open(start, from, place);
    } catch (error) {
      place.release();
      throw error;
    }
  }

  private async start({
    body,
    principal,
    idempotencyKey,
    response,
  }: StartRequest): Promise<StartedExecution> {
    const started = await this.starter.start(body, principal, idempotencyKey);
    response.location(`${response.req.baseUrl}/api/executions/${started.execution.id}`);
    if (started.replayed) response.setHeader('Idempotency-Replayed', 'true');
    return started;
  }

  /** @returns the execution as it is at the end of the wait; undefined if the client has left */
  private async waitFor(
    execution: Execution,
    ms: number,
    { principal, response }: StartRequest,
  ): Promise<Execution | undefined> {
    if (isTerminal(execution.status)) return execution;
    const left = new AbortController();
    const onClose = () => left.abort();
    response.once('close', onClose);
    try {
      await this.ends.wait(execution.id, ms, left.signal);
      return left.signal.aborted ? undefined : await this.reader.get(execution.id, principal);
    } finally {
      response.off('close', onClose);
    }
  }

  /** Opens the stream. Resolves when it has begun; it ends by itself. */
  private open(
    { principal, response }: StartRequest,
    { executionId, status, after }: NonNullable<Awaited<ReturnType<StreamResolver['resolve']>>>,
    place: Holder,
  ): Promise<void> {
    const stream = this.hub.subscribe({
      executionId,
      after,
      response,
      principalId: principal.id,
      expiresAt: principal.expiresAt,
      established: {
        executionId,
        message: 'You will see every event of this execution, in order.',
        status,
      },
      enter: () => place,
    });
    return new Promise((resolve, reject) => {
      if (response.destroyed) {
        place.release();
        resolve();
        return;
      }
      response.status(200);
      const subscription = stream.subscribe({ error: reject, complete: () => response.end() });
      response.once('close', () => subscription.unsubscribe());
      resolve();
    });
  }
}
