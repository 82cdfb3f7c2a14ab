import { Holder } from './holder.js';

/** Bounds how many pieces of work run at the same time. Those that wait get their turn in the order of their calls. */
export class Semaphore {
  private free: number;
  private readonly waiting = new Set<() => void>();

  /** @param permits how many may be held at the same time */
  constructor(permits: number) {
    this.free = permits;
  }

  /**
   * Waits for a permit.
   * @throws the signal's reason when it aborts first
   */
  async acquire(signal?: AbortSignal): Promise<Holder> {
    signal?.throwIfAborted();
    if (this.free > 0) this.free -= 1;
    else await this.wait(signal);
    return new Holder(() => this.release());
  }

  /** Takes a permit that is free at once; undefined if none is. */
  tryAcquire(): Holder | undefined {
    if (this.free === 0) return undefined;
    this.free -= 1;
    return new Holder(() => this.release());
  }

  private async wait(signal: AbortSignal | undefined): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const onAbort = () => {
      // Only while it still waits: once it has the permit, its holder must release it.
      if (this.waiting.delete(turn.resolve)) turn.reject(signal?.reason as Error);
    };
    this.waiting.add(turn.resolve);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await turn.promise;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  private release(): void {
    const [next] = this.waiting;
    if (!next) {
      this.free += 1;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
