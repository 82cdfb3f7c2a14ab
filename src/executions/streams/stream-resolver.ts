import { Injectable } from '@nestjs/common';
import { type ExecutionStatus, isTerminal, type OpenStream } from '@cloutagent/contract';
import type { Principal } from '../../auth/principal.js';
import { JournalReader } from '../../journal/journal-reader.js';
import { ProblemError } from '../../problems/problem.error.js';
import { ExecutionLookup } from './execution-lookup.js';
import { parseLastEventId } from './last-event-id.js';

/** Where a stream of one execution starts. */
export interface StreamStart {
  executionId: string;
  status: ExecutionStatus;
  /** Events after this sequence are sent. */
  after: number;
}

/** Describes an execution at the start of its stream. */
export const establishedOf = ({ executionId, status }: StreamStart) => ({
  executionId,
  message: 'You will see every event of this execution, in order.',
  status,
});

/** Determines where a stream of one execution starts, and whether the caller may open it. */
@Injectable()
export class StreamResolver {
  constructor(
    private readonly executions: ExecutionLookup,
    private readonly journal: JournalReader,
  ) {}

  /**
   * Resolves a request for a stream.
   * @param lastEventId as the client sent it
   * @returns undefined if the execution has ended and has no further events
   * @throws NotFoundError if the execution does not exist or is not the principal's
   * @throws ProblemError 400 `invalid_last_event_id`
   */
  async resolve(
    executionId: string,
    lastEventId: string | undefined,
    types: OpenStream['types'],
    principal: Principal,
  ): Promise<StreamStart | undefined> {
    const after = parseLastEventId(lastEventId);
    const { id, status, lastSequence } = await this.executions.findAfter(executionId, after, principal);
    if (after > lastSequence) {
      throw new ProblemError(
        'invalid_last_event_id',
        `Last-Event-ID ${after} is past the end: the execution has ${lastSequence} events. Start again without it.`,
      );
    }
    if (isTerminal(status)) {
      const hasMore = after < lastSequence && (!types || (await this.hasEventAfter(id, after, types)));
      if (!hasMore) return undefined;
    }
    return { executionId: id, status, after };
  }

  private async hasEventAfter(
    executionId: string,
    after: number,
    types: NonNullable<OpenStream['types']>,
  ): Promise<boolean> {
    return (await this.journal.read(executionId, after, { types, limit: 1, bytes: 1 })).length > 0;
  }
}
