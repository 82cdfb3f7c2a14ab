import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Observable, Subject } from 'rxjs';
import { DeathDetector } from '../cluster/death-detector.js';
import { coalesce } from '../common/coalesce.js';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { Logger } from '../logging/logger.js';

/** Channel of the notifications. A payload is `<process> <execution id>:<sequence>[!] …`. */
export const EVENTS_CHANNEL = 'cloutagent_events';
/** Last character of an entry whose events change the execution's status. */
export const STATUS_CHANGED = '!';
/** PostgreSQL accepts payloads of less than 8,000 bytes; an entry has at most 49. */
const ENTRIES_PER_PAYLOAD = 150;

/**
 * Notifies the other processes of new events. It runs after the commit and is coalesced: while one NOTIFY is under way,
 * the next one collects. A lost notification causes only a delay, because the other processes also poll.
 */
@Injectable()
export class EventNotifier implements OnModuleInit {
  private readonly logger = new Logger(EventNotifier.name);
  private readonly statusSubject = new Subject<void>();
  /** The newest sequence of each execution that no NOTIFY has carried yet. */
  private unsent = new Map<string, { sequence: number; statusChanged: boolean }>();
  private readonly send = coalesce(() => this.sendUnsent());

  /** Emits when this process has committed a change of an execution's status. */
  readonly statusChanges: Observable<void> = this.statusSubject;

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
    // Notifies the processes that have found no other one until now: they must send notifications from now on.
    await this.database.pool.query('SELECT pg_notify($1, $2)', [EVENTS_CHANNEL, this.identity.value]);
  }

  /** Notifies the other processes that an execution has events up to a sequence. */
  notify(executionId: string, sequence: number, statusChanged: boolean): void {
    if (statusChanged) this.statusSubject.next();
    if (this.peers.isAlone) return;
    const earlier = this.unsent.get(executionId)?.statusChanged ?? false;
    this.unsent.set(executionId, { sequence, statusChanged: statusChanged || earlier });
    void this.send();
  }

  private async sendUnsent(): Promise<void> {
    const entries = [...this.unsent].map(
      ([id, { sequence, statusChanged }]) => `${id}:${sequence}${statusChanged ? STATUS_CHANGED : ''}`,
    );
    this.unsent = new Map();
    const payloads: string[] = [];
    for (let start = 0; start < entries.length; start += ENTRIES_PER_PAYLOAD)
      payloads.push([this.identity.value, ...entries.slice(start, start + ENTRIES_PER_PAYLOAD)].join(' '));
    try {
      await this.database.pool.query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [
        EVENTS_CHANNEL,
        payloads,
      ]);
    } catch (error) {
      this.logger.warn(
        `the other processes could not be notified of new events: ${(error as Error).message}`,
      );
    }
  }
}
