import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { POSTGRES_ENVIRONMENT } from './postgres-cluster.js';
import type { PostgresLocation } from './postgres-location.js';
import { freeLockFile, isAlive, type Postmaster, readPostmaster, stopServer } from './postmaster.js';

/** Held in the embedded server by the process that uses the data folder. */
const OWNER_LOCK = 0x436c6f75;
const START_TIMEOUT_MS = 60_000;
const OWNER_TIMEOUT_MS = 5_000;
const RESTART_DELAY_MS = 100;
const CONNECT_TIMEOUT_MS = 5_000;
const WRONG_PASSWORD = '28P01';

/** A running server and a connection to it. */
type ConnectedServer = Postmaster & { client: pg.Client };
type Launch = () => Promise<Postmaster>;

export const urlOf = (password: string, port: number): string =>
  `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;

/** Connects to the server. @throws the error that prevents it */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'cloutagent-data-folder',
    keepAlive: true,
    // A server process that is suspended (SIGSTOP) accepts connections but does not answer.
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/**
 * Starts a server on the cluster. Resolves once its process exists, before it accepts connections.
 * @param flags further server settings
 */
export async function launch(
  cluster: string,
  { binaries, user }: PostgresLocation,
  flags: Record<string, string>,
): Promise<Postmaster> {
  const port = await freePort();
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    log_min_messages: 'warning',
    log_line_prefix: '%m [%p] ',
    ...flags,
  };
  const args = [
    '-D',
    cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  await freeLockFile(cluster);
  const log = await open(join(dirname(cluster), 'postgres.log'), 'w', 0o600);
  const child = spawn(binaries.postgres, args, {
    ...user,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: POSTGRES_ENVIRONMENT,
  });
  child.on('error', () => undefined);
  child.unref();
  await log.close();
  if (child.pid === undefined) throw new EmbeddedPostgresError(`${binaries.postgres} could not be started`);
  return { pid: child.pid, port };
}

/**
 * Connects to the server of the cluster, starting one if none runs, and claims the data folder. A server that was about to
 * stop may end before it is claimed. Then another one is started.
 * @throws EmbeddedPostgresError
 */
export async function connectAndClaim(
  cluster: string,
  password: string,
  launchServer: Launch,
): Promise<ConnectedServer> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const server = await connectOrLaunch(cluster, password, launchServer);
    try {
      await claim(server.client, dirname(cluster));
      return server;
    } catch (error) {
      await server.client.end().catch(() => undefined);
      if (error instanceof EmbeddedPostgresError || performance.now() > deadline) throw error;
    }
  }
}

/**
 * Connects to the server that runs on the cluster, or starts one. A server that it started is stopped if connecting
 * fails.
 */
async function connectOrLaunch(
  cluster: string,
  password: string,
  launchServer: Launch,
): Promise<ConnectedServer> {
  const folder = dirname(cluster);
  const running = await readPostmaster(cluster);
  let launched = running ? undefined : await launchServer();
  let server = (running ?? launched) as Postmaster;
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      return { ...server, client: await connect(urlOf(password, server.port)) };
    } catch (error) {
      if ((error as { code?: string }).code === WRONG_PASSWORD) {
        if (launched) await stopServer(launched.pid);
        throw new EmbeddedPostgresError(
          `the password in ${join(folder, 'postgres-password')} is not the password of the database in the same folder. Restore the file, or set DATA_DIR to another folder`,
          { cause: error },
        );
      }
      const hasEnded = !isAlive(server.pid);
      // PostgreSQL allows one server per cluster. If another process has started one first, that server is used.
      const other: Postmaster | undefined = hasEnded ? await readPostmaster(cluster) : undefined;
      if (other) server = other;
      // The server that was running has stopped.
      else if (hasEnded && !launched) server = launched = await launchServer();
      else if (hasEnded || performance.now() > deadline) {
        const log = await readFile(join(folder, 'postgres.log'), 'utf8').catch(() => '');
        if (launched) await stopServer(launched.pid);
        // When a server is killed, its child processes end a little later and keep the shared memory until then.
        if (log.includes('pre-existing shared memory block') && performance.now() < deadline) {
          await sleep(RESTART_DELAY_MS);
          server = launched = await launchServer();
          continue;
        }
        throw new EmbeddedPostgresError(
          `the embedded PostgreSQL did not start (${(error as Error).message}). Its log, ${join(folder, 'postgres.log')}, ends with:\n${log.trim().split('\n').slice(-5).join('\n')}`,
          { cause: error },
        );
      }
      await sleep(25);
    }
  }
}

/**
 * Claims the data folder, which one process may use at a time. The lock belongs to the connection, so PostgreSQL releases
 * it when the owner is killed.
 * @throws EmbeddedPostgresError when another process keeps the lock
 */
export async function claim(owner: pg.Client, folder: string): Promise<void> {
  const deadline = performance.now() + OWNER_TIMEOUT_MS;
  for (;;) {
    const { rows } = await owner.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [
      OWNER_LOCK,
    ]);
    if (rows[0]?.got) return;
    if (performance.now() > deadline) {
      await owner.end();
      throw new EmbeddedPostgresError(
        `another process is using the data folder ${folder}. Stop it, set DATA_DIR to another folder, ` +
          'or let all processes share one server with DATABASE_URL',
      );
    }
    await sleep(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string')
    throw new EmbeddedPostgresError('no free port on 127.0.0.1');
  return address.port;
}
