import { Injectable } from '@nestjs/common';
import { isTerminal } from '@cloutagent/contract';
import type { Request, Response } from 'express';
import type { Principal } from '../../auth/principal.js';
import { Holder } from '../../common/holder.js';
import { NoContentSignal } from '../../problems/no-content.signal.js';
import { ProblemError } from '../../problems/problem.error.js';
import { StreamHub } from '../../streaming/stream-hub.js';
import type { StreamRequest } from '../../streaming/stream-request.js';
import { ExecutionLookup } from './execution-lookup.js';
import { FIRST_PLACE, type FramePlace } from './frame-place.js';
import { FormatSessions, type OwnFormat } from './format-sessions.js';
import { StreamAdmission } from './stream-admission.js';
import { establishedOf } from './stream-resolver.js';

/** Opens the stream of an execution in a format. */
export interface FormattedStreamRequest {
  executionId: string;
  /** The name of the format, or a format of the caller. */
  format: string | OwnFormat;
  /** The frames after this place are sent; `newest`: those of events after the newest one. Default: all. */
  place?: FramePlace | 'newest' | undefined;
  /**
   * Whether the stream ends when the client has to act before there are more frames. With `after`, only after an event past
   * this sequence. Default: false.
   */
  endsWhenIdle?: boolean | { readonly after: number } | undefined;
  /** Called with the last event, when everything has been written. */
  onComplete?: ((sequence: number) => void) | undefined;
}

/** Opens streams of executions in the formats of other protocols. */
@Injectable()
export class FormattedStreams {
  constructor(
    private readonly executions: ExecutionLookup,
    private readonly sessions: FormatSessions,
    private readonly admission: StreamAdmission,
    private readonly hub: StreamHub,
  ) {}

  /**
   * Checks a request for a stream before anything is done for it.
   * @throws ProblemError 505 `http_version_too_old`
   */
  check(format: string | OwnFormat, httpRequest: Request): void {
    this.sessions.check(format, httpRequest);
  }

  /**
   * Opens a stream as the response of a handler that writes its response itself (`@Res()`).
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws NoContentSignal if the execution has ended and there are no frames after the place
   * @throws ProblemError 400 `invalid_last_event_id` if the place is past the newest event, 429 `too_many_streams`,
   *   505 `http_version_too_old`
   */
  async open(
    request: FormattedStreamRequest,
    principal: Principal,
    httpRequest: Request,
    response: Response,
  ): Promise<void> {
    const enter = this.admission.prepare(principal, request.executionId, httpRequest);
    await this.openAdmitted(request, principal, response, enter);
  }

  /**
   * Opens a stream like `open`, with an admission of the caller's.
   * @returns false for a client that has left; `enter` is not called then
   */
  async openAdmitted(
    request: FormattedStreamRequest,
    principal: Principal,
    response: Response,
    enter: () => Holder,
  ): Promise<boolean> {
    return this.hub.open({ ...(await this.resolve(request, principal)), response, enter });
  }

  /**
   * Resolves a request for a stream.
   * @throws what `open` throws
   */
  async resolve(
    {
      executionId,
      format,
      place: wanted = FIRST_PLACE,
      endsWhenIdle = false,
      onComplete,
    }: FormattedStreamRequest,
    principal: Principal,
  ): Promise<Omit<StreamRequest, 'response' | 'enter'>> {
    const { id, status, lastSequence } = await this.executions.find(executionId, principal);
    const place = wanted === 'newest' ? { sequence: lastSequence + 1, part: 0 } : wanted;
    const after = Math.max(0, place.sequence - 1);
    if (place.part === 0 ? after > lastSequence : place.sequence > lastSequence)
      throw new ProblemError(
        'invalid_last_event_id',
        `The frame is past the end: the execution has ${lastSequence} events. Start again without Last-Event-ID.`,
      );
    const session = await this.sessions.of(id, format);
    if (isTerminal(status) && after >= lastSequence) throw new NoContentSignal();
    return {
      executionId: id,
      after,
      principalId: principal.id,
      expiresAt: principal.expiresAt,
      established: establishedOf({ executionId: id, status, after }),
      format: { session, skip: place.part, endsWhenIdle, onComplete },
    };
  }
}
