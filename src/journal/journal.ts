import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { EventBus } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { Logger } from '../logging/logger.js';
import { detached } from '../logging/work-context.js';
import { ExecutionRedactors } from '../secrets/execution-redactors.js';
import {
  isAppendFault,
  isSequenceTaken,
  isTaken,
  LostTailError,
  SequenceTakenError,
  StaleOwnerError,
} from './append-errors.js';
import { AppendQueue } from './append-queue.js';
import type { Refusal } from './append-statement.js';
import type { RowChange } from './row-change.js';
import { AppendWriter } from './append-writer.js';
import { EventNotifier } from './event-notifier.js';
import { JournalReader } from './journal-reader.js';
import { JournalStats } from './journal-stats.js';
import type { Claim, PendingAppend } from './pending-append.js';
import { redactChange, redactEvents } from './redact.js';
import { SendBackoff } from './send-backoff.js';
import { UnownedAppend, type UnownedEnd, type UnownedEvents } from './unowned-append.js';

/** Below this many events, a batch is not worth sharing between two flushes. */
const MIN_SHARED_EVENTS = 128;
/** A second comparison is needed only if a statement that was given up commits between the first one and our own. */
const MAX_COMPARISONS = 3;

/**
 * The durable, ordered record of all events, and their only writer. It commits in groups, without a timer: while
 * MAX_FLUSHES_PER_PROCESS flushes are under way, the next batch collects. So an idle system commits at once, and a busy
 * one in large batches. An event is published only after its commit.
 *
 * The journal keeps an append whose answer was lost, or that the database cannot store now, and sends it again with
 * backoff until the database answers. So an outage stops no execution (docs/ownership.md).
 */
