import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { addressOf } from '../../auth/client-address.js';
import type { Principal } from '../../auth/principal.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import { Holder } from '../../common/holder.js';
import { StreamQuota } from '../../throttling/stream-quota.js';

/** Admits streams: each one takes a place in the quotas, and its credential is watched while it is open. */
@Injectable()
export class StreamAdmission {
  constructor(
    private readonly quota: StreamQuota,
    private readonly revocations: RevocationMonitor,
  ) {}

  /**
   * Prepares the admission of a stream.
   * @param executionId undefined for a stream of many executions
   * @returns a function that admits the stream until the holder is released; it throws ProblemError 429 if a quota is used up
   */
  prepare(principal: Principal, executionId: string | undefined, request: Request): () => Holder {
    const address = addressOf(request);
    return () => {
      const slots = this.quota.acquire(principal.id, executionId, address);
      const watched = this.revocations.watch(principal);
      return new Holder(() => {
        watched.release();
        slots.release();
      });
    };
  }

  /**
   * Counts a stream that was admitted without an execution towards the limit of its execution.
   * @throws ProblemError 429
   */
  joinExecution(executionId: string): Holder {
    return this.quota.acquireOfExecution(executionId);
  }
}
