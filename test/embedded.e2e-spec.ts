import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, ids, start, upTo, Watch } from './support/watch.js';

/** Returns the process id of the PostgreSQL that this test run uses. */
async function anotherPostmaster(): Promise<string> {
  const client = new pg.Client(process.env['TEST_DATABASE_URL']);
  await client.connect();
  const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
  await client.end();
  return (await readFile(join(rows[0]!.data_directory, 'postmaster.pid'), 'utf8')).split('\n')[0]!;
}

describe('the embedded PostgreSQL', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloutagent-embedded-'));
    // PostgreSQL runs as another user if the test runs as root.
    await chmod(folder, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('starts again after kill -9 without losing events, and stops with the server', async () => {
    const settings = { DATA_DIR: folder, DISPATCH_POLL_INTERVAL_MS: '200' };
    const first = await Server.start(settings);
    const id = await first.startExecution(start([agent('a', { chunks: 100, delayMs: 10 })]));
    const watch = await new Watch(first.url, `/api/executions/${id}/stream`).until(
      (now) => now.frames.length > 30,
    );
    await first.kill();
    const second = await Server.start(settings);
    const rest = await new Watch(second.url, `/api/executions/${id}/stream`, {
      'last-event-id': String(watch.frames.at(-1)!.id),
    }).done();
    expect(ids([...watch.frames, ...rest.frames])).toEqual(upTo(rest.frames.at(-1)!.id));
    await expect(Server.start(settings)).rejects.toThrow(/another process is using the data folder/);
    expect(await second.kill('SIGTERM')).toBe(0);
    const third = await Server.start(settings);
    expect((await third.call('GET', `/api/executions/${id}`)).body.status).toBe('completed');
    expect(await third.kill('SIGTERM')).toBe(0);
  });

  it('recovers when one of its processes is killed or its connections are cut', async () => {
    const dataDir = join(folder, 'cut');
    const server = await Server.start({ DATA_DIR: dataDir });
    const inDatabase = async (query: string): Promise<string[]> => {
      const password = await readFile(join(dataDir, 'postgres-password'), 'utf8');
      const port = (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[3];
      const client = new pg.Client(`postgres://postgres:${password}@127.0.0.1:${port}/postgres`);
      client.on('error', () => undefined);
      await client.connect();
      const { rows } = await client.query<{ pid: string }>({ text: query });
      await client.end();
      return rows.map(({ pid }) => pid);
    };
    const ofClient = (name: string) =>
      `SELECT pid FROM pg_stat_activity WHERE application_name = '${name}' AND pid <> pg_backend_pid()`;
    const untilClaimed = async (): Promise<void> => {
      const [seen] = await inDatabase(ofClient('cloutagent-data-folder')).catch(() => []);
      if (seen === undefined || seen === owner) return untilClaimed();
      owner = seen;
    };
    let [owner] = await inDatabase(ofClient('cloutagent-data-folder'));
    const cuts = [
      async () => process.kill(Number(owner), 'SIGKILL'),
      () => inDatabase(`SELECT pg_terminate_backend(${owner})::int AS pid`),
      () =>
        inDatabase(
          `SELECT pg_terminate_backend(pid)::int AS pid FROM
           (SELECT pid FROM pg_stat_activity WHERE usename IS NOT NULL AND pid <> pg_backend_pid() OFFSET 0) AS all_others`,
        ),
    ];
    for (const cut of cuts) {
      const id = await server.startExecution(start([agent('a', { chunks: 100, delayMs: 10 })]));
      const watch = await new Watch(server.url, `/api/executions/${id}/stream`).until(
        (now) => now.frames.length > 30,
      );
      await cut();
      await watch.done();
      expect(ids(watch.frames)).toEqual(upTo(watch.frames.at(-1)!.id));
      expect(watch.frames.at(-1)!.type).toBe('execution:completed');
      await untilClaimed();
    }
    await expect(Server.start({ DATA_DIR: dataDir })).rejects.toThrow(/another process is using/);
    const postmaster = Number(
      (await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0],
    );
    process.kill(postmaster, 'SIGKILL');
    const [code] = (await once(server.process, 'exit')) as [number];
    expect([code, server.output()]).toEqual([
      1,
      expect.stringMatching(/the embedded PostgreSQL has ended; its log is \S+\/cut\/postgres\.log/),
    ]);
  });

  it('starts although a stale lock file names another process', async () => {
    const dataDir = join(folder, 'stale');
    const server = await Server.start({ DATA_DIR: dataDir });
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    const [postmaster, ...rest] = (await readFile(file, 'utf8')).split('\n');
    await server.kill();
    process.kill(Number(postmaster), 'SIGKILL');
    // The killed postmaster may still exist as a zombie process.
    await Server.start({ DATA_DIR: dataDir }).then((next) => next.kill('SIGTERM'));
    for (const pid of [process.pid, Number(await anotherPostmaster())]) {
      await writeFile(file, [pid, ...rest].join('\n'));
      const next = await Server.start({ DATA_DIR: dataDir });
      expect(await next.kill('SIGTERM')).toBe(0);
    }
  });

  it('starts while the previous server is shutting down', async () => {
    const dataDir = join(folder, 'overlap');
    const first = await Server.start({ DATA_DIR: dataDir, SHUTDOWN_TIMEOUT_MS: '4000' });
    // A request whose body has not arrived yet delays the shutdown.
    const upload = request(new URL('/api/executions', first.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    });
    upload.on('error', () => undefined);
    upload.write('{');
    await once(upload, 'socket').then(([socket]) =>
      socket.connecting ? once(socket, 'connect') : undefined,
    );
    const ended = first.kill('SIGTERM');
    const second = await Server.start({ DATA_DIR: dataDir });
    expect(await ended).toBe(0);
    expect((await second.call('GET', '/api/executions')).status).toBe(200);
    expect(await second.kill('SIGTERM')).toBe(0);
  });

  it('stops when SIGTERM arrives during the start', async () => {
    const dataDir = join(folder, 'early');
    await Server.start({ DATA_DIR: dataDir }).then((server) => server.kill('SIGTERM'));
    const file = join(dataDir, 'postgres', 'postmaster.pid');
    const child = spawn(process.execPath, ['dist/main.js'], {
      env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR: dataDir },
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    while (!(await readFile(file, 'utf8').catch(() => '')));
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    await expect(readFile(file)).rejects.toThrow(/ENOENT/);
  });

  it('is created once when several servers start with one empty folder, and refuses another password', async () => {
    const race = join(folder, 'race');
    const starts = await Promise.allSettled([1, 2, 3].map(() => Server.start({ DATA_DIR: race })));
    const [winner, ...others] = starts.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
    expect(others).toEqual([]);
    for (const it of starts)
      if (it.status === 'rejected')
        expect(String(it.reason)).toMatch(
          /cannot start: another process is using the data folder \S+ Stop it/,
        );
    expect((await winner!.call('GET', '/api/executions')).status).toBe(200);
    expect((await readdir(race)).toSorted()).toEqual([
      'postgres',
      'postgres-password',
      'postgres.log',
      'secrets.key',
    ]);

    expect(await winner!.kill('SIGTERM')).toBe(0);
    await writeFile(join(race, 'postgres-password'), 'another');
    await expect(Server.start({ DATA_DIR: race })).rejects.toThrow(
      /postgres-password is not the password of the database/,
    );
    // The PostgreSQL that was started to check the password has been stopped.
    await expect(readFile(join(race, 'postgres', 'postmaster.pid'))).rejects.toThrow(/ENOENT/);
  });
});

describe('a start that fails', () => {
  it.each([
    ['a wrong setting', { PORT: 'many' }, /PORT: .*"many"/],
    ['a short key', { BOOTSTRAP_API_KEY: 'short' }, /BOOTSTRAP_API_KEY: must have at least 32 characters/],
    [
      'the URL of another kind of database',
      { DATABASE_URL: 'mysql://u@h/d' },
      /DATABASE_URL: must be like postgres:\/\//,
    ],
    [
      'an unreachable database',
      { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/db', DATABASE_CONNECT_TIMEOUT_MS: '300' },
      /the database 127\.0\.0\.1:1\/db cannot be used/,
    ],
    [
      'a data folder that is not writable',
      { DATA_DIR: '/dev/null/data' },
      /the data folder \/dev\/null\/data is not writable/,
    ],
  ])('names the reason without a stack trace: %s', async (_name, settings, message) => {
    const failure: unknown = await Server.start(settings).catch((error: unknown) => error);
    expect(String(failure)).toMatch(message);
    expect(String(failure)).not.toMatch(/\n\s+at /);
  });

  it('names the reason without a stack trace: an address of another machine', async () => {
    const settings = { DATABASE_URL: await createDatabase(), HOST: '203.0.113.1' };
    const failure: unknown = await Server.start(settings).catch((error: unknown) => error);
    expect(String(failure)).toMatch(/cannot start: HOST is not an address of this machine/);
    expect(String(failure)).not.toMatch(/\n\s+at /);
  });

  it('names the reason: a port that is in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await expect(Server.start({ DATABASE_URL: await createDatabase(), PORT: String(port) })).rejects.toThrow(
      /port \d+ on 127\.0\.0\.1 is already in use/,
    );
    taken.close();
  });
});