@Injectable()
export class Journal implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Journal.name);
  readonly stats = new JournalStats();
  private readonly queue = new AppendQueue();
  private readonly writer: AppendWriter;
  /** The executions of each flush under way. Two flushes never write the same one, so that its order is kept. */
  private readonly flushes = new Set<ReadonlySet<string>>();
  /** Whether a flush starts in this turn of the event loop. */
  private isCollecting = false;
  /** Claims of which an append was refused in this turn of the event loop, with the reason. */
  private readonly refused = new Map<string, { attempt: number; cause: unknown }>();
  private readonly backoff = new SendBackoff(() => this.collect());
  private closed = false;
  private readonly unownedChildEndSubject = new Subject<string>();
  /** Emits the id of the parent when `appendIfUnowned` or `cancelUnstarted` has ended a child execution. */
  readonly unownedChildEnds: Observable<string> = this.unownedChildEndSubject;

  constructor(
    database: Database,
    private readonly listener: Listener,
    identity: ProcessIdentity,
    private readonly bus: EventBus,
    private readonly notifier: EventNotifier,
    private readonly unowned: UnownedAppend,
    reader: JournalReader,
    private readonly redactors: ExecutionRedactors,
    peers: DeathDetector,
    @Inject(Settings)
    private readonly settings: Pick<
      Settings,
      'MAX_EVENTS_PER_FLUSH' | 'MAX_FLUSHES_PER_PROCESS' | 'JOURNAL_PACK_EVENTS_PER_SECOND'
    >,
  ) {
    // Without packing, older releases must be able to read the journal.
    const mayShorten = () => settings.JOURNAL_PACK_EVENTS_PER_SECOND > 0 && peers.peersReadShortRows;
    this.writer = new AppendWriter(database, identity.value, reader, mayShorten);
  }

  onModuleInit(): void {
    this.listener.reconnected.subscribe(() => this.backoff.end());
  }

  /** Stops sending appends again: the process is about to end. */
  onModuleDestroy(): void {
    this.closed = true;
    if (this.backoff.isWaiting) this.backoff.end();
  }

  /** Whether the database could not store the last append, which waits here to be sent again. */
  get isBackingOff(): boolean {
    return this.backoff.isActive;
  }

  /**
   * Appends consecutive events of one execution and, in the same commit, changes its row. Succeeds only while this
   * process owns the execution under this claim. Appends of one execution are committed in the order of the calls.
   * Secrets of the server, and those that the execution has used, are replaced before anything else sees the events.
   * @returns a promise that resolves when they are committed and published; during an outage of the database it waits
   * @throws StaleOwnerError, SequenceTakenError, LostTailError, or the error that makes them impossible to store
   */
  append(claim: Claim, events: RecordedEvent[], change?: RowChange): Promise<void> {
    const { executionId, attempt } = claim;
    return new Promise((resolve, reject) => {
      const refused = this.refused.get(executionId);
      if (refused?.attempt === attempt) {
        reject(refused.cause);
        return;
      }
      const at = change?.status === undefined ? {} : { at: new Date().toISOString() };
      const redactor = this.redactors.of(executionId);
      const row = change && { ...at, ...redactChange(redactor, change) };
      const redacted = redactEvents(redactor, events);
      this.queue.add({
        claim,
        executionId,
        attempt,
        events: redacted,
        change: row,
        uncertain: false,
        resolve,
        reject,
      });
      this.collect();
    });
  }

  /** Refuses all appends that wait under a claim that is given up. An append under way may still be committed. */
  abandon(claim: Claim): void {
    const abandoned = this.queue.find(claim);
    if (abandoned.length > 0)
      this.refuse(abandoned, new StaleOwnerError('this process has given the execution up'));
  }

  /**
   * Cancels an execution if no process owns it and none of its children is open, and publishes its last events.
   * @returns whether it was cancelled; if not, a process owns it, a child is open, or it has ended
   * @throws SequenceTakenError if an owner that has lost the execution appended during each of several tries
   */
  async appendIfUnowned(executionId: string, end: UnownedEnd): Promise<boolean> {
    const written = await this.unowned.write(executionId, end);
    if (!written) return false;
    this.announceEnd(written);
    return true;
  }

  /**
   * Cancels those of the executions that no process has ever owned, and publishes their ends. One statement for all.
   * @returns the number of executions
   */
  async cancelUnstarted(executionIds: readonly string[], end: UnownedEnd): Promise<number> {
    const written = await this.unowned.cancelUnstarted(executionIds, end);
    for (const each of written) this.announceEnd(each);
    return written.length;
  }

  /**
   * Starts a flush at the end of this turn, so that callers that continue in it, such as after a commit, join the batch. An
   * idle journal waits one turn more: what a node emits as soon as it starts is then in the commit of its start.
   */
  private collect(): void {
    const { MAX_FLUSHES_PER_PROCESS } = this.settings;
    if (this.isCollecting || this.backoff.isWaiting || this.flushes.size === MAX_FLUSHES_PER_PROCESS) return;
    this.isCollecting = true;
    const start = () => this.startFlush();
    detached(() => setImmediate(this.flushes.size > 0 ? start : () => setImmediate(start)));
  }

  private startFlush(): void {
    this.isCollecting = false;
    if (this.backoff.isWaiting) return;
    const batch = this.queue.take(this.maxBatchEvents(), [...this.flushes]);
    if (batch.length === 0) return;
    const executions = new Set(batch.map((append) => append.executionId));
    this.flushes.add(executions);
    const done = this.flush(batch);
    if (this.queue.length > 0) this.collect();
    void done.finally(() => {
      this.flushes.delete(executions);
      this.collect();
    });
  }

  private maxBatchEvents(): number {
    const { MAX_EVENTS_PER_FLUSH, MAX_FLUSHES_PER_PROCESS } = this.settings;
    // After a failure the batches are small: perhaps the database could not store a batch of that size.
    if (this.backoff.isActive) return Math.min(MAX_EVENTS_PER_FLUSH, MIN_SHARED_EVENTS);
    const share = this.queue.length / (MAX_FLUSHES_PER_PROCESS - this.flushes.size);
    return Math.min(MAX_EVENTS_PER_FLUSH, Math.max(MIN_SHARED_EVENTS, share));
  }

  private async flush(batch: PendingAppend[]): Promise<void> {
    let left = batch;
    try {
      left = await this.settle(batch);
      if (left.length === 0 || (await this.write(left))) return;
    } catch (error) {
      this.sendAgain(left, error);
      return;
    }
    // The batch failed as a whole. Written by execution, only the append at fault is refused.
    for (const appends of Map.groupBy(left, (append) => append.executionId).values())
      await this.writeAlone(appends);
  }

  /**
   * Writes a batch in one statement.
   * @returns false if an append of the batch is at fault, so that nothing was written
   * @throws when the database cannot store the batch now
   */
  private async write(batch: readonly PendingAppend[]): Promise<boolean> {
    const startedAt = performance.now();
    let refusals: Map<string, Refusal>;
    try {
      refusals = await this.writer.insert(batch);
    } catch (error) {
      if (!isSequenceTaken(error) && !isAppendFault(error)) throw error;
      return false;
    }
    this.stats.commitSeconds.add((performance.now() - startedAt) / 1000);
    this.stats.flushEvents.add(batch.reduce((events, append) => events + append.events.length, 0));
    this.backoff.reset();
    this.publish(batch, refusals);
    return true;
  }

  private async writeAlone(appends: PendingAppend[]): Promise<void> {
    let left = appends;
    for (let tries = 1; ; tries += 1) {
      try {
        left = await this.settle(left);
        if (left.length > 0) this.publish(left, await this.writer.insert(left));
        return;
      } catch (error) {
        if (isTaken(error) && left.some(({ uncertain }) => uncertain) && tries < MAX_COMPARISONS) continue;
        if (isSequenceTaken(error)) this.refuse(left, new SequenceTakenError(error));
        else if (isAppendFault(error)) this.refuse(left, error);
        else this.sendAgain(left, error);
        return;
      }
    }
  }

  /** Publishes the uncertain appends of a batch that are committed. @returns the others */
  private async settle(batch: PendingAppend[]): Promise<PendingAppend[]> {
    const uncertain = batch.filter((append) => append.uncertain && append.events.length > 0);
    if (uncertain.length === 0) return batch;
    const committed = await this.writer.findCommitted(uncertain);
    for (const append of committed) this.publishOne(append);
    return batch.filter((append) => !committed.has(append));
  }

  private publish(batch: readonly PendingAppend[], refusals: ReadonlyMap<string, Refusal>): void {
    for (const [executionId, { lost }] of refusals) {
      const error = lost
        ? new LostTailError('the database has lost events of this execution that it had acknowledged')
        : new StaleOwnerError('this process no longer owns the execution');
      this.refuse(
        batch.filter((append) => append.executionId === executionId),
        error,
      );
    }
    for (const append of batch) if (!refusals.has(append.executionId)) this.publishOne(append);
  }

  private publishOne({ claim, executionId, events, change, resolve }: PendingAppend): void {
    claim.onCommitted?.({ events, change });
    if (events.length > 0) this.announce(executionId, events, change?.status !== undefined);
    resolve();
  }

  /** Passes committed events on, in this process and to the others. */
  private announce(executionId: string, events: readonly RecordedEvent[], statusChanged: boolean): void {
    this.bus.publish(executionId, events);
    this.notifier.notify(executionId, events.at(-1)!.sequence, statusChanged);
  }

  private announceEnd({ executionId, parentId, events }: UnownedEvents): void {
    this.announce(executionId, events, true);
    if (parentId !== null) this.unownedChildEndSubject.next(parentId);
  }

  /**
   * Rejects appends of one claim, and all later appends of that claim: committed without the refused ones, they would
   * leave a hole. The owner learns of the refusal in this turn of the event loop; its appends until then are rejected too.
   */
  private refuse(appends: readonly PendingAppend[], cause: unknown): void {
    const { claim, executionId, attempt } = appends[0]!;
    const refused = new Set([...appends, ...this.queue.remove(claim)]);
    const entry = { attempt, cause };
    this.refused.set(executionId, entry);
    setImmediate(() => {
      if (this.refused.get(executionId) === entry) this.refused.delete(executionId);
    });
    this.stats.failedAppends += refused.size;
    for (const append of refused) append.reject(cause);
  }

  /** Puts a batch that the database could not store back to the front of the queue and starts a backoff. */
  private sendAgain(batch: readonly PendingAppend[], error: unknown): void {
    if (this.closed) {
      for (const append of batch) append.reject(error);
      return;
    }
    for (const append of batch) append.uncertain = true;
    this.queue.putBack(batch);
    this.stats.repeatedAppends += batch.length;
    if (this.backoff.isWaiting) return;
    const { message } = error as Error;
    this.logger.warn(
      `the database cannot store events now (${message}); the journal keeps them and sends them again in ${this.backoff.start()} ms`,
    );
  }
}
