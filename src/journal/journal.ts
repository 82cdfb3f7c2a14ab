import { Inject, Injectable } from '@nestjs/common';
import type { EventDraft, EventType, Execution, ExecutionFailure, Json } from '@cloutagent/contract';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { EventBus } from '../events/event-bus.js';
import type { RecordedEvent } from '../events/recorded-event.js';
import { Tally } from '../tally/tally.js';
import { Announcer } from './announcer.js';

/** Columns of the execution's row that change together with its events. */
export interface Projection {
  status: Execution['status'];
  /** When, ISO 8601; becomes the start or the end. Now when left out. */
  at?: string;
  output?: Json;
  error?: ExecutionFailure;
}

/** Somebody else appended to this execution: its owner here must stop. */
export class StaleOwnerError extends Error {
  override readonly name = 'StaleOwnerError';
}

interface Append {
  executionId: string;
  events: RecordedEvent[];
  projection: (Projection & { at: string }) | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

// One statement, so that events and the row they change are committed together. Rows of executions
// that have reached an end are not touched again.
const INSERT = `
  INSERT INTO cloutagent.events (execution_id, sequence, type, data)
  SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[])`;
const INSERT_AND_PROJECT = `
  WITH appended AS (${INSERT})
  UPDATE cloutagent.executions AS e SET
    status = p.status,
    output = coalesce(p.output, e.output),
    error = coalesce(p.error, e.error),
    started_at = CASE WHEN p.status = 'running' THEN coalesce(e.started_at, p.at) ELSE e.started_at END,
    completed_at = CASE WHEN p.status IN ('completed', 'failed', 'cancelled') THEN p.at ELSE NULL END
  FROM unnest($5::uuid[], $6::text[], $7::json[], $8::json[], $9::timestamptz[]) AS p(id, status, output, error, at)
  WHERE e.id = p.id`;
const UNIQUE_VIOLATION = '23505';
/** Below this many appends a batch is not worth sharing between two flushes. */
const LEAST_SHARE = 128;

/**
 * The durable, ordered record of all events. Group commit without a timer: while JOURNAL_FLUSHES flushes
 * are under way the next batch collects, so an idle system commits at once and a busy one in large batches.
 * An event is published only after its commit.
 */
@Injectable()
export class Journal {
  /** Since the process started; `/metrics` shows it. */
  readonly stats = {
    /** Events of a commit. */
    flushEvents: new Tally([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]),
    /** What a commit took, in s. */
    commitSeconds: new Tally([0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]),
    /** Appends that were refused or failed. */
    failedAppends: 0,
  };
  private pending: Append[] = [];
  /** The executions of each flush under way: two of them never write the same one, so its order stays. */
  private readonly flushes = new Set<{ writing: ReadonlySet<string>; done: Promise<void> }>();
  private turning = false;
  /** Executions whose owner is just being told that an append failed, and why it did. */
  private readonly refused = new Map<string, unknown>();

  constructor(
    private readonly database: Database,
    private readonly bus: EventBus,
    private readonly announcer: Announcer,
    @Inject(Settings) private readonly settings: Pick<Settings, 'JOURNAL_BATCH_EVENTS' | 'JOURNAL_FLUSHES'>,
  ) {}

