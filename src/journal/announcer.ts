import { Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Listener } from '../database/listener.js';

/** Channel of the announcements; a payload is `<process> <execution id>:<sequence> …`. */
export const EVENTS_CHANNEL = 'cloutagent_events';
/** PostgreSQL takes payloads of less than 8,000 bytes; an entry has at most 48. */
const ENTRIES_PER_PAYLOAD = 150;

/**
 * Tells the other processes which executions have new events. Off the commit's path and coalesced: while
 * one NOTIFY is under way the next collects. A lost one is no harm, the others also look for themselves.
 */
@Injectable()
export class Announcer {
  private readonly logger = new Logger(Announcer.name);
  private latest = new Map<string, number>();
  private sending = false;

  constructor(
    private readonly database: Database,
    private readonly listener: Listener,
  ) {}

  announce(executionId: string, sequence: number): void {
    this.latest.set(executionId, sequence);
    if (!this.sending) void this.send();
  }

  private async send(): Promise<void> {
    this.sending = true;
    try {
      while (this.latest.size > 0) {
        const entries = [...this.latest].map(([id, sequence]) => `${id}:${sequence}`);
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
