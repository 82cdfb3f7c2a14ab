import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { EventDraft } from '@cloutagent/contract';
import { SecretRedactor } from '../config/secret-redactor.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { EventBus } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { detached } from '../logging/work-context.js';
import { Histogram } from '../common/histogram.js';
import { EventNotifier } from './event-notifier.js';
import {
  isAppendFault,
  isSequenceTaken,
  isStored,
  LostTailError,
  SequenceTakenError,
  StaleOwnerError,
} from './append-errors.js';
import {
  type AppendGroup,
  type AppendStatement,
  appendStatement,
  type Refusal,
  refusalsQuery,
  type RowChange,
} from './append-statement.js';

/** An execution under the claim of one owner. */
export interface Claim {
  readonly executionId: string;
  /** Fencing token: the attempt that the claim gave. */
  readonly attempt: number;
}

interface Append {
  readonly claim: Claim;
  readonly executionId: string;
  readonly attempt: number;
  events: RecordedEvent[];
  change: RowChange | undefined;
  /** Sent before, without an answer: it may be committed. */
  uncertain: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

// The row's lock keeps it apart from an owner that begins just now, the sequences from one that has lost the execution
// and does not know it yet.
const APPEND_UNOWNED = `
  WITH unowned AS (
    SELECT id FROM cloutagent.executions WHERE id = $1 AND owner IS NULL AND completed_at IS NULL
  ), ended AS (
    UPDATE cloutagent.executions SET status = 'cancelled', completed_at = now(), runnable_at = NULL
    WHERE id = $1 AND owner IS NULL AND completed_at IS NULL
      AND ($2::int[])[1] = 1 + coalesce((SELECT max(sequence) FROM cloutagent.events WHERE execution_id = $1), 0)
    RETURNING id
  ), appended AS (
    INSERT INTO cloutagent.events (execution_id, sequence, type, data)
    SELECT ended.id, event.* FROM ended, unnest($2::int[], $3::text[], $4::text[]) AS event
  ) SELECT EXISTS (SELECT FROM unowned) AS unowned, EXISTS (SELECT FROM ended) AS done`;
const STORED = `
  SELECT execution_id AS id, sequence, data FROM cloutagent.events
  JOIN unnest($1::uuid[], $2::int[]) AS a(id, first) ON execution_id = a.id AND sequence = a.first`;
/** Below this many appends a batch is not worth sharing between two flushes. */
const LEAST_SHARE = 128;
const FOREIGN_APPEND = 'another process has just appended to this execution';
const BACKOFF_LEAST_MS = 50;
const BACKOFF_MOST_MS = 2_000;
/** A second comparison is needed only if a statement that was given up commits between the first one and our own. */
const COMPARISONS = 3;

/**
 * The durable, ordered record of all events. Group commit without a timer: while MAX_FLUSHES_PER_PROCESS flushes
 * are under way the next batch collects, so an idle system commits at once and a busy one in large batches.
 * An event is published only after its commit.
 *
 * An append whose answer is lost, or that the database cannot take now, stays here and is sent again, with
 * backoff, for as long as it takes: an outage stops no execution. Docs: docs/ownership.md.
 */
@Injectable()
export class Journal implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Journal.name);
  /** Since the process started; `/metrics` shows it. */
  readonly stats = {
    /** Events of a commit. */
    flushEvents: new Histogram([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]),
    /** What a commit took, in s. */
    commitSeconds: new Histogram([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]),
    /** Appends that were refused. */
    failedAppends: 0,
    /** Appends that were sent again because the database did not answer or could not take them. */
    repeatedAppends: 0,
  };
  private pending: Append[] = [];
  /** The executions of each flush under way: two of them never write the same one, so its order stays. */
  private readonly flushes = new Set<{ writing: ReadonlySet<string>; done: Promise<void> }>();
  private turning = false;
  /** Claims whose owner is just being notified that an append was refused, and why it was. */
  private readonly refused = new Map<string, { attempt: number; cause: unknown }>();
  /** The newest connection on which each claim has found its events complete. */
  private readonly checkedOn = new WeakMap<Claim, number>();
  private backoffMs = 0;
  private backoff: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    private readonly bus: EventBus,
    private readonly announcer: EventNotifier,
    private readonly secrets: SecretRedactor,
    @Inject(Settings)
    private readonly settings: Pick<Settings, 'MAX_EVENTS_PER_FLUSH' | 'MAX_FLUSHES_PER_PROCESS'>,
  ) {}

  onModuleInit(): void {
    this.listener.reconnected.subscribe(() => this.endBackoff());
  }

  /** Sends nothing again from here on: the process is about to end. */
  onModuleDestroy(): void {
    this.closed = true;
    if (this.backoff) this.endBackoff();
  }

  /** Whether the database could not take the last append: it waits here to be sent again. */
  get isBackingOff(): boolean {
    return this.backoffMs > 0;
  }

  /**
   * Appends consecutive events of one execution and, in the same commit, what they change in its row. It holds only
   * while this process owns the execution under this claim. Appends of one execution are committed in the order of
   * the calls. Secrets of the server are replaced before anything else sees the events.
   * @returns once they are committed and published; while the database is away that takes as long as it is
   * @throws StaleOwnerError, SequenceTakenError, LostTailError, or the error that makes them impossible to store
   */
  append(claim: Claim, events: RecordedEvent[], change?: RowChange): Promise<void> {
    const { executionId, attempt } = claim;
    return new Promise((resolve, reject) => {
      const refused = this.refused.get(executionId);
      if (refused?.attempt === attempt) {
        reject(refused.cause as Error);
        return;
      }
      const at = change?.status === undefined ? {} : { at: new Date().toISOString() };
      const row = change && { ...at, ...this.redactChange(change) };
      const clean = this.redact(events);
      this.pending.push({
        claim,
        executionId,
        attempt,
        events: clean,
        change: row,
        uncertain: false,
        resolve,
        reject,
      });
      this.collect();
    });
  }

  /** Sends nothing more under a claim that has been given up. What is under way may still be committed. */
  abandon(claim: Claim): void {
    const abandoned = this.pending.filter((append) => append.claim === claim);
    if (abandoned.length > 0)
      this.refuse(abandoned, new StaleOwnerError('this process has given the execution up'));
  }

  /**
   * Appends the end of an execution that no process owns.
   * @returns whether it was done; if not, a process owns it or it has ended
   * @throws SequenceTakenError when an owner that has lost it appended meanwhile: read the journal again
   */
  async appendIfUnowned(executionId: string, drafts: readonly RecordedEvent[]): Promise<boolean> {
    const events = this.redact(drafts);
    const values = [
      executionId,
      events.map((event) => event.sequence),
      events.map((event) => event.type),
      events.map((event) => event.data),
    ];
    const { rows } = await this.database.pool
      .query<{ unowned: boolean; done: boolean }>(APPEND_UNOWNED, values)
      .catch((error: unknown) => {
        throw isSequenceTaken(error) ? new SequenceTakenError(FOREIGN_APPEND, { cause: error }) : error;
      });
    const { unowned, done } = rows[0]!;
    if (!done && unowned) throw new SequenceTakenError(FOREIGN_APPEND);
    if (!done) return false;
    this.bus.publish(executionId, events);
    this.announcer.notify(executionId, events.at(-1)!.sequence, true);
    return true;
  }

  private redact(events: readonly RecordedEvent[]): RecordedEvent[] {
    return events.map((event) => {
      const data = this.secrets.json(event.data);
      return data === event.data ? event : { ...event, data };
    });
  }

  private redactChange(change: RowChange): RowChange {
    const { output, error } = change;
    if (output === undefined && error === undefined) return change;
    const json = JSON.stringify(change);
    const redacted = this.secrets.json(json);
    return redacted === json ? change : (JSON.parse(redacted) as RowChange);
  }

  /** Not a timer: it lets callers that continue in this turn, perhaps after a commit, join the batch. */
  private collect(): void {
    if (this.turning || this.backoff || this.flushes.size === this.settings.MAX_FLUSHES_PER_PROCESS) return;
    this.turning = true;
    detached(() => setImmediate(() => this.startFlush()));
  }

  private startFlush(): void {
    this.turning = false;
    if (this.backoff) return;
    const batch = this.takeBatch();
    if (batch.length === 0) return;
    const flush = { writing: new Set(batch.map((append) => append.executionId)), done: this.flush(batch) };
    this.flushes.add(flush);
    if (this.pending.length > 0) this.collect();
    void flush.done.finally(() => {
      this.flushes.delete(flush);
      this.collect();
    });
  }

  /** What waits, up to the limit, without executions that another flush is writing. */
  private takeBatch(): Append[] {
    const batch: Append[] = [];
    const left: Append[] = [];
    const attempts = new Map<string, number>();
    let events = 0;
    const free = this.settings.MAX_FLUSHES_PER_PROCESS - this.flushes.size;
    const share = Math.max(LEAST_SHARE, this.pending.length / free);
    // After a failure in small batches: perhaps it was the size that the database could not take.
    const most = Math.min(this.settings.MAX_EVENTS_PER_FLUSH, this.backoffMs > 0 ? LEAST_SHARE : share);
    for (const append of this.pending) {
      const { executionId } = append;
      const waits =
        events >= most ||
        (attempts.get(executionId) ?? append.attempt) !== append.attempt ||
        [...this.flushes].some(({ writing }) => writing.has(executionId));
      if (waits) {
        left.push(append);
        continue;
      }
      attempts.set(executionId, append.attempt);
      batch.push(append);
      events += append.events.length;
    }
    this.pending = left;
    return batch;
  }

  private async flush(batch: Append[]): Promise<void> {
    try {
      const isolated = await this.write(batch);
      if (!isolated) return;
    } catch (error) {
      this.sendAgain(batch, error);
      return;
    }
    // The batch failed as a whole: append by execution, so that only the one at fault is refused.
    for (const appends of Map.groupBy(batch, (append) => append.executionId).values())
      await this.writeAlone(appends);
  }

  /**
   * Writes a batch in one statement.
   * @returns whether it has to be written execution by execution
   * @throws when the database cannot take it now
   */
  private async write(batch: Append[]): Promise<boolean> {
    const left = await this.settle(batch);
    if (left.length === 0) return false;
    const began = performance.now();
    let refusals: Map<string, Refusal>;
    try {
      refusals = await this.insert(left);
    } catch (error) {
      if (!isSequenceTaken(error) && !isAppendFault(error)) throw error;
      batch.splice(0, batch.length, ...left);
      return true;
    }
    this.stats.commitSeconds.add((performance.now() - began) / 1000);
    this.stats.flushEvents.add(left.reduce((events, append) => events + append.events.length, 0));
    this.backoffMs = 0;
    this.publish(left, refusals);
    return false;
  }

  private async writeAlone(appends: Append[]): Promise<void> {
    let left = appends;
    for (let tries = 1; ; tries += 1) {
      try {
        left = await this.settle(left);
        if (left.length > 0) this.publish(left, await this.insert(left));
        return;
      } catch (error) {
        if (isSequenceTaken(error) && left.some(({ uncertain }) => uncertain) && tries < COMPARISONS)
          continue;
        if (isSequenceTaken(error)) {
          this.refuse(left, new SequenceTakenError(FOREIGN_APPEND, { cause: error }));
        } else if (isAppendFault(error)) this.refuse(left, error);
        else this.sendAgain(left, error);
        return;
      }
    }
  }

  /**
   * Finds out which of the appends that were sent before are committed, and publishes these.
   * @returns the others
   */
  private async settle(batch: Append[]): Promise<Append[]> {
    const unsure = batch.filter((append) => append.uncertain && append.events.length > 0);
    if (unsure.length === 0) return batch;
    const { rows } = await this.database.pool.query<{ id: string; sequence: number; data: string }>(STORED, [
      unsure.map((append) => append.executionId),
      unsure.map((append) => append.events[0]!.sequence),
    ]);
    const stored = new Map(rows.map(({ id, sequence, data }) => [`${id}:${sequence}`, data]));
    const committed = new Set(
      unsure.filter(({ executionId, events }) =>
        isStored(events, stored.get(`${executionId}:${events[0]!.sequence}`)),
      ),
    );
    for (const append of committed) this.publishOne(append);
    return batch.filter((append) => !committed.has(append));
  }

  private async insert(batch: Append[]): Promise<Map<string, Refusal>> {
    const groups = new Map<string, AppendGroup>();
    for (const { executionId, attempt, events, change } of batch) {
      const group = groups.get(executionId);
      if (!group) groups.set(executionId, { executionId, attempt, events, change, isFirst: true });
      else {
        group.events = [...group.events, ...events];
        // The last word on each column counts: one statement changes a row once.
        if (change) group.change = { ...group.change, ...change };
      }
    }
    let used = 0;
    let tells: AppendStatement['returns'] = 'refusals';
    const all = [...groups.values()];
    const answer = await this.database.query<Refusal>((connection) => {
      used = connection;
      for (const { claim, executionId } of batch)
        groups.get(executionId)!.isFirst = (this.checkedOn.get(claim) ?? 0) < connection;
      const statement = appendStatement(all, this.identity.value);
      tells = statement.returns;
      return statement.query;
    });
    const rows = tells === 'refusals' ? answer.rows : await this.refusals(all, answer.rowCount);
    for (const { claim } of batch)
      if ((this.checkedOn.get(claim) ?? 0) < used) this.checkedOn.set(claim, used);
    return new Map(rows.map((row) => [row.id, row]));
  }

  private async refusals(groups: readonly AppendGroup[], inserted: number | null): Promise<Refusal[]> {
    const wanted = groups.reduce((sum, { events }) => sum + events.length, 0);
    if (inserted === wanted) return [];
    const query = refusalsQuery(groups, this.identity.value);
    return (await this.database.pool.query<Refusal>(query)).rows;
  }

  private publish(batch: readonly Append[], refusals: ReadonlyMap<string, Refusal>): void {
    for (const [executionId, { lost }] of refusals) {
      const error = lost
        ? new LostTailError('the database has lost events of this execution that it had acknowledged')
        : new StaleOwnerError('this process does not own the execution any more');
      this.refuse(
        batch.filter((append) => append.executionId === executionId),
        error,
      );
    }
    for (const append of batch) if (!refusals.has(append.executionId)) this.publishOne(append);
  }

  private publishOne({ executionId, events, change, resolve }: Append): void {
    const last = events.at(-1);
    if (last) {
      this.bus.publish(executionId, events);
      this.announcer.notify(executionId, last.sequence, change?.status !== undefined);
    }
    resolve();
  }

  /**
   * An append that is refused takes with it what waits after it of the same claim: committed without it, that
   * would leave a hole. So does what is appended before the owner has heard of it.
   */
  private refuse(appends: readonly Append[], cause: unknown): void {
    const { executionId, attempt } = appends[0]!;
    const isLater = (append: Append) => append.executionId === executionId && append.attempt === attempt;
    const later = this.pending.filter((append) => isLater(append) && !appends.includes(append));
    this.pending = this.pending.filter((append) => !isLater(append));
    const entry = { attempt, cause };
    this.refused.set(executionId, entry);
    setImmediate(() => {
      if (this.refused.get(executionId) === entry) this.refused.delete(executionId);
    });
    this.stats.failedAppends += appends.length + later.length;
    for (const append of [...appends, ...later]) append.reject(cause);
  }

  /** Puts back what the database could not take, before all that waits, and pauses. */
  private sendAgain(batch: readonly Append[], error: unknown): void {
    if (this.closed) {
      for (const append of batch) append.reject(error);
      return;
    }
    for (const append of batch) append.uncertain = true;
    this.pending = [...batch, ...this.pending];
    this.stats.repeatedAppends += batch.length;
    if (this.backoff) return;
    this.backoffMs = Math.min(BACKOFF_MOST_MS, Math.max(BACKOFF_LEAST_MS, 2 * this.backoffMs));
    const delayMs = Math.round(this.backoffMs * (0.5 + Math.random() / 2));
    this.logger.warn(
      `the database cannot take events now (${(error as Error).message}); they are kept and sent again in ${delayMs} ms`,
    );
    this.backoff = setTimeout(() => this.endBackoff(), delayMs);
  }

  private endBackoff(): void {
    clearTimeout(this.backoff);
    this.backoff = undefined;
    this.collect();
  }
}

/**
 * Gives a draft its place and its frame's data line. JSON escapes line breaks, so the line stays one;
 * U+2028 and U+2029 are no line breaks in an event stream (HTML Standard, section 9.2.6).
 */
export function record(executionId: string, sequence: number, draft: EventDraft): RecordedEvent {
  const timestamp = new Date().toISOString();
  return { sequence, type: draft.type, data: JSON.stringify({ executionId, timestamp, ...draft.fields }) };
}
