import {
  applyEvent,
  type EventDraft,
  type EventType,
  type ExecutionState,
  type ExecutionStatus,
} from '@cloutagent/contract';
import { abortable } from '../../common/abortable.js';
import { encodeEvent } from '../../events/encode-event.js';
import { parseEvent } from '../../events/event-bus.js';
import type { RowChange } from '../../journal/row-change.js';
import type { Journal } from '../../journal/journal.js';
import type { Claim } from '../../journal/pending-append.js';
import type { EngineStats } from './engine-stats.js';

/** `waitForCapacity` waits while an execution has this many uncommitted appends. */
const MAX_UNCOMMITTED = 64;

/** Whether an event of this type changes more of the state than `lastSequence`. */
const changesState = (type: EventType): boolean =>
  type !== 'execution:output' && type !== 'execution:thinking' && type !== 'execution:custom';

/** The owner's access to the journal of one execution. It assigns sequences and keeps the state that the events give. */
export class ExecutionLog {
  private uncommitted = 0;
  /** Resolves at the next commit or failure of an append. Created only if a caller waits. */
  private nextSettled: PromiseWithResolvers<void> | undefined;
  /** The newest event that the database has acknowledged, and the status with it. Not older than what is published. */
  committed: { sequence: number; status: ExecutionStatus };
  private readonly claim: Claim;
  /** The latest append. */
  private latest: Promise<void> = Promise.resolve();
  /** The status that the row has after all appends so far. */
  private rowStatus: ExecutionStatus | undefined;

  /**
   * @param state the state that the events so far give; the log keeps it up to date
   * @param onFailure called with the error of a refused append
   */
  constructor(
    private readonly journal: Journal,
    claim: Claim,
    readonly state: ExecutionState,
    private readonly onFailure: (error: unknown) => void,
    private readonly stats: EngineStats,
  ) {
    this.committed = { sequence: state.lastSequence, status: state.status };
    this.claim = {
      ...claim,
      onCommitted: ({ events, change }) => {
        const { sequence, status } = this.committed;
        this.committed = {
          sequence: events.at(-1)?.sequence ?? sequence,
          status: change?.status ?? status,
        };
      },
    };
    this.rowStatus = state.status;
  }

  /** The newest sequence that the database has acknowledged. */
  get committedSequence(): number {
    return this.committed.sequence;
  }

  /**
   * Assigns the next sequences to the drafts, immediately, and appends them. If they change the execution's status, the row
   * changes in the same commit.
   * @returns a promise that resolves when they are committed
   */
  append(drafts: readonly EventDraft[], change?: RowChange): Promise<void> {
    const events = drafts.map((draft) => {
      const event = encodeEvent(this.claim.executionId, this.state.lastSequence + 1, draft);
      if (!changesState(draft.type)) this.state.lastSequence = event.sequence;
      else {
        this.stats.record(draft, this.state);
        applyEvent(this.state, parseEvent(event));
      }
      return event;
    });
    const { status } = this.state;
    const isChanged = status !== this.rowStatus || change?.status !== undefined;
    this.rowStatus = status;
    this.uncommitted += 1;
    const committed = this.journal.append(this.claim, events, isChanged ? { ...change, status } : change);
    this.latest = committed;
    committed.then(
      () => this.onSettled(),
      (error: unknown) => {
        this.onSettled();
        this.onFailure(error);
      },
    );
    return committed;
  }

  /** Resolves when all appends so far are committed; rejects if the latest one is refused. */
  whenCommitted(): Promise<void> {
    return this.latest;
  }

  /** Appends without waiting for the commit. If the append is refused, `onFailure` is called. */
  record(drafts: readonly EventDraft[], change?: RowChange): void {
    this.append(drafts, change).catch(() => undefined);
  }

  /**
   * Waits while too many appends are not committed yet, so that a node is not faster than the database and memory stays
   * bounded.
   */
  async waitForCapacity(): Promise<void> {
    while (this.uncommitted >= MAX_UNCOMMITTED) await this.waitForSettled();
  }

  /**
   * Ends the log when this process releases the execution.
   * @param timeoutMs how long to wait for the appends in progress; those that are not committed by then are lost
   * @returns whether all appends are committed
   */
  async close(timeoutMs: number): Promise<boolean> {
    const timeout = AbortSignal.timeout(timeoutMs);
    while (this.uncommitted > 0 && !timeout.aborted)
      await abortable(this.waitForSettled(), timeout).catch(() => undefined);
    const isCommitted = this.uncommitted === 0 && this.committedSequence === this.state.lastSequence;
    this.journal.abandon(this.claim);
    return isCommitted;
  }

  private waitForSettled(): Promise<void> {
    this.nextSettled ??= Promise.withResolvers();
    return this.nextSettled.promise;
  }

  private onSettled(): void {
    this.uncommitted -= 1;
    this.nextSettled?.resolve();
    this.nextSettled = undefined;
  }
}
