import { connect, nkeys } from '@nats-io/transport-node';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Exposition } from './support/exposition.js';
import { HAS_NATS, NatsServer } from './support/nats-server.js';
import { createDatabase, Server } from './support/server.js';
import { SeverableLink } from './support/severable-link.js';
import { until } from './support/until.js';
import { agent, ids, pathOf, start, upTo, Watch } from './support/watch.js';

/** Events reach other processes by notifications only. */
const NO_POLLS = '600000';
const TLS = join(import.meta.dirname, 'support/tls');

/** The hints that a database's NOTIFY has carried. */
class PostgresHints {
  readonly payloads: string[] = [];
  private constructor(private readonly client: pg.Client) {}

  static async of(database: string): Promise<PostgresHints> {
    const client = new pg.Client({ connectionString: database });
    await client.connect();
    const hints = new PostgresHints(client);
    // A payload without a hint only says that a process has started.
    client.on('notification', ({ payload = '' }) => payload.includes(':') && hints.payloads.push(payload));
    await client.query('LISTEN cloutagent_events');
    return hints;
  }

  close(): Promise<void> {
    return this.client.end();
  }
}

const carrierOf = async (server: Server): Promise<string | undefined> => {
  const { text } = await server.call('GET', '/metrics');
  return /notifications_carrier\{carrier="(\w+)"\} 1/.exec(text)?.[1];
};
const received = async (server: Server): Promise<{ nats: number; postgresql: number }> => {
  const metrics = new Exposition((await server.call('GET', '/metrics')).text);
  const by = (carrier: string) =>
    metrics.value('cloutagent_notifications_received_total', { carrier }) ?? Number.NaN;
  return { nats: by('nats'), postgresql: by('postgresql') };
};
const carried = (server: Server, by: 'nats' | 'postgresql') =>
  until(`notifications go through ${by}`, async () => (await carrierOf(server)) === by);
const outputs = (watch: Watch) => watch.frames.filter(({ type }) => type === 'execution:output').length;

