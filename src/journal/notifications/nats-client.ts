import {
  connect,
  type ConnectionOptions,
  credsAuthenticator,
  errors,
  type NatsConnection,
} from '@nats-io/transport-node';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Observable, Subject } from 'rxjs';
import { abortable } from '../../common/abortable.js';
import { backoffMs } from '../../common/backoff.js';
import { coalesce } from '../../common/coalesce.js';
import { parseNatsUrls } from '../../config/nats-urls.js';
import { InvalidSettingsError, type Settings } from '../../config/settings.js';
import { Logger } from '../../logging/logger.js';

const CONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_MS = 500;
const RECONNECT_MAX_MS = 10_000;
/** A server that leaves two pings unanswered is lost. */
const PING_INTERVAL_MS = 5_000;
const CONFIRM_TIMEOUT_MS = 1_000;
/** Longer messages are not from a process of this server. */
const MESSAGE_MAX_BYTES = 8_000;

/** The settings of the connection to NATS. */
export type NatsSettings = Pick<Settings, 'NATS_CREDENTIALS_FILE'> & { NATS_URL: string };

interface Topic {
  receive: (text: string) => void;
  unsubscribe?: () => void;
}

/**
 * The process's one connection to NATS. It connects in the background and again after each loss. An outage of NATS only makes
 * the log warn, once for each reason.
 */
export class NatsClient {
  private readonly logger = new Logger('NatsClient');
  private readonly topics = new Map<string, Topic>();
  private readonly ready = new Subject<void>();
  private readonly losses = new Subject<void>();
  private readonly closing = new AbortController();
  private readonly flush = coalesce(
    () => this.connection?.flush() ?? Promise.reject(new Error('not connected')),
  );
  private connection: NatsConnection | undefined;
  private lastWarning: string | undefined;
  private isUp = false;
  /** Whether NATS does not permit this connection what it needs. */
  private isRefused = false;

  /** Emits when the server has the subscriptions of a new connection. */
  readonly connected: Observable<void> = this.ready;
  /** Emits when the connection is lost. */
  readonly lost: Observable<void> = this.losses;

  /** @throws InvalidSettingsError if the file with the credentials cannot be read */
  constructor(private readonly settings: NatsSettings) {
    try {
      this.readCredentials();
    } catch (error) {
      throw new InvalidSettingsError(`NATS_CREDENTIALS_FILE cannot be read: ${(error as Error).message}`);
    }
  }

  /** Whether messages can be sent now, as far as this process knows. */
  get isConnected(): boolean {
    return this.isUp;
  }

  /** Begins to connect. */
  open(): void {
    void this.keepConnected();
  }

  async close(): Promise<void> {
    this.closing.abort();
    this.isUp = false;
    await this.connection?.close();
  }

  /** Receives the messages of a subject, also after each reconnect. @param receive must not throw */
  subscribe(subject: string, receive: (text: string) => void): void {
    const topic: Topic = { receive };
    this.topics.set(subject, topic);
    if (this.connection && !this.connection.isClosed()) this.listen(this.connection, subject, topic);
  }

  unsubscribe(subject: string): void {
    this.topics.get(subject)?.unsubscribe?.();
    this.topics.delete(subject);
  }

  /** Sends a message. It may be lost until `confirm` has resolved. @throws when there is no connection */
  publish(subject: string, text: string): void {
    if (!this.connection) throw new Error('not connected');
    this.connection.publish(subject, text);
  }

  /**
   * Resolves when the server has everything that was sent before.
   * @throws when the connection is lost first, or the server does not answer within a second. It is then connected again.
   */
  async confirm(): Promise<void> {
    const limit = AbortSignal.timeout(CONFIRM_TIMEOUT_MS);
    try {
      await abortable(this.flush(), limit);
    } catch (error) {
      if (limit.aborted && this.isUp) {
        this.onLoss(`the server did not answer within ${CONFIRM_TIMEOUT_MS} ms`);
        await this.connection?.reconnect();
      }
      throw error;
    }
  }

  private async keepConnected(): Promise<void> {
    for (let attempt = 1; !this.closing.signal.aborted; attempt += 1) {
      try {
        const connection = await connect(this.options());
        if (this.closing.signal.aborted) return await connection.close();
        attempt = 1;
        this.connection = connection;
        for (const [subject, topic] of this.topics) this.listen(connection, subject, topic);
        void this.onConnect(connection);
        await this.follow(connection);
        if (!this.closing.signal.aborted) this.onLoss('the connection ended');
      } catch (error) {
        this.warn((error as Error).message);
      }
      const delay = RECONNECT_MS + backoffMs(attempt, RECONNECT_MS, RECONNECT_MAX_MS);
      await sleep(delay, undefined, { ref: false, signal: this.closing.signal }).catch(() => undefined);
    }
  }

  /** Handles what happens to a connection. The library reconnects it. Resolves when it gives up. */
  private async follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        this.isRefused = false;
        this.onLoss('the connection broke');
      }
      if (status.type === 'reconnect') void this.onConnect(connection);
      else if (status.type === 'error') this.onError(status.error);
    }
  }

  private async onConnect(connection: NatsConnection): Promise<void> {
    try {
      await connection.flush();
    } catch {
      return;
    }
    if (this.isRefused) return;
    this.isUp = true;
    if (this.lastWarning !== undefined) this.logger.log('notifications go through NATS again');
    this.lastWarning = undefined;
    this.ready.next();
  }

  private onError(error: Error): void {
    if (error instanceof errors.PermissionViolationError) {
      // Hints would be lost in silence, so this connection sends none.
      this.isRefused = true;
      this.onLoss(`NATS does not permit this process to ${error.operation} ${error.subject}`);
    } else this.warn(error.message);
  }

  private onLoss(reason: string): void {
    this.warn(reason);
    if (!this.isUp) return;
    this.isUp = false;
    this.losses.next();
  }

  private warn(reason: string): void {
    if (this.closing.signal.aborted || reason === this.lastWarning) return;
    this.lastWarning = reason;
    this.logger.warn(`notifications do not go through NATS for now, but through PostgreSQL: ${reason}`);
  }

  private listen(connection: NatsConnection, subject: string, topic: Topic): void {
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (!error && message.data.length <= MESSAGE_MAX_BYTES) topic.receive(message.string());
      },
    });
    topic.unsubscribe = () => subscription.unsubscribe();
  }

  private options(): ConnectionOptions {
    return {
      ...parseNatsUrls(this.settings.NATS_URL),
      ...(this.settings.NATS_CREDENTIALS_FILE !== undefined && {
        // Read again for each connection, because the file may have been replaced.
        authenticator: credsAuthenticator(() => this.readCredentials()),
      }),
      name: 'cloutagent',
      noEcho: true,
      ignoreAuthErrorAbort: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      timeout: CONNECT_TIMEOUT_MS,
      pingInterval: PING_INTERVAL_MS,
      noAsyncTraces: true,
    };
  }

  private readCredentials(): Uint8Array {
    const { NATS_CREDENTIALS_FILE: file } = this.settings;
    return file === undefined ? new Uint8Array() : readFileSync(file);
  }
}
