import { applyEvent, type EventDraft, type ExecutionState } from '@cloutagent/contract';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeEvent } from '../../events/encode-event.js';
import { parseEvent } from '../../events/event-bus.js';
import type { RowChange } from '../../journal/append-statement.js';
import type { Journal } from '../../journal/journal.js';
import type { Claim } from '../../journal/pending-append.js';
import type { EngineStats } from './engine-stats.js';

/** Appends of one execution that may be waiting for their commit before `room` holds the writer back. */
const WINDOW = 64;

/** The owner's end of one execution's journal: gives out sequences and knows what the events add up to. */
export class ExecutionLog {
  private outstanding = 0;
  private waiting: (() => void)[] = [];
  /** The newest sequence that the database has acknowledged. */
  committed: number;

  constructor(
    private readonly journal: Journal,
    private readonly claim: Claim,
    /** What the events so far add up to; kept up to date. */
    readonly state: ExecutionState,
    private readonly onFailure: (error: unknown) => void,
    private readonly stats: EngineStats,
  ) {
    this.committed = state.lastSequence;
  }

  /**
   * Gives the drafts their places, at once, and appends them.
   * @returns once they are committed
   */
  append(drafts: readonly EventDraft[], change?: RowChange): Promise<void> {
    const events = drafts.map((draft) => {
      const event = encodeEvent(this.claim.executionId, this.state.lastSequence + 1, draft);
      if (draft.type === 'execution:output' || draft.type === 'execution:thinking')
        this.state.lastSequence = event.sequence;
      else {
        this.stats.record(draft, this.state);
        applyEvent(this.state, parseEvent(event));
      }
      return event;
    });
    this.outstanding += 1;
    const committed = this.journal.append(this.claim, events, change);
    const last = this.state.lastSequence;
    committed.then(
      () => {
        this.committed = Math.max(this.committed, last);
        this.release();
      },
      (error: unknown) => {
        this.release();
        this.onFailure(error);
      },
    );
    return committed;
  }

  /** Appends without waiting. One that is refused releases the run, through `onFailure`. */
  record(drafts: readonly EventDraft[], change?: RowChange): void {
    this.append(drafts, change).catch(() => undefined);
  }

  /** Waits while too much is not committed yet: a writer is no faster than the database, and memory stays bounded. */
  async waitForCapacity(): Promise<void> {
    while (this.outstanding >= WINDOW) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /**
   * Ends the log of a claim that is given up.
   * @param mostMs how long to wait for what is under way; what is not committed then is lost
   */
  async close(mostMs: number): Promise<void> {
    const deadline = performance.now() + mostMs;
    while (this.outstanding > 0 && performance.now() < deadline) {
      const settled = new Promise<void>((resolve) => this.waiting.push(resolve));
      await Promise.race([settled, sleep(deadline - performance.now(), undefined, { ref: false })]);
    }
    this.journal.abandon(this.claim);
  }

  private release(): void {
    this.outstanding -= 1;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
