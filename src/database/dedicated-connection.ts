import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Observable, Subject } from 'rxjs';
import { Logger } from '../logging/logger.js';

const PROBE_INTERVAL_MS = 10_000;
const PROBE_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MIN_MS = 25;
const RECONNECT_MAX_MS = 500;

/** First key of the advisory locks of live processes. The second key is the process's identity. */
export const PROCESS_LOCK = 0x636c6f75;

/**
 * Lets PostgreSQL notice within 25 s that the client's machine is unreachable. The default is two hours, and until then
 * the connection would keep the process's lock.
 */
const KEEPALIVE =
  'SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3';

/**
 * A connection outside the pool that the process keeps open and reconnects when it is lost. While it is open, it holds a
 * shared advisory lock on the process's identity. PostgreSQL releases the lock in whatever way the process ends.
 */
export class DedicatedConnection {
  private readonly logger = new Logger(DedicatedConnection.name);
  private readonly reconnections = new Subject<void>();
  private readonly losses = new Subject<void>();
  private readonly notifications = new Subject<pg.Notification>();
  private client: pg.Client | undefined;
  private probe: NodeJS.Timeout | undefined;
  private closed = false;
  /** Settles after the last query that was requested. */
  private lastQuery: Promise<unknown> = Promise.resolve();

  /** Emits when the connection is lost. */
  readonly lost: Observable<void> = this.losses;
  /** Emits when a lost connection has been restored. */
  readonly reconnected: Observable<void> = this.reconnections;
  /** Emits the notifications of the channels that this connection listens to. */
  readonly notified: Observable<pg.Notification> = this.notifications;

  /** @param setUp runs on each new connection before other queries */
  constructor(
    private readonly url: string,
    private readonly applicationName: string,
    private readonly identity: string,
    private readonly setUp: (client: pg.Client) => Promise<void> = () => Promise.resolve(),
  ) {}

  /**
   * Connects for the first time.
   * @throws the error if that fails
   */
  async open(): Promise<void> {
    await this.connect();
    // A half-open connection does not report an error by itself.
    this.probe = setInterval(() => void this.check(), PROBE_INTERVAL_MS);
    this.probe.unref();
  }

  get isOpen(): boolean {
    return this.client !== undefined;
  }

  /**
   * Runs a query on this connection, after the queries before it.
   * @throws when the connection is not open
   */
  query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<pg.QueryResult<Row>> {
    const result = this.lastQuery.then(() => {
      if (!this.client) throw new Error(`the connection ${this.applicationName} is not open`);
      return this.client.query<Row>(text, values);
    });
    this.lastQuery = result.catch(() => undefined);
    return result;
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
    const timeout = setTimeout(() => void client.end().catch(() => undefined), CONNECT_TIMEOUT_MS);
    try {
      await client.connect();
      await client.query(KEEPALIVE);
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [PROCESS_LOCK, Number(this.identity)]);
      await this.setUp(client);
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    } finally {
      clearTimeout(timeout);
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

  /** Tries at once, so that other processes do not mistake a lost connection for the death of this process. */
  private async reconnect(): Promise<void> {
    for (let delay = RECONNECT_MIN_MS; !this.closed; delay = Math.min(2 * delay, RECONNECT_MAX_MS)) {
      try {
        await this.connect();
        if (this.closed) await this.close();
        else this.reconnections.next();
        return;
      } catch (error) {
        this.logger.warn(
          `the connection ${this.applicationName} could not reconnect yet: ${(error as Error).message}`,
        );
        await sleep(delay, undefined, { ref: false });
      }
    }
  }

  private async check(): Promise<void> {
    const client = this.client;
    if (!client) return;
    const timeout = setTimeout(() => void client.end().catch(() => undefined), PROBE_TIMEOUT_MS);
    await this.query('SELECT 1').catch(() => undefined);
    clearTimeout(timeout);
  }
}