  /**
   * Appends consecutive events of one execution and, in the same transaction, what they change in its row.
   * Appends of one execution are committed in the order of the calls.
   * @returns once they are committed and published
   * @throws StaleOwnerError when one of the sequences is taken
   */
  append(executionId: string, events: RecordedEvent[], projection?: Projection): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.refused.has(executionId)) {
        reject(this.refused.get(executionId) as Error);
        return;
      }
      const row = projection && { at: new Date().toISOString(), ...projection };
      this.pending.push({ executionId, events, projection: row, resolve, reject });
      this.collect();
    });
  }

  /** Not a timer: it lets those who go on in this turn, perhaps just told of a commit, join the batch. */
  private collect(): void {
    if (this.turning || this.flushes.size === this.settings.JOURNAL_FLUSHES) return;
    this.turning = true;
    setImmediate(() => {
      this.turning = false;
      const batch = this.takeBatch();
      if (batch.length === 0) return;
      const flush = { writing: new Set(batch.map((append) => append.executionId)), done: this.flush(batch) };
      this.flushes.add(flush);
      if (this.pending.length > 0) this.collect();
      void flush.done.finally(() => {
        this.flushes.delete(flush);
        this.collect();
      });
    });
  }

  private async flush(batch: Append[]): Promise<void> {
    try {
      await this.write(batch);
    } catch (error) {
      await this.writeApart(batch, error);
      return;
    }
    for (const append of batch) this.publish(append);
  }

  /** What waits, up to the limit, without executions that another flush is writing. */
  private takeBatch(): Append[] {
    const batch: Append[] = [];
    const left: Append[] = [];
    let events = 0;
    const free = this.settings.JOURNAL_FLUSHES - this.flushes.size;
    const share = Math.max(LEAST_SHARE, this.pending.length / free);
    const most = Math.min(this.settings.JOURNAL_BATCH_EVENTS, share);
    for (const append of this.pending) {
      const room = events < most;
      if (!room || [...this.flushes].some(({ writing }) => writing.has(append.executionId))) {
        left.push(append);
        continue;
      }
      batch.push(append);
      events += append.events.length;
    }
    this.pending = left;
    return batch;
  }

  /** A batch that failed as a whole is written execution by execution, so that only those at fault fail. */
  private async writeApart(batch: Append[], reason: unknown): Promise<void> {
    const byExecution = Map.groupBy(batch, (append) => append.executionId);
    for (const appends of byExecution.values()) {
      try {
        if (byExecution.size === 1) throw reason;
        await this.write(appends);
        for (const append of appends) this.publish(append);
      } catch (error) {
        const taken = (error as { code?: string }).code === UNIQUE_VIOLATION;
        const cause = taken
          ? new StaleOwnerError('another process has taken this execution over', { cause: error })
          : error;
        this.refuse(appends[0]!.executionId, appends, cause);
      }
    }
  }

  /**
   * An append that failed takes with it what waits behind it of the same execution: committed without it, that
   * would leave a hole for ever. So does what is appended before the owner has heard of it.
   */
  private refuse(executionId: string, appends: Append[], cause: unknown): void {
    const behind = this.pending.filter((append) => append.executionId === executionId);
    this.pending = this.pending.filter((append) => append.executionId !== executionId);
    this.refused.set(executionId, cause);
    setImmediate(() => this.refused.delete(executionId));
    this.stats.failedAppends += appends.length + behind.length;
    for (const append of [...appends, ...behind]) append.reject(cause);
  }

  private async write(batch: Append[]): Promise<void> {
    const began = performance.now();
    const events = await this.insert(batch);
    this.stats.commitSeconds.add((performance.now() - began) / 1000);
    this.stats.flushEvents.add(events);
  }

  /** @returns how many events there were */
  private async insert(batch: Append[]): Promise<number> {
    const ids: string[] = [];
    const sequences: number[] = [];
    const types: EventType[] = [];
    const data: string[] = [];
    // The last word on a row counts: one statement updates a row once.
    const projections = new Map<string, NonNullable<Append['projection']>>();
    for (const { executionId, events, projection } of batch) {
      for (const event of events) {
        ids.push(executionId);
        sequences.push(event.sequence);
        types.push(event.type);
        data.push(event.data);
      }
      if (projection) projections.set(executionId, projection);
    }
    if (projections.size === 0) {
      await this.database.pool.query({
        name: 'journal-insert',
        text: INSERT,
        values: [ids, sequences, types, data],
      });
      return ids.length;
    }
    const rows = [...projections.values()];
    await this.database.pool.query({
      name: 'journal-insert-project',
      text: INSERT_AND_PROJECT,
      values: [
        ids,
        sequences,
        types,
        data,
        [...projections.keys()],
        rows.map((row) => row.status),
        rows.map((row) => (row.output === undefined ? null : JSON.stringify(row.output))),
        rows.map((row) => (row.error === undefined ? null : JSON.stringify(row.error))),
        rows.map((row) => row.at),
      ],
    });
    return ids.length;
  }

  private publish({ executionId, events, projection, resolve }: Append): void {
    const last = events.at(-1);
    if (last) {
      this.bus.publish(executionId, events);
      this.announcer.announce(executionId, last.sequence, projection !== undefined);
    }
    resolve();
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
