import type {
  PutWebhookInput,
  Webhook,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
  WebhookList,
  WebhookWithSecret,
} from '@cloutagent/contract';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DatabaseControl } from './support/database-control.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { delay, pathOf, start, TERMINAL, Watch } from './support/watch.js';
import { refuse, take, verify, WebhookReceiver } from './support/webhook-receiver.js';

const DEADLINE_MS = 60_000;
const VALUE = 'tok/en+0123456789abcdef';
const keyOf = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const run = promisify(execFile);

async function until<T>(read: () => T | Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached in time: ${JSON.stringify(value).slice(0, 900)}`);
    await sleep(20);
  }
}

describe('webhooks against hostile receivers and callers', () => {
  let database: DatabaseControl;
  let settings: Record<string, string>;
  let server: Server;
  let receiver: WebhookReceiver;
  const first = keyOf('first');

  beforeAll(async () => {
    const url = await createDatabase();
    settings = {
      DATABASE_URL: url,
      SECRETS_KEY: first,
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      JOURNAL_POLL_INTERVAL_MS: '100',
      WEBHOOK_RETRY_DELAYS_MS: '1,1',
      RETENTION_DAYS: '1',
      UNDELIVERED_RETENTION_DAYS: '2',
      RETENTION_SWEEP_INTERVAL_MS: '200',
    };
    server = await Server.start(settings);
    database = await DatabaseControl.open(url);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await database.close();
  });
  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
  });
  afterEach(async () => {
    const { webhooks } = await call<WebhookList>('GET', '/api/webhooks?projectId=demo');
    for (const { name } of webhooks) await call('DELETE', `/api/webhooks/demo/${name}`);
    await receiver.close();
  });

  const call = async <T>(method: string, path: string, body?: unknown, at = server): Promise<T> => {
    const answer = await at.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body as T;
  };
  const put = (more: Partial<PutWebhookInput> = {}, name = 'billing') =>
    call<WebhookWithSecret>('PUT', `/api/webhooks/demo/${name}`, {
      url: receiver.url,
      events: ['execution:completed'],
      ...more,
    });
  const get = (name = 'billing', at = server) =>
    call<Webhook>('GET', `/api/webhooks/demo/${name}`, undefined, at);
  const ended = async (nodes: object[] = [delay('a', 1)], at = server): Promise<string> => {
    const id = await at.startExecution(start(nodes));
    await new Watch(at.url, pathOf(id)).until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
    return id;
  };
  const attempts = async (name = 'billing', at = server): Promise<WebhookDelivery[]> =>
    (await call<WebhookDeliveryPage>('GET', `/api/webhooks/demo/${name}/deliveries?limit=100`, undefined, at))
      .deliveries;
  const keyFor = async (more: object): Promise<Record<string, string>> => {
    const { key } = await call<{ key: string }>('POST', '/api/keys', { name: 'k', ...more });
    return { authorization: `Bearer ${key}` };
  };

  it('send nothing to an address that is not public, however it is written or named', async () => {
    const guarded = await Server.start({
      ...settings,
      HTTP_ALLOWED_HOSTS: '',
      DATABASE_URL: await createDatabase(),
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'support/hostile-dns.mjs')}`,
    });
    const target = await startFakeHttpServer((_request, response) => void response.end());
    const hosts = [
      '127.0.0.1',
      '127.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '0.0.0.0',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:7f00:1]',
      '[64:ff9b::7f00:1]',
      'localhost',
      'LOCALHOST.',
      '１２７.0.0.1',
      '10.1.2.3',
      '169.254.169.254',
      '[fe80::1]',
      '[fd00::1]',
      '100.64.0.1',
      'private.example',
      'loopback.example',
      'mapped.example',
      'mixed.example',
      'metadata.example',
    ];
    try {
      const names: string[] = [];
      for (const [n, host] of hosts.entries()) {
        const body = { url: `http://${host}:${target.port}/hook`, events: ['execution:completed'] };
        await call('PUT', `/api/webhooks/demo/h${n}`, body, guarded);
        names.push(`h${n}`);
      }
      await ended(undefined, guarded);
      for (const [n, name] of names.entries()) {
        await until(
          () => get(name, guarded),
          ({ dead }) => dead === 1,
        );
        for (const { responseStatus, error } of await attempts(name, guarded))
          expect([hosts[n], responseStatus, error]).toEqual([
            hosts[n],
            null,
            expect.stringContaining('not on the public internet'),
          ]);
      }
      expect(target.connections()).toBe(0);
    } finally {
      await guarded.kill('SIGTERM');
      await target.close();
    }
  });

  it('have signatures that a change of body, id or time breaks', async () => {
    const { secret } = await put();
    await ended();
    const [event] = await until(
      () => receiver.events,
      ({ length }) => length === 1,
    );
    const forged = (headers: Record<string, string>) => ({
      ...event!,
      headers: { ...event!.headers, ...headers },
    });
    verify(secret!, event!);
    const { 'webhook-timestamp': at, 'webhook-signature': signature } = event!.headers as Record<
      string,
      string
    >;
    for (const [headers, message] of [
      [{ 'webhook-id': `${event!.id}0` }, 'No matching signature'],
      [{ 'webhook-timestamp': String(Number(at) + 1) }, 'No matching signature'],
      [{ 'webhook-timestamp': String(Number(at) - 600) }, 'timestamp too old'],
      [{ 'webhook-signature': 'v1,' }, 'No matching signature'],
      [{ 'webhook-signature': signature!.replace('v1,', 'v2,') }, 'No matching signature'],
    ] as const)
      expect(() => verify(secret!, forged(headers))).toThrow(message);
    expect(() => verify(secret!, { ...event!, body: event!.body.replace('demo', 'omed') })).toThrow(
      'No matching signature',
    );
    const other = await put({}, 'other');
    expect(() => verify(other.secret!, event!)).toThrow('No matching signature');
  });

  it('keep secrets out of requests, of the log and of log lines, also where a receiver answers them', async () => {
    await call('PUT', '/api/secrets/demo/TOKEN', { value: VALUE });
    let upstream: FakeHttpServer | undefined;
    try {
      upstream = await startFakeHttpServer(({ headers }, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ echo: headers['x-token'] }));
      });
      const { secret } = await put();
      receiver.answer = (event, response) =>
        refuse(500, {
          'x-echo': VALUE,
          'x-signing': secret!,
          'x-base64': Buffer.from(VALUE).toString('base64'),
        })(event, response);
      const config = { url: upstream.url, headers: { 'x-token': '{{secrets.TOKEN}}' } };
      const id = await ended([{ id: 'h', type: 'http', data: { config } }]);
      await until(get, ({ dead }) => dead === 1);
      expect(upstream.requests[0]!.headers['x-token']).toBe(VALUE);
      receiver.answer = take;
      await call('POST', '/api/webhooks/demo/billing/replay', { executionId: id });
      await until(get, ({ pending, dead }) => pending + dead === 0);
      const key = secret!.replace('whsec_', '');
      const [failed] = (await attempts()).filter(({ status }) => status === 'failed');
      const details = await call<WebhookDeliveryDetails>(
        'GET',
        `/api/webhooks/demo/billing/deliveries/${failed!.id}`,
      );
      expect(details.response!.headers['x-signing']).toContain('[redacted]');
      const texts = [
        receiver.events.map(({ body }) => body).join(),
        JSON.stringify(await database.rows('SELECT * FROM cloutagent.webhook_attempts')),
        JSON.stringify(await database.rows('SELECT * FROM cloutagent.webhooks')),
        JSON.stringify(
          await database.rows(`SELECT encode(sealed, 'escape') AS text FROM cloutagent.webhook_secrets`),
        ),
        JSON.stringify(details),
        server.output(),
      ];
      for (const text of texts)
        for (const hidden of [VALUE, Buffer.from(VALUE).toString('base64'), encodeURIComponent(VALUE), key])
          expect(text.includes(hidden)).toBe(false);
      expect(receiver.events.map(({ body }) => body).join()).toContain('[redacted]');
    } finally {
      await upstream?.close();
    }
  });

  it('sign with the same secrets after their key is replaced, and send nothing without the key', async () => {
    const { secret } = await put();
    const rotate = (keys: string) =>
      run(process.execPath, ['dist/cli/main.js', 'secrets', 'rotate', '--json'], {
        env: { PATH: process.env['PATH'], DATABASE_URL: settings['DATABASE_URL'], SECRETS_KEY: keys },
      });
    const second = keyOf('second');
    await rotate(`${second},${first}`);
    expect(await database.rows('SELECT key_id FROM cloutagent.webhook_secrets')).toEqual([
      { key_id: 'second' },
    ]);
    await server.kill('SIGTERM');
    try {
      server = await Server.start({ ...settings, SECRETS_KEY: second });
      await ended();
      const [event] = await until(
        () => receiver.events,
        ({ length }) => length === 1,
      );
      verify(secret!, event!);
      await server.kill('SIGTERM');

      server = await Server.start({ ...settings, SECRETS_KEY: keyOf('third') });
      expect(server.output()).toContain('1 signing secrets of webhooks cannot be decrypted');
      await ended();
      await until(get, ({ dead }) => dead === 1);
      expect((await attempts())[0]!.error).toBe('SECRETS_KEY has no key with the id second');
      expect(receiver.events).toHaveLength(1);
      await server.kill('SIGTERM');

      const { SECRETS_KEY: _none, ...without } = settings;
      server = await Server.start(without);
      const refused = await server.call('PUT', '/api/webhooks/demo/second', {
        url: receiver.url,
        events: ['execution:completed'],
      });
      expect([refused.status, refused.body.code]).toEqual([503, 'secrets_unavailable']);
      const rotated = await server.call('POST', '/api/webhooks/demo/billing/rotate-secret', {});
      expect([rotated.status, rotated.body.code]).toEqual([503, 'secrets_unavailable']);
      // What exists can still be paused and deleted.
      expect(await put({ enabled: false })).toMatchObject({ enabled: false, signingSecrets: 1 });
      await server.kill('SIGTERM');
    } finally {
      await rotate(`${first},${second}`);
      server = await Server.start(settings);
    }
  });

  it('are deleted with an execution whose receiver hangs, and its log is deleted too', async () => {
    await put();
    receiver.answer = () => undefined;
    const id = await ended();
    await until(
      () => receiver.events.length,
      (count) => count === 1,
    );
    await put({ enabled: false }, 'paused');
    expect((await server.call('DELETE', `/api/executions/${id}`)).status).toBe(200);
    expect(await database.rows('SELECT FROM cloutagent.webhook_queue')).toEqual([]);
    await receiver.close();
    receiver = await WebhookReceiver.start();
    await put();
    await ended();
    await until(get, ({ pending }) => pending === 0);
    expect(await attempts()).toMatchObject([{ status: 'delivered' }]);
  });

  it('keep an execution beyond RETENTION_DAYS until it is delivered, up to UNDELIVERED_RETENTION_DAYS', async () => {
    await put({ enabled: false });
    const [kept, lost] = [await ended(), await ended()];
    const age = (id: string, hours: number) =>
      database.rows(
        `UPDATE cloutagent.executions SET completed_at = now() - $2 * interval '1 hour' WHERE id = $1`,
        [id, hours],
      );
    const isGone = async (id: string) => (await server.call('GET', `/api/executions/${id}`)).status === 404;
    await age(kept, 71);
    await age(lost, 73);
    await until(() => isGone(lost), Boolean);
    expect(server.output()).toMatch(
      /1 expired executions were deleted although webhook [0-9a-f-]{36} has not got all of their events/,
    );
    expect(await isGone(kept)).toBe(false);
    await put();
    await until(() => isGone(kept), Boolean);
    expect([receiver.taken(kept).length, receiver.taken(lost).length]).toEqual([1, 0]);
  });

  it('need executions:read where events are sent or shown, and no key that is limited to saved workflows', async () => {
    await put();
    const id = await ended();
    await until(get, ({ pending }) => pending === 0);
    const [attempt] = await attempts();
    const manager = await keyFor({ projects: ['demo'], scopes: ['webhooks:manage'] });
    for (const [method, path, body] of [
      ['PUT', '/api/webhooks/demo/mine', { url: receiver.url, events: ['execution:completed'] }],
      ['GET', `/api/webhooks/demo/billing/deliveries/${attempt!.id}`],
      ['POST', '/api/webhooks/demo/billing/replay', { executionId: id }],
    ] as const) {
      const answer = await server.call(method, path, body, manager);
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'insufficient_scope']);
    }
    expect(
      (await server.call('GET', '/api/webhooks/demo/billing/deliveries', undefined, manager)).status,
    ).toBe(200);
    const limited = await server.call('POST', '/api/keys', {
      name: 'limited',
      projects: ['demo'],
      scopes: ['webhooks:manage', 'executions:read'],
      workflows: ['compare'],
    });
    expect([limited.status, limited.body.errors[0]?.path]).toEqual([400, 'workflows']);
  });

  it('do not wait for receivers that take every event, but slowly', async () => {
    await server.kill('SIGTERM');
    server = await Server.start({
      ...settings,
      MAX_WEBHOOK_DELIVERIES_PER_PROCESS: '4',
      WEBHOOK_TIMEOUT_MS: '600000',
    });
    const slow = await WebhookReceiver.start();
    const held: (() => void)[] = [];
    slow.answer = (event, response) => void held.push(() => take(event, response));
    for (let n = 0; n < 4; n += 1) await put({ url: slow.url, events: ['execution:completed'] }, `slow-${n}`);
    await ended();
    // All slots are taken. The answers come late, so these webhooks are slow from now on.
    await until(
      () => held.length,
      (count) => count === 4,
    );
    await sleep(1_200);
    for (const answer of held.splice(0)) answer();
    await until(
      () => Promise.all([0, 1, 2, 3].map((n) => get(`slow-${n}`))),
      (all) => all.every(({ pending }) => pending === 0),
    );
    await put({}, 'fast');
    const ids: string[] = [];
    for (let n = 0; n < 5; n += 1) ids.push(await ended());
    // None of the slow ones answers any more. They hold half of the slots.
    await until(
      () => get('fast'),
      ({ pending }) => pending === 0,
    );
    for (const id of ids) expect(receiver.taken(id)).toHaveLength(1);
    expect(held.length).toBe(2);
    slow.answer = take;
    for (const answer of held.splice(0)) answer();
    await until(
      () => Promise.all([0, 1, 2, 3].map((n) => get(`slow-${n}`))),
      (all) => all.every(({ pending }) => pending === 0),
    );
    await slow.close();
  });
});
