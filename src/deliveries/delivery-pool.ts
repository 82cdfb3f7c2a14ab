import { setTimeout as sleep } from 'node:timers/promises';
import { coalesce } from '../common/coalesce.js';
import { Logger } from '../logging/logger.js';
import { detached } from '../logging/work-context.js';

/** How long to wait after a claim that left nothing that was due: a busy journal wakes the pool with each commit. */
const MIN_CLAIM_INTERVAL_MS = 25;
/** How long a shutdown waits for a database that does not answer. The leases then end by themselves. */
const RELEASE_TIMEOUT_MS = 1_000;

/** A claimed delivery while it runs. */
interface DeliveryRun {
  /** @returns how long to wait before the next attempt, in ms; undefined if there is none to wait for */
  run(): Promise<number | undefined>;
  /** Renews its lease now. */
  renew(): Promise<void>;
}

/** What a pool claims from, and how it delivers that. */
export interface DeliverySource<Claimed extends { readonly executionId: string }> {
  /** Name of the receivers, for the log. */
  readonly name: string;
  /** Returns what identifies a delivery among those that run. */
  keyOf(claimed: Claimed): string;
  /**
   * Claims deliveries that are due.
   * @param limit how many may be claimed
   * @param active those that this process delivers. Its lease of one may have ended, while its call continues
   */
  claim(limit: number, active: readonly Claimed[]): Promise<Claimed[]>;
  /**
   * @param claimedAt when the claim was sent, in ms of the monotonic clock
   * @param stopping aborts when the process stops: the run ends after the present event
   * @param abandoned aborts when the process cannot wait for the present event any longer
   */
  runOf(claimed: Claimed, claimedAt: number, stopping: AbortSignal, abandoned: AbortSignal): DeliveryRun;
}

/** Claims deliveries that are due, and runs several of them at the same time in this process. */
export class DeliveryPool<Claimed extends { readonly executionId: string }> {
  private readonly logger = new Logger(DeliveryPool.name);
  private readonly active = new Map<string, { claimed: Claimed; run: DeliveryRun; ended: Promise<void> }>();
  private readonly stopping = new AbortController();
  private readonly abandoned = new AbortController();
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly claim = coalesce(() => detached(() => this.claimDue()));
  private isWaking = false;
  /** When a claim last left nothing that was due. */
  private claimedAllAt = -Infinity;

  /** @param limit deliveries at the same time */
  constructor(
    private readonly source: DeliverySource<Claimed>,
    private readonly limit: number,
  ) {}

  /** Whether a delivery with this key runs. */
  has(key: string): boolean {
    return this.active.has(key);
  }

  /** Claims what is due, soon: calls within a short time share one claim. */
  wake(afterMs = 0): void {
    if (this.stopping.signal.aborted || (afterMs === 0 && this.isWaking)) return;
    if (afterMs === 0) this.isWaking = true;
    const sinceClaim = performance.now() - this.claimedAllAt;
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        if (afterMs === 0) this.isWaking = false;
        void this.claim();
      },
      Math.max(afterMs, MIN_CLAIM_INTERVAL_MS - sinceClaim, 0),
    );
    timer.unref();
    this.timers.add(timer);
  }

  /** Renews all leases now. Calls of which another process has taken the delivery over are aborted. */
  renew(): void {
    for (const { run } of this.active.values()) void run.renew();
  }

  /**
   * Claims no more, and ends each run after its present event.
   * @param graceMs after this time, it aborts the calls that are under way
   * @returns a promise that resolves when the runs have ended
   */
  async stop(graceMs: number): Promise<void> {
    this.stopping.abort();
    for (const timer of this.timers) clearTimeout(timer);
    const timer = setTimeout(() => this.abandoned.abort(new Error('the process is shutting down')), graceMs);
    const all = this.claim().then(() => Promise.all([...this.active.values()].map(({ ended }) => ended)));
    await Promise.race([all, sleep(graceMs + RELEASE_TIMEOUT_MS, undefined, { ref: false })]);
    clearTimeout(timer);
  }

  private async claimDue(): Promise<void> {
    for (;;) {
      const free = this.limit - this.active.size;
      if (free <= 0 || this.stopping.signal.aborted) return;
      let found: Claimed[];
      const claimedAt = performance.now();
      try {
        found = await this.source.claim(
          free,
          [...this.active.values()].map(({ claimed }) => claimed),
        );
      } catch (error) {
        this.logger.warn(
          `deliveries of ${this.source.name} could not be claimed: ${(error as Error).message}`,
        );
        return;
      }
      for (const claimed of found) this.start(claimed, claimedAt);
      if (found.length < free) {
        this.claimedAllAt = performance.now();
        return;
      }
    }
  }

  private start(claimed: Claimed, claimedAt: number): void {
    const key = this.source.keyOf(claimed);
    const { executionId } = claimed;
    const run = this.source.runOf(claimed, claimedAt, this.stopping.signal, this.abandoned.signal);
    const ended = run
      .run()
      .then((retryMs) => {
        if (retryMs !== undefined) this.wake(Math.max(1, retryMs));
      })
      .catch((error: Error) =>
        this.logger.warn(
          `a delivery to ${this.source.name} could not be recorded; its last events are delivered again: ${error.message}`,
          { executionId },
        ),
      )
      .finally(() => {
        this.active.delete(key);
        this.wake();
      });
    this.active.set(key, { claimed, run, ended });
  }
}
