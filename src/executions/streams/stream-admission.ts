import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { addressOf } from '../../auth/client-address.js';
import { RevocationMonitor } from '../../auth/revocation-monitor.js';
import type { Principal } from '../../auth/principal.js';
import { StreamQuota } from '../../throttling/stream-quota.js';

/** What every stream takes when it opens and gives back when it is over: places in the quotas, and its credential watched. */
@Injectable()
export class StreamAdmission {
  constructor(
    private readonly quota: StreamQuota,
    private readonly watch: RevocationMonitor,
  ) {}

  /**
   * @param executionId undefined for a stream of many executions
   * @returns opens the stream's place, and throws ProblemError 429 when there is none; what it returns gives it back
   */
  prepare(principal: Principal, executionId: string | undefined, request: Request): () => () => void {
    const address = addressOf(request);
    return () => {
      const slots = this.quota.acquire(principal.id, executionId, address);
      const watched = this.watch.watch(principal);
      return () => {
        watched.release();
        slots.release();
      };
    };
  }
}
