import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Observable, Subject } from 'rxjs';

const PROBE_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_LEAST_MS = 25;
const RECONNECT_MOST_MS = 500;

/** First key of the advisory locks that stand for live processes; the second key is the process's identity. */
export const PROCESS_LOCK = 0x636c6f75;

/**
 * Lets PostgreSQL notice within 25 s that the client's machine has vanished. Its default is two hours, and until
 * then the connection would keep the process's lock.
 */
const KEEPALIVE =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

/**
 * A connection outside the pool that this process always keeps open. It reconnects by itself. While it is open it
 * holds a shared advisory lock on the process's identity, which PostgreSQL releases however the process ends.
 */
export class DedicatedConnection {
  private readonly logger = new Logger(DedicatedConnection.name);
  private readonly reconnections = new Subject<void>();
  private readonly losses = new Subject<void>();
  private readonly notifications = new Subject<pg.Notification>();
  private client: pg.Client | undefined;
  private probe: NodeJS.Timeout | undefined;
  private closed = false;
  private last: Promise<unknown> = Promise.resolve();

  /** Emits when the connection is lost. */
  readonly lost: Observable<void> = this.losses;
  /** Emits when a lost connection is back. */
  readonly reconnected: Observable<void> = this.reconnections;
  /** Emits what PostgreSQL notifies this connection of. */
  readonly notified: Observable<pg.Notification> = this.notifications;

  /**
   * @param setUp runs on each new connection, before it is used
   */
  constructor(
    private readonly url: string,
    private readonly applicationName: string,
    private readonly identity: string,
    private readonly setUp: (client: pg.Client) => Promise<void> = () => Promise.resolve(),
  ) {}

  /** Connects for the first time. @throws the reason when that fails */
  async open(): Promise<void> {
    await this.connect();
    // A half-open connection reports no error by itself.
    this.probe = setInterval(() => void this.check(), PROBE_MS);
    this.probe.unref();
  }

  get isOpen(): boolean {
    return this.client !== undefined;
  }

  /** Runs a query on this connection, after those before it. @throws when it is not open */
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    const answer = this.last.then(() => {
      if (!this.client) throw new Error(`the connection ${this.applicationName} is not open`);
      return this.client.query<Row>(text, values);
    });
    this.last = answer.catch(() => undefined);
    return answer;
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.probe);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.url,
      keepAlive: true,
      application_name: this.applicationName,
    });
    client.on('error', (error) =>
      this.logger.warn(`the connection ${this.applicationName} broke: ${error.message}`),
    );
    client.on('notification', (notification) => this.notifications.next(notification));
    const late = setTimeout(() => void client.end().catch(() => undefined), CONNECT_TIMEOUT_MS);
    try {
      await client.connect();
      await client.query(KEEPALIVE);
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [PROCESS_LOCK, Number(this.identity)]);
      await this.setUp(client);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(late);
    }
    client.once('end', () => {
      if (this.client !== client) return;
      this.client = undefined;
      if (this.closed) return;
      this.losses.next();
      void this.reconnect();
    });
    this.client = client;
  }

  /** The first try comes at once: other processes must not take a cut connection for the death of this process. */
  private async reconnect(): Promise<void> {
    for (let delay = RECONNECT_LEAST_MS; !this.closed; delay = Math.min(2 * delay, RECONNECT_MOST_MS)) {
      try {
        await this.connect();
        if (this.closed) await this.close();
        else this.reconnections.next();
        return;
      } catch (error) {
        this.logger.warn(
          `the connection ${this.applicationName} is not back yet: ${(error as Error).message}`,
        );
        await sleep(delay, undefined, { ref: false });
      }
    }
  }

  private async check(): Promise<void> {
    const client = this.client;
    if (!client) return;
    const timer = setTimeout(() => void client.end().catch(() => undefined), PROBE_TIMEOUT_MS);
    await this.query('SELECT 1').catch(() => undefined);
    clearTimeout(timer);
  }
}