// The name of the skipped suite says why.
(HAS_NATS ? describe : describe.skip)('with NATS (needs the program nats-server)', () => {
  const running: { kill: () => Promise<unknown> }[] = [];
  const links: SeverableLink[] = [];
  let database: string;
  let hints: PostgresHints;
  let nats: NatsServer;

  const serve = async (more: Record<string, string> = {}) => {
    const server = await Server.start({
      DATABASE_URL: database,
      NATS_URL: nats.url,
      JOURNAL_POLL_INTERVAL_MS: NO_POLLS,
      ...more,
    });
    running.push(server);
    return server;
  };
  /** Starts an execution on one process and watches it on another one. */
  const watchElsewhere = async (chunks: number, more: Record<string, string> = {}) => {
    const first = await serve();
    const id = await first.startExecution(start([agent('a', { chunks, delayMs: 10 })]));
    await new Watch(first.url, pathOf(id)).until((now) => now.frames.length > 5);
    const second = await serve(more);
    await Promise.all([first, second].map((server) => carried(server, 'nats')));
    const watch = await new Watch(second.url, pathOf(id)).until((now) => outputs(now) > 20);
    return { first, second, id, watch };
  };
  const expectComplete = async (watch: Watch, chunks: number) => {
    await watch.done(60_000);
    expect(ids(watch.frames)).toEqual(upTo(watch.frames.length));
    expect(watch.frames.at(-1)!.type).toBe('execution:completed');
    expect(outputs(watch)).toBeGreaterThanOrEqual(chunks);
  };

  beforeEach(async () => {
    database = await createDatabase();
    hints = await PostgresHints.of(database);
    nats = await NatsServer.start();
  });

  afterEach(async () => {
    await Promise.all(running.splice(0).map((server) => server.kill()));
    for (const link of links.splice(0)) link.close();
    await hints.close();
    await nats.kill();
  });

  it('carries events to a watcher in another process, and PostgreSQL carries none', async () => {
    const { first, second, watch } = await watchElsewhere(200);
    const many = new Watch(second.url, '/api/executions/stream?projectId=demo');
    await many.until(({ established }) => established !== undefined);
    const later = await first.startExecution(start([agent('a', { chunks: 50, delayMs: 5 })]));
    await Promise.all([first, second].map((server) => new Watch(server.url, pathOf(later)).done()));
    await many.until(({ frames }) =>
      frames.some(({ type, data }) => type === 'execution:completed' && data.executionId === later),
    );
    many.close();
    await expectComplete(watch, 200);
    expect((await received(second)).nats).toBeGreaterThan(0);
    // The process that starts sends by NOTIFY until it is connected.
    const late = hints.payloads.filter((payload) => payload.includes(later));
    expect(late).toEqual([]);
  });

  it('goes on by NOTIFY when nats-server is killed, and by NATS when it is back', async () => {
    const { first, second, watch } = await watchElsewhere(600);
    await nats.kill();
    const known = outputs(watch);
    await watch.until((now) => outputs(now) > known + 50);
    expect(await carrierOf(first)).toBe('postgresql');
    await nats.run();
    await Promise.all([first, second].map((server) => carried(server, 'nats')));
    await expectComplete(watch, 600);
    expect((await second.call('GET', '/health/ready')).status).toBe(200);
    expect(second.output()).toContain('notifications do not go through NATS for now, but through PostgreSQL');
    const id = await first.startExecution(start([agent('a', { chunks: 50, delayMs: 5 })]));
    await Promise.all([first, second].map((server) => new Watch(server.url, pathOf(id)).done()));
    expect(hints.payloads.filter((payload) => payload.includes(id))).toEqual([]);
  });

  it('goes on by NOTIFY while nats-server hangs', async () => {
    const { first, watch } = await watchElsewhere(800);
    nats.signal('SIGSTOP');
    await carried(first, 'postgresql');
    const known = outputs(watch);
    await watch.until((now) => outputs(now) > known + 50);
    nats.signal('SIGCONT');
    await expectComplete(watch, 800);
  });

  it('polls while only the watching process has lost NATS', async () => {
    const link = await SeverableLink.to(nats.port);
    links.push(link);
    const { first, second, watch } = await watchElsewhere(600, {
      NATS_URL: `nats://127.0.0.1:${link.port}`,
      JOURNAL_POLL_INTERVAL_MS: '200',
    });
    link.cut();
    await carried(second, 'postgresql');
    expect(await carrierOf(first)).toBe('nats');
    const known = outputs(watch);
    await watch.until((now) => outputs(now) > known + 50);
    link.restore();
    await carried(second, 'nats');
    await expectComplete(watch, 600);
  });

  it('ignores hostile messages on its subjects', async () => {
    const { second, id, watch } = await watchElsewhere(400);
    const client = await connect({ servers: `127.0.0.1:${nats.port}` });
    const hostile = [
      '',
      ':',
      `${id}:`,
      `${id}:-1`,
      `${id}:NaN!`,
      `${id}:999999999999999`,
      `${id}:99999999999999999999999!`,
      `${id}:1 ${id}:2! ${'x'.repeat(7_000)}`,
      `00000000-0000-0000-0000-000000000000:7!`,
      `${'-'.repeat(36)}:1!`,
      '\u0000\ud800',
      'x'.repeat(900_000),
      Uint8Array.of(0xff, 0xfe, 0xc3, 0x28),
    ];
    for (const text of hostile)
      for (const subject of ['status', 'activity', `execution.${id}`])
        client.publish(`cloutagent.${subject}`, text);
    await client.flush();
    await client.close();
    await expectComplete(watch, 400);
    expect((await second.call('GET', '/health/ready')).status).toBe(200);
  });

  describe('with credentials', () => {
    let folder: string;
    const restart = async (config: string) => {
      await nats.kill();
      const file = join(folder, 'nats.conf');
      await writeFile(file, config);
      nats = await NatsServer.start('--config', file);
    };
    const urlWith = (login: string, protocol = 'nats') => `${protocol}://${login}127.0.0.1:${nats.port}`;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cloutagent-nats-'));
    });
    afterEach(() => rm(folder, { recursive: true }));

    it('starts with wrong ones, warns without showing them, and works with right ones', async () => {
      await restart('authorization { user: app, password: "right p@ss/word 1" }');
      const JOURNAL_POLL_INTERVAL_MS = '200';
      const wrong = await serve({ NATS_URL: urlWith('app:wrong-password-123@'), JOURNAL_POLL_INTERVAL_MS });
      await until('the log warns', () => Promise.resolve(wrong.output().includes('Authorization')));
      expect(wrong.output()).not.toContain('wrong-password-123');
      expect(await carrierOf(wrong)).toBe('postgresql');
      const login = `app:${encodeURIComponent('right p@ss/word 1')}@`;
      const right = await serve({ NATS_URL: urlWith(login), JOURNAL_POLL_INTERVAL_MS });
      await carried(right, 'nats');
      // They reach each other nevertheless: one sends by NOTIFY, and polls.
      const id = await wrong.startExecution(start([agent('a', { chunks: 20, delayMs: 1 })]));
      await new Watch(wrong.url, pathOf(id)).done();
      await new Watch(right.url, pathOf(id)).done();
    });

    it('logs in with a token', async () => {
      await restart('authorization { token: "a-token-of-nats-1234" }');
      await carried(await serve({ NATS_URL: urlWith('a-token-of-nats-1234@') }), 'nats');
    });

    it('logs in with a file, over TLS', async () => {
      const user = nkeys.createUser();
      await restart(`
        authorization { users: [ { nkey: ${user.getPublicKey()} } ] }
        tls { cert_file: "${TLS}/server.pem", key_file: "${TLS}/server.key.pem" }`);
      const file = join(folder, 'user.creds');
      const seed = new TextDecoder().decode(user.getSeed());
      const block = (name: string, text: string) =>
        `-----BEGIN ${name}-----\n${text}\n------END ${name}------\n`;
      await writeFile(file, `${block('NATS USER JWT', 'e30.e30.e30')}\n${block('USER NKEY SEED', seed)}`);
      const server = await serve({
        NATS_URL: urlWith('', 'tls'),
        NATS_CREDENTIALS_FILE: file,
        NODE_EXTRA_CA_CERTS: join(TLS, 'ca.pem'),
      });
      await carried(server, 'nats');
      const stranger = await serve({ NATS_URL: urlWith('', 'tls'), NATS_CREDENTIALS_FILE: file });
      await until('the log warns', () => Promise.resolve(stranger.output().includes('certificate')));
      expect(await carrierOf(stranger)).toBe('postgresql');
      await expect(serve({ NATS_CREDENTIALS_FILE: join(folder, 'missing') })).rejects.toThrow(
        'NATS_CREDENTIALS_FILE',
      );
    });

    it('sends by NOTIFY if it may not use its subjects', async () => {
      await restart(
        'authorization { users: [ { user: app, password: "password-of-nats-1", permissions: { publish: "other.>" } } ] }',
      );
      const settings = { NATS_URL: urlWith('app:password-of-nats-1@') };
      const first = await serve(settings);
      const second = await serve(settings);
      const id = await first.startExecution(start([agent('a', { chunks: 200, delayMs: 10 })]));
      const watches = [first, second].map((server) => new Watch(server.url, pathOf(id)));
      await Promise.all(watches.map((watch) => expectComplete(watch, 200)));
      await until('the log warns', () =>
        Promise.resolve([first, second].some((server) => server.output().includes('does not permit'))),
      );
    });
  });
});
