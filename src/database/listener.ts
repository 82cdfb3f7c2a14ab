import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Subject, type Observable, filter, map } from 'rxjs';

const PROBE_MS = 10_000;
const RECONNECT_MS = 500;

/**
 * This process's one connection for LISTEN. Notifications are hints: after a lost connection
 * `reconnected` says that some may have been missed, and whoever relies on them looks for itself.
 *
 * While it is open it holds an advisory lock on `identity`, which ends with the connection however the
 * process ends: others learn of a death at once by trying that lock.
 */
export class Listener implements OnApplicationShutdown {
  /** Names this process to the others: a positive 31-bit number, as text. */
  readonly identity = String(randomInt(1, 2 ** 31 - 1));
  private readonly logger = new Logger(Listener.name);
  private readonly notifications = new Subject<{ channel: string; payload: string }>();
  private readonly reconnections = new Subject<void>();
  private readonly channels = new Set<string>();
  private client: pg.Client | undefined;
  private probe: NodeJS.Timeout | undefined;
  private closed = false;

  /** Fires after the connection was lost and is back. */
  readonly reconnected: Observable<void> = this.reconnections;

  constructor(private readonly url: string) {}

  async open(): Promise<void> {
    await this.connect();
    // A half-open connection gives no error of its own.
    this.probe = setInterval(() => {
      const client = this.client;
      if (!client) return;
      const timer = setTimeout(() => void client.end().catch(() => undefined), PROBE_MS / 2);
      client.query('SELECT 1').then(
        () => clearTimeout(timer),
        () => clearTimeout(timer),
      );
    }, PROBE_MS);
    this.probe.unref();
  }

  /** Payloads of a channel from now on. The promise is kept once the server listens. */
  async listen(channel: string): Promise<Observable<string>> {
    this.channels.add(channel);
    await this.client?.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return this.notifications.pipe(
      filter((notification) => notification.channel === channel),
      map((notification) => notification.payload),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    clearInterval(this.probe);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      keepAlive: true,
      application_name: 'cloutagent-listener',
    });
    client.on('error', (error) => this.logger.warn(`the LISTEN connection broke: ${error.message}`));
    client.on('notification', ({ channel, payload }) =>
      this.notifications.next({ channel, payload: payload ?? '' }),
    );
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1, $2)', [PROCESS_LOCK, Number(this.identity)]);
    for (const channel of this.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    client.once('end', () => {
      this.client = undefined;
      if (!this.closed) void this.reconnect();
    });
    this.client = client;
  }

  private async reconnect(): Promise<void> {
    while (!this.closed) {
      await sleep(RECONNECT_MS, undefined, { ref: false });
      try {
        await this.connect();
        this.reconnections.next();
        return;
      } catch (error) {
        this.logger.warn(`the LISTEN connection is not back yet: ${(error as Error).message}`);
      }
    }
  }
}

/** First key of the advisory locks that stand for live processes; the second is their identity. */
export const PROCESS_LOCK = 0x636c6f75;
