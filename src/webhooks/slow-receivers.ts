import { Injectable } from '@nestjs/common';

/** A request that takes longer makes its webhook slow. */
export const SLOW_MS = 1_000;
/** How long a webhook counts as slow if nothing is sent to it. */
const FORGET_MS = 600_000;

/**
 * Knows which webhooks answer slowly to this process, also while a request to them is under way. The database knows it only when there is
 * an answer.
 */
@Injectable()
export class SlowReceivers {
  /** By the id of the webhook: when it was last slow, in ms of the monotonic clock. */
  private readonly slowAt = new Map<string, number>();

  /** Runs a request. The webhook is slow from the moment on in which the request has taken SLOW_MS, until one is faster. */
  async time<T>(webhookId: string, request: () => Promise<T>): Promise<T> {
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.slowAt.set(webhookId, performance.now());
    }, SLOW_MS);
    timer.unref();
    try {
      return await request();
    } finally {
      clearTimeout(timer);
      if (!isSlow) this.slowAt.delete(webhookId);
    }
  }

  /** @returns the ids of the slow webhooks */
  get ids(): ReadonlySet<string> {
    const since = performance.now() - FORGET_MS;
    for (const [id, at] of this.slowAt) if (at < since) this.slowAt.delete(id);
    return new Set(this.slowAt.keys());
  }
}
