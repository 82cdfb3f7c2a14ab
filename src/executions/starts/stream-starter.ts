import { Injectable } from '@nestjs/common';
import type { OpenStream, StartExecution } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Principal } from '../../auth/principal.js';
import { Holder } from '../../common/holder.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import { ExecutionStarter } from '../commands/execution-starter.js';
import type { ExecutionThread } from '../../streaming/formats/event-format.js';
import { FIRST_PLACE, parseFramePlace } from '../streams/frame-place.js';
import type { OwnFormat } from '../streams/format-sessions.js';
import { FormattedStreams } from '../streams/formatted-streams.js';
import { parseLastEventId } from '../streams/last-event-id.js';
import { ExecutionLookup } from '../streams/execution-lookup.js';
import { StreamAdmission } from '../streams/stream-admission.js';
import { establishedOf, StreamResolver } from '../streams/stream-resolver.js';
import { showStarted } from './show-started.js';

interface StartedFormat {
  readonly name: string | OwnFormat;
  readonly endsWhenIdle: boolean;
  /** Called with the id of the execution and its last event, when everything has been written. */
  readonly onComplete?: ((executionId: string, sequence: number) => void) | undefined;
}

export interface StreamedStart {
  body: StartExecution;
  idempotencyKey: string | undefined;
  /** As the client sent it. */
  lastEventId: string | undefined;
  types: OpenStream['types'];
  /** Undefined for the format of this server. */
  format?: StartedFormat | undefined;
  /** The conversation of a client that the execution belongs to. */
  thread?: ExecutionThread | undefined;
}

/** Starts executions whose requests are answered with their streams. */
@Injectable()
export class StreamStarter {
  constructor(
    private readonly starter: ExecutionStarter,
    private readonly resolver: StreamResolver,
    private readonly admission: StreamAdmission,
    private readonly executions: ExecutionLookup,
    private readonly hub: StreamHub,
    private readonly formats: FormattedStreams,
  ) {}

  /**
   * Starts an execution and opens its stream as the response. A repeated key opens the stream of the first execution.
   * Everything that can be refused is refused before the execution starts.
   * @throws what `ExecutionStarter.start` and `StreamResolver.resolve` throw
   * @throws ProblemError 403 `insufficient_scope`, 429 `too_many_streams`, 505 `http_version_too_old`
   * @throws NoContentSignal if the first execution has ended and has no further events
   */
  async open(
    start: StreamedStart,
    principal: Principal,
    request: Request,
    response: Response,
  ): Promise<void> {
    const { body, idempotencyKey, lastEventId, types, format, thread } = start;
    if (!principal.scopes.includes('executions:read'))
      throw new ProblemError(
        'insufficient_scope',
        'The stream requires the scope executions:read, which your credential does not have. Accept application/json instead.',
      );
    if (format) this.formats.check(format.name, request);
    const place = format ? parseFramePlace(lastEventId) : FIRST_PLACE;
    const after = format ? place.sequence : parseLastEventId(lastEventId);
    if (after > 0 && idempotencyKey === undefined)
      throw new ProblemError(
        'invalid_last_event_id',
        'Last-Event-ID continues the stream of an execution that exists: repeat its Idempotency-Key, or leave Last-Event-ID out.',
      );
    const admitted = this.admission.prepare(principal, undefined, request)();
    let joined: Holder | undefined;
    const admission = new Holder(() => {
      joined?.release();
      admitted.release();
    });
    try {
      const started = await this.starter.start(body, principal, idempotencyKey, thread);
      showStarted(started, response);
      const executionId = started.execution.id;
      // The execution of the key may have been deleted. Then another one has started, and the client receives all of it.
      if (format) {
        const { name, endsWhenIdle, onComplete } = format;
        const from = started.replayed ? place : FIRST_PLACE;
        const stream = {
          executionId,
          format: name,
          place: from,
          endsWhenIdle,
          onComplete: onComplete && ((sequence: number) => onComplete(executionId, sequence)),
        };
        joined = this.admission.joinExecution(executionId);
        const isOpen = await this.formats.openAdmitted(stream, principal, response, () => admission);
        if (!isOpen) admission.release();
        return;
      }
      // What has just been inserted need not be read.
      const found = started.replayed
        ? await this.resolver.resolve(executionId, lastEventId, types, principal)
        : { executionId, status: started.execution.status, after: 0 };
      if (!found) throw new NoContentSignal();
      joined = this.admission.joinExecution(executionId);
      const isOpen = this.hub.open({
        executionId,
        after: found.after,
        committed: () => this.executions.committedSequence(executionId),
        types,
        response,
        principalId: principal.id,
        expiresAt: principal.expiresAt,
        established: establishedOf(found),
        enter: () => admission,
      });
      if (!isOpen) admission.release();
    } catch (error) {
      admission.release();
      throw error;
    }
  }
}
