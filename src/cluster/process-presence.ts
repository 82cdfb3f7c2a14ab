import {
  Inject,
  Injectable,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { merge, type Observable, Subject } from 'rxjs';
import { coalesce } from '../common/coalesce.js';
import { Settings } from '../config/settings.js';
import { Database } from '../database/database.js';
import { DedicatedConnection } from '../database/dedicated-connection.js';
import { Listener } from '../database/listener.js';
import { ProcessIdentity } from '../database/process-identity.js';
import { Logger } from '../logging/logger.js';

const REGISTER = `
  INSERT INTO cloutagent.processes (identity, reads_short_rows) VALUES ($1, true)
  ON CONFLICT (identity) DO UPDATE SET beat_at = clock_timestamp()`;
const BEAT = `UPDATE cloutagent.processes SET beat_at = clock_timestamp() WHERE identity = $1`;
/** Number of heartbeats within PROCESS_TIMEOUT_MS, after which a silent process loses its executions. */
const BEATS_PER_TIMEOUT = 8;

/**
 * Shows the other processes that this one is alive: it renews its row in `processes`, and two of its connections hold a
 * lock. One lost connection therefore does not make it count as dead (docs/ownership.md).
 */
@Injectable()
export class ProcessPresence implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  private readonly logger = new Logger(ProcessPresence.name);
  private readonly returns = new Subject<void>();
  private readonly connection: DedicatedConnection;
  private readonly beat = coalesce(() => this.sendBeat());
  private timer: NodeJS.Timeout | undefined;
  private isEnding = false;

  /** Emits when one of the two connections is lost. */
  readonly lost: Observable<void>;
  /**
   * Emits when a lost connection has been restored, or when others have declared this process dead. Its executions may then
   * belong to another process.
   */
  readonly returned: Observable<void> = this.returns;

  constructor(
    database: Database,
    private readonly listener: Listener,
    private readonly identity: ProcessIdentity,
    @Inject(Settings) private readonly settings: Pick<Settings, 'PROCESS_TIMEOUT_MS'>,
  ) {
    this.connection = new DedicatedConnection(database.url, 'cloutagent-presence', identity.value);
    this.lost = merge(this.connection.lost, listener.lost);
  }

  /** Registers this process. From then on it may claim executions. */
  async onModuleInit(): Promise<void> {
    await this.connection.open();
    await this.connection.query(REGISTER, [this.identity.value]);
    merge(this.connection.reconnected, this.listener.reconnected).subscribe(() => void this.registerAgain());
    const interval = Math.max(1, this.settings.PROCESS_TIMEOUT_MS / BEATS_PER_TIMEOUT);
    this.timer = setInterval(() => void this.beat(), interval);
    this.timer.unref();
  }

  onModuleDestroy(): void {
    clearInterval(this.timer);
  }

  /** Runs last in a shutdown. Until then this process counts as alive and hands its executions over. */
  async onApplicationShutdown(): Promise<void> {
    this.isEnding = true;
    await this.connection
      .query('DELETE FROM cloutagent.processes WHERE identity = $1', [this.identity.value])
      .catch(() => undefined);
    await this.connection.close();
  }

  /** Runs a query on the presence connection. A lock on the executions table cannot delay it. */
  query<Row extends Record<string, unknown>>(text: string, values: unknown[]): Promise<Row[]> {
    return this.connection.query<Row>(text, values).then(({ rows }) => rows);
  }

  private async sendBeat(): Promise<void> {
    if (this.isEnding || !this.connection.isOpen) return;
    try {
      const { rowCount } = await this.connection.query(BEAT, [this.identity.value]);
      if (rowCount === 0) await this.registerAgain();
    } catch (error) {
      this.logger.warn(`this process could not renew its row: ${(error as Error).message}`);
    }
  }

  private async registerAgain(): Promise<void> {
    try {
      if (this.connection.isOpen) await this.connection.query(REGISTER, [this.identity.value]);
    } catch (error) {
      this.logger.warn(`this process could not register again: ${(error as Error).message}`);
    }
    this.returns.next();
  }
}
