import { type OnApplicationShutdown } from '@nestjs/common';
import pg from 'pg';
import { filter, map, type Observable } from 'rxjs';
import { DedicatedConnection } from './dedicated-connection.js';

/**
 * This process's one connection for LISTEN. Notifications are hints: `reconnected` says that some may have been
 * missed, and a subscriber that depends on them then reads the database.
 */
export class Listener implements OnApplicationShutdown {
  private readonly channels = new Set<string>();
  private readonly connection: DedicatedConnection;

  /** Emits after the connection was lost and is back. */
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

  /** Payloads of a channel from now on. Resolves once the server listens. */
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
