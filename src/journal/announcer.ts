import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { Database } from '../database/database.js';
import { Listener, PROCESS_LOCK } from '../database/listener.js';

/** Channel of the announcements; a payload is `<process> <execution id>:<sequence>[!] …`. */
export const EVENTS_CHANNEL = 'cloutagent_events';
/** Ends an entry whose events change the execution's status. */
export const STATUS_CHANGED = '!';
/** PostgreSQL takes payloads of less than 8,000 bytes; an entry has at most 49. */
const ENTRIES_PER_PAYLOAD = 150;
const COUNT_MS = 5_000;

/**
 * Tells the other processes which executions have new events. Off the commit's path and coalesced: while
 * one NOTIFY is under way the next collects. A lost one is no harm, the others also look for themselves.
 */
@Injectable()
export class Announcer implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(Announcer.name);
  private latest = new Map<string, { sequence: number; statusChanged: boolean }>();
  private readonly changes = new Subject<void>();
  /** The status of an execution changed, in a transaction of this process that is committed. */
  readonly statusChanges: Observable<void> = this.changes;
  private sending = false;
  /** Whether no other process would hear it. */
  private alone = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
  ) {}

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(EVENTS_CHANNEL)).subscribe((payload) => {
      if (!payload.startsWith(this.listener.identity)) this.alone = false;
    });
    // Those who believe themselves alone learn that they are not.
    await this.database.pool.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, this.listener.identity]);
    const count = () => void this.countProcesses().catch(() => (this.alone = false));
    count();
    this.timer = setInterval(count, COUNT_MS);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  announce(executionId: string, sequence: number, statusChanged: boolean): void {
    if (statusChanged) this.changes.next();
    if (this.alone) return;
    const unsent = this.latest.get(executionId)?.statusChanged ?? false;
    this.latest.set(executionId, { sequence, statusChanged: statusChanged || unsent });
    if (!this.sending) void this.send();
  }

  /** Each process holds an advisory lock that says so. */
  private async countProcesses(): Promise<void> {
    const { rows } = await this.database.pool.query<{ processes: number }>(
      `SELECT count(*)::int AS processes FROM pg_locks
       WHERE locktype = 'advisory' AND classid = $1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [PROCESS_LOCK],
    );
    this.alone = rows[0]?.processes === 1;
  }

  private async send(): Promise<void> {
    this.sending = true;
    try {
      while (this.latest.size > 0) {
        const entries = [...this.latest].map(
          ([id, { sequence, statusChanged }]) => `${id}:${sequence}${statusChanged ? STATUS_CHANGED : ''}`,
        );
        this.latest = new Map();
        const payloads: string[] = [];
        for (let start = 0; start < entries.length; start += ENTRIES_PER_PAYLOAD) {
          payloads.push(
            [this.listener.identity, ...entries.slice(start, start + ENTRIES_PER_PAYLOAD)].join(' '),
          );
        }
        await this.database.pool.query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [
          EVENTS_CHANNEL,
          payloads,
        ]);
      }
    } catch (error) {
      this.logger.warn(`other processes could not be told of new events: ${(error as Error).message}`);
    } finally {
      this.sending = false;
    }
  }
}
