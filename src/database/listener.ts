import type { OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { filter, map, type Observable } from 'rxjs';
import { DedicatedConnection } from './dedicated-connection.js';

/**
 * The process's one connection for LISTEN. Notifications are only hints: some may be lost during a reconnect, so a
 * subscriber that depends on them reads the database when `reconnected` emits.
 */
export class Listener implements OnApplicationShutdown {
  private readonly channels = new Set<string>();
  private readonly connection: DedicatedConnection;

  /** Emits when a lost connection has been restored. */
  readonly reconnected: Observable<void>;
  /** Emits when the connection is lost. */
  readonly lost: Observable<void>;

  constructor(url: string, identity: string) {
    this.connection = new DedicatedConnection(url, 'cloutagent-listener', identity, async (client) => {
      for (const channel of this.channels) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    });
    this.reconnected = this.connection.reconnected;
    this.lost = this.connection.lost;
  }

  open(): Promise<void> {
    return this.connection.open();
  }

  /** Subscribes to a channel. Resolves with its payloads from now on, once PostgreSQL listens. */
  async listen(channel: string): Promise<Observable<string>> {
    this.channels.add(channel);
    if (this.connection.isOpen) await this.connection.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    return this.connection.notified.pipe(
      filter((notification) => notification.channel === channel),
      map((notification) => notification.payload ?? ''),
    );
  }

  onApplicationShutdown(): Promise<void> {
    return this.connection.close();
  }
}
