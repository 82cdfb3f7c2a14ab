import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';

/** Channel of the announcements; a payload is `<process> <execution id>:<sequence>[!] …`. */
export const EVENTS_CHANNEL = 'cloutagent_events';
/** Ends an entry whose events change the execution's status. */
export const STATUS_CHANGED = '!';
/** PostgreSQL takes payloads of less than 8,000 bytes; an entry has at most 49. */
const ENTRIES_PER_PAYLOAD = 150;

/**
 * Tells the other processes which executions have new events. Off the commit's path and coalesced: while
 * one NOTIFY is under way the next collects. A lost one is no harm, the others also look for themselves.
 */
@Injectable()
export class EventNotifier implements OnModuleInit {
  private readonly logger = new Logger(EventNotifier.name);
  private latest = new Map<string, { sequence: number; statusChanged: boolean }>();
  private readonly changes = new Subject<void>();
  /** The status of an execution changed, in a transaction of this process that is committed. */
  readonly statusChanges: Observable<void> = this.changes;
  private sending = false;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    private readonly peers: DeathDetector,
  ) {}

  async onModuleInit(): Promise<void> {
    (await this.listener.listen(EVENTS_CHANNEL)).subscribe((payload) => {
      if (!payload.startsWith(this.identity.value)) this.peers.expectPeer();
    });
    // Processes that believe themselves alone learn that they are not.
    await this.database.pool.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, this.identity.value]);
  }

  notify(executionId: string, sequence: number, statusChanged: boolean): void {
    if (statusChanged) this.changes.next();
    if (this.peers.isAlone) return;
    const unsent = this.latest.get(executionId)?.statusChanged ?? false;
    this.latest.set(executionId, { sequence, statusChanged: statusChanged || unsent });
    if (!this.sending) void this.send();
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
            [this.identity.value, ...entries.slice(start, start + ENTRIES_PER_PAYLOAD)].join(' '),
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
