import type {
  PutWebhookInput,
  WebhookDelivery,
  WebhookDeliveryDetails,
  WebhookDeliveryPage,
  WebhookList,
  WebhookWithSecret,
} from '@cloutagent/contract';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { createDatabase, Server } from './support/server.js';
import { storedEvents } from './support/stored-events.js';
import { agent, delay, pathOf, start, TERMINAL, Watch } from './support/watch.js';
import { refuse, take, verify, WebhookReceiver } from './support/webhook-receiver.js';

const DEADLINE_MS = 60_000;
const BASE = '/api/webhooks/demo/billing';
const STEPS = ['execution:step', 'execution:completed'] as const;

async function until<T>(read: () => T | Promise<T>, isDone: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    if (Date.now() > deadline) throw new Error(`not reached in time: ${JSON.stringify(value).slice(0, 900)}`);
    await sleep(20);
  }
}

describe('webhooks', () => {
  let url: string;
  let client: pg.Client;
  let server: Server;
  let receiver: WebhookReceiver;
  const keys = `first:${randomBytes(32).toString('base64')}`;
  const settings = (): Record<string, string> => ({
    DATABASE_URL: url,
    SECRETS_KEY: keys,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
    JOURNAL_POLL_INTERVAL_MS: '100',
    WEBHOOK_RETRY_DELAYS_MS: '10,20,20,20,20,20,20,20,20,20,20',
    WEBHOOK_THROTTLE_MS: '50',
    WEBHOOK_TIMEOUT_MS: '2000',
  });
  let current: Record<string, string> = {};
  const restart = async (more: Record<string, string> = {}) => {
    await server.kill('SIGTERM');
    server = await Server.start({ ...settings(), ...more });
    current = more;
  };
  /** Starts the server again if it has other settings. */
  const use = async (more: Record<string, string>) => {
    if (JSON.stringify(more) !== JSON.stringify(current)) await restart(more);
  };

  beforeAll(async () => {
    url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    server = await Server.start(settings());
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await client.end();
  });
  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
  });
  afterEach(async () => {
    const { webhooks } = await call<WebhookList>('GET', '/api/webhooks?projectId=demo');
    for (const { name } of webhooks) await call('DELETE', `/api/webhooks/demo/${name}`);
    await receiver.close();
  });

  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await server.call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body as T;
  };
  const put = (more: Partial<PutWebhookInput> = {}, name = 'billing') =>
    call<WebhookWithSecret>('PUT', `/api/webhooks/demo/${name}`, {
      url: receiver.url,
      events: ['execution:completed'],
      ...more,
    });
  const get = () => call<WebhookWithSecret>('GET', BASE);
  const run = async (more: object = {}, steps = 1): Promise<string> => {
    const nodes = Array.from({ length: steps }, (_unused, n) => delay(`n${n}`, 1));
    const id = await server.startExecution({ ...start(nodes), ...more });
    await new Watch(server.url, pathOf(id)).until(({ frames }) => TERMINAL.test(frames.at(-1)?.type ?? ''));
    return id;
  };
  const wanted = async (id: string, types: readonly string[] = STEPS): Promise<number[]> =>
    (
      await client.query<{ sequence: number }>(
        'SELECT sequence FROM cloutagent.events WHERE execution_id = $1 AND type = ANY ($2) ORDER BY sequence',
        [id, types],
      )
    ).rows.map(({ sequence }) => sequence);
  const count = async (table: string) =>
    (await client.query<{ count: number }>(`SELECT count(*)::int AS count FROM cloutagent.${table}`)).rows[0]!
      .count;
  const delivered = () => until(get, ({ pending, dead }) => pending === 0 && dead === 0);
  const attempts = async (query = ''): Promise<WebhookDelivery[]> =>
    (await call<WebhookDeliveryPage>('GET', `${BASE}/deliveries?limit=100${query}`)).deliveries;
  const statuses = async (id: string) =>
    (await attempts(`&executionId=${id}`)).map(({ status }) => status).toReversed();

  it('posts each event of its types, signed so that a library of others verifies it', async () => {
    const { secret, ...webhook } = await put({ events: [...STEPS] });
    expect(webhook).toMatchObject({
      projectId: 'demo',
      name: 'billing',
      enabled: true,
      payload: 'full',
      signingSecrets: 1,
      pending: 0,
      dead: 0,
      disabledReason: null,
    });
    expect(Buffer.from(secret!.replace('whsec_', ''), 'base64')).toHaveLength(32);
    const id = await run({}, 3);
    const sequences = await wanted(id);
    await until(
      () => receiver.taken(id),
      ({ length }) => length === sequences.length,
    );
    expect(receiver.taken(id)).toEqual(sequences);
    const last = receiver.events.at(-1)!;
    expect(verify(secret!, last)).toMatchObject({
      type: 'execution.completed',
      timestamp: expect.stringMatching(/Z$/),
      data: {
        type: 'execution:completed',
        executionId: id,
        sequence: sequences.at(-1),
        projectId: 'demo',
        workflow: null,
        result: { id, status: 'completed' },
      },
    });
    expect(last.id).toBe(`${id}:${sequences.at(-1)}`);
    expect(last.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(Object.keys(last.headers).filter((name) => name.startsWith('ce-'))).toEqual([]);
    expect(() => verify(secret!, { ...last, body: `${last.body} ` })).toThrow('No matching signature');
  });

  it('sends ids alone in a thin payload, and the binary headers of CloudEvents where they are wanted', async () => {
    const { secret } = await put({ events: ['execution:step'], payload: 'thin', cloudEvents: true });
    const id = await server.startExecution(start([delay('first.node', 1)]));
    await until(
      () => receiver.taken(id),
      ({ length }) => length === 2,
    );
    const { body, headers, sequence } = receiver.events[0]!;
    verify(secret!, receiver.events[0]!);
    expect(JSON.parse(body)).toEqual({
      type: 'execution.step',
      timestamp: expect.any(String),
      data: { executionId: id, sequence, projectId: 'demo' },
    });
    expect(headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': `${id}:${sequence}`,
      'ce-source': `/api/executions/${id}`,
      'ce-type': 'execution.step',
      'ce-subject': 'first.node',
      'ce-time': (JSON.parse(body) as { timestamp: string }).timestamp,
    });
    expect(headers['ce-datacontenttype']).toBeUndefined();
  });

  it('gets no events of other projects, other tags and workflows, or child executions, and no earlier events', async () => {
    const before = await run();
    await put({ tag: 'paid' });
    await put({ workflow: 'saved' }, 'saved');
    const wrongTag = await run({ tags: ['free'] });
    const other = await run({ projectId: 'other', tags: ['paid'] });
    const child = { nodes: [delay('c', 1)] };
    const parent = await server.startExecution({
      ...start([{ id: 'p', type: 'workflow', data: { config: { workflow: child } } }]),
      tags: ['paid'],
    });
    await until(
      () => receiver.taken(parent),
      ({ length }) => length === 1,
    );
    const right = await run({ tags: ['x', 'paid'] });
    await until(
      () => receiver.taken(right),
      ({ length }) => length === 1,
    );
    const seen = [...new Set(receiver.events.map(({ executionId }) => executionId))];
    expect(seen).toEqual([parent, right]);
    for (const id of [before, wrongTag, other]) expect(seen).not.toContain(id);
    // The receiver has an event before the server has recorded that.
    await until(
      () => count('webhook_queue'),
      (rows) => rows === 0,
    );
  });

  it('delivers chunks in order', async () => {
    await put({ events: ['execution:output', 'execution:completed'] });
    const id = await server.startExecution(start([agent('a', { chunks: 60 })]));
    const types = ['execution:output', 'execution:completed'];
    await until(
      () => receiver.events,
      (events) => events.some((event) => event.isTaken && event.type === 'execution.completed'),
    );
    expect(receiver.taken(id)).toEqual(await wanted(id, types));
  });

  it('repeats an event that fails before it sends the next one, with the same id and a new timestamp', async () => {
    const { secret } = await put({ events: [...STEPS] });
    let refused = 0;
    receiver.answer = (event, response) =>
      refused++ < 3 ? refuse(500)(event, response) : take(event, response);
    const id = await run();
    await delivered();
    const [first, ...others] = await wanted(id);
    expect(receiver.events.map(({ sequence }) => sequence)).toEqual([first, first, first, first, ...others]);
    expect(new Set(receiver.events.slice(0, 4).map((event) => event.id)).size).toBe(1);
    for (const event of receiver.events) verify(secret!, event);
    expect(await statuses(id)).toEqual([
      'failed',
      'failed',
      'failed',
      ...[first, ...others].map(() => 'delivered'),
    ]);
    const [newest] = await attempts(`&executionId=${id}&status=failed`);
    expect(newest).toMatchObject({
      messageId: `${id}:${first}`,
      sequence: first,
      type: 'execution:step',
      attempt: 3,
      responseStatus: 500,
      error: 'The receiver answered 500.',
      nextAttemptAt: expect.any(String),
    });
    const details = await call<WebhookDeliveryDetails>('GET', `${BASE}/deliveries/${newest!.id}`);
    expect(details.request).toMatchObject({ url: receiver.url, body: receiver.events[2]!.body });
    expect(details.request.headers).toMatchObject({
      'webhook-id': receiver.events[2]!.id,
      'webhook-timestamp': receiver.events[2]!.headers['webhook-timestamp'],
    });
    expect(JSON.stringify(details)).not.toContain('v1,');
    expect(details.response).toMatchObject({ status: 500, body: 'not now' });
    expect((await server.call('GET', '/metrics')).text).toMatch(
      /cloutagent_webhook_attempts_total\{result="failed"\} [1-9]/,
    );
  });

  it('keeps the events of a paused webhook, and delivers them when it is enabled', async () => {
    await put({ events: [...STEPS] });
    await put({ events: [...STEPS], enabled: false });
    const ids = [await run(), await run()];
    expect(await get()).toMatchObject({ enabled: false, pending: 2 });
    expect(receiver.events).toEqual([]);
    await restart();
    expect(await put({ events: [...STEPS] })).toMatchObject({ pending: 2 });
    await delivered();
    for (const id of ids) expect(receiver.taken(id)).toEqual(await wanted(id));
  });

  it('disables a webhook whose receiver answers 410, and keeps the event', async () => {
    await put();
    receiver.answer = refuse(410);
    const id = await run();
    expect(await until(get, ({ enabled }) => !enabled)).toMatchObject({
      disabledReason: expect.stringContaining('410'),
      pending: 1,
      dead: 0,
    });
    const replay = await server.call('POST', `${BASE}/replay`, { executionId: id });
    expect([replay.status, replay.body.code]).toEqual([409, 'webhook_disabled']);
    receiver.answer = take;
    expect(await put()).toMatchObject({ enabled: true, disabledReason: null });
    await delivered();
    expect(receiver.taken(id)).toHaveLength(1);
  });

  it('throttles the whole webhook for as long as Retry-After says', async () => {
    await put();
    receiver.answer = refuse(429, { 'retry-after': '3600' });
    await run();
    const throttled = async () =>
      (
        await client.query<{ seconds: number }>(
          'SELECT extract(epoch FROM throttled_until - now())::float8 AS seconds FROM cloutagent.webhooks',
        )
      ).rows[0]!.seconds;
    expect(await until(throttled, (seconds) => seconds !== null)).toBeGreaterThan(3_000);
    receiver.answer = take;
    const later = await run();
    expect(await get()).toMatchObject({ pending: 2 });
    expect(receiver.taken(later)).toEqual([]);
    // A change of the webhook ends the throttling. The delivery that failed keeps its own time.
    await put();
    await until(
      () => receiver.taken(later),
      ({ length }) => length === 1,
    );
    // The server records the delivery only after the receiver has answered.
    await until(get, ({ pending }) => pending === 1);
  });

  it('signs by all valid secrets after a rotation, and only by the new one when the old ones end at once', async () => {
    const { secret: first } = await put();
    const { secret: second, signingSecrets } = await call<WebhookWithSecret>('POST', `${BASE}/rotate-secret`);
    expect(signingSecrets).toBe(2);
    await run();
    await delivered();
    verify(first!, receiver.events[0]!);
    verify(second!, receiver.events[0]!);
    const rotate = { keepOldForMs: 0 };
    const { secret: third } = await call<WebhookWithSecret>('POST', `${BASE}/rotate-secret`, rotate);
    await run();
    await delivered();
    verify(third!, receiver.events[1]!);
    for (const old of [first!, second!]) expect(() => verify(old, receiver.events[1]!)).toThrow();
    for (let n = 0; n < 4; n += 1) await call('POST', `${BASE}/rotate-secret`);
    const tooMany = await server.call('POST', `${BASE}/rotate-secret`, {});
    expect([tooMany.status, tooMany.body.code]).toEqual([429, 'too_many_signing_secrets']);
    expect(JSON.stringify(await call('GET', '/api/webhooks?projectId=demo'))).not.toContain('whsec_');
  });

  it('replays a range of time, and leaves out what is after it', async () => {
    const ids = [await run(), await run(), await run()];
    const { rows } = await client.query<{ from: Date; to: Date }>(
      `SELECT (SELECT created_at FROM cloutagent.executions WHERE id = $1) AS "from",
         (SELECT created_at FROM cloutagent.executions WHERE id = $2) AS "to"`,
      [ids[1], ids[2]],
    );
    await put({ events: [...STEPS] });
    expect(await call('POST', `${BASE}/replay`, rows[0])).toEqual({ executions: 1 });
    await delivered();
    expect(receiver.taken(ids[1]!)).toEqual(await wanted(ids[1]!));
    expect(new Set(receiver.events.map(({ executionId }) => executionId))).toEqual(new Set([ids[1]]));

    // A range that ends inside of an execution.
    receiver.events.length = 0;
    const steps = await wanted(ids[0]!);
    const all = (await storedEvents(client, ids[0]!)).map(({ sequence, data }) => ({
      sequence,
      at: (JSON.parse(data) as { timestamp: string }).timestamp,
    }));
    const end = all.find(({ sequence }) => sequence === steps.at(-1))!.at;
    const expected = all.filter(({ sequence, at }) => steps.includes(sequence) && at < end);
    const first = all[0]!.at;
    const { executions } = await call<{ executions: number }>('POST', `${BASE}/replay`, {
      from: first,
      to: end,
    });
    expect(executions).toBe(expected.length > 0 ? 1 : 0);
    await delivered();
    expect(receiver.taken(ids[0]!)).toEqual(
      expected.map(({ sequence }) => sequence).toSorted((a, b) => a - b),
    );
  });

  it.each([
    [{ url: 'ftp://example.com' }, 'url'],
    [{ url: 'https://user:password@example.com' }, 'url'],
    [{ url: 'javascript:alert(1)' }, 'url'],
    [{ url: 'https://example.com/\0' }, 'url'],
    [{ events: [] }, 'events'],
    [{ events: ['execution.completed'] }, 'events.0'],
    [{ payload: 'some' }, 'payload'],
    [{ secret: 'whsec_x' }, 'secret'],
  ])('refuses %j', async (wrong, path) => {
    const { status, body } = await server.call('PUT', BASE, {
      url: receiver.url,
      events: ['execution:completed'],
      ...wrong,
    });
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors.map((error) => error.path)).toContain(path);
  });

  it('shows nothing to callers of other projects, and changes nothing for them', async () => {
    await put();
    const id = await run();
    await delivered();
    const [{ id: attempt } = { id: '' }] = await attempts(`&executionId=${id}`);
    const key = async (more: object) =>
      (
        (
          await server.call('POST', '/api/keys', {
            name: 'k',
            scopes: ['webhooks:manage', 'executions:read'],
            ...more,
          })
        ).body as { key: string }
      ).key;
    const stranger = { authorization: `Bearer ${await key({ projects: ['other'] })}` };
    const unscoped = {
      authorization: `Bearer ${await key({ projects: ['demo'], scopes: ['executions:read'] })}`,
    };
    const requests: [string, string, unknown?][] = [
      ['PUT', BASE, { url: receiver.url, events: ['execution:completed'] }],
      ['GET', BASE],
      ['GET', '/api/webhooks?projectId=demo'],
      ['POST', `${BASE}/rotate-secret`],
      ['GET', `${BASE}/deliveries`],
      ['GET', `${BASE}/deliveries/${attempt}`],
      ['POST', `${BASE}/replay`, { executionId: id }],
      ['DELETE', BASE],
    ];
    for (const [method, path, body] of requests) {
      const answer = await server.call(method, path, body, stranger);
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 404, 'not_found']);
      const refused = await server.call(method, path, body, unscoped);
      expect([method, path, refused.status]).toEqual([method, path, 403]);
    }
    // An execution, and an attempt, of another webhook.
    const other = await run({ projectId: 'other' });
    const replay = await server.call('POST', `${BASE}/replay`, { executionId: other });
    expect(replay.status).toBe(404);
    await put({}, 'second');
    const foreign = await server.call('GET', `/api/webhooks/demo/second/deliveries/${attempt}`);
    expect(foreign.status).toBe(404);
    for (const method of ['GET', 'DELETE'])
      expect((await server.call(method, '/api/webhooks/demo/none')).status).toBe(404);
  });

  it('deletes deliveries with their webhook, and with their execution', async () => {
    await put({ enabled: false });
    await put({}, 'second');
    const id = await run();
    await until(
      () => receiver.taken(id),
      ({ length }) => length === 1,
    );
    const both = async () => [await count('webhook_queue'), await count('webhook_attempts')];
    await until(both, ([queue, logged]) => queue === 1 && logged === 1);
    await client.query('DELETE FROM cloutagent.executions WHERE id = $1', [id]);
    expect(await both()).toEqual([0, 0]);
    await run();
    await call('DELETE', BASE);
    // The second webhook may still be busy.
    await until(
      () => count('webhook_queue'),
      (rows) => rows === 0,
    );
    await call('DELETE', '/api/webhooks/demo/second');
    expect([await count('webhook_attempts'), await count('webhook_secrets')]).toEqual([0, 0]);
    const { rows } = await client.query(
      `SELECT tgname FROM pg_trigger WHERE tgrelid = 'cloutagent.events'::regclass AND NOT tgisinternal`,
    );
    expect(rows).toEqual([]);
  });

  it('delivers events of types that are added while an execution runs', async () => {
    await put();
    const id = await server.startExecution(
      start(
        [delay('a', 1), { id: 'ask', type: 'approval' }, delay('b', 1)],
        [
          ['a', 'ask'],
          ['ask', 'b'],
        ],
      ),
    );
    await new Watch(server.url, pathOf(id)).until(({ frames }) =>
      frames.some(({ data }) => data.nodeId === 'ask'),
    );
    await put({ events: [...STEPS] });
    const before = await wanted(id);
    await server.call('POST', `/api/executions/${id}/approve`);
    await until(
      () => receiver.events,
      (events) => events.some((event) => event.isTaken && event.type === 'execution.completed'),
    );
    const after = (await wanted(id)).filter((sequence) => !before.includes(sequence));
    expect(receiver.taken(id).filter((sequence) => after.includes(sequence))).toEqual(after);
  });

  // From here on each test has its own settings. They come last, so that the server need not start again after each of them.

  it('is dead when all delays are used up, and continues in order when it is replayed', async () => {
    await use({ WEBHOOK_RETRY_DELAYS_MS: '1,1' });
    await put({ events: [...STEPS] });
    receiver.answer = refuse(400);
    const id = await run();
    await until(get, ({ dead }) => dead === 1);
    const sequences = await wanted(id);
    expect(receiver.events.map(({ sequence }) => sequence)).toEqual(Array(3).fill(sequences[0]));
    expect(await statuses(id)).toEqual(['failed', 'failed', 'dead']);
    receiver.answer = take;
    const other = await run();
    await until(
      () => receiver.taken(other),
      ({ length }) => length === sequences.length,
    );
    expect(receiver.taken(id)).toEqual([]);
    expect(await call('POST', `${BASE}/replay`, { executionId: id })).toEqual({ executions: 1 });
    await delivered();
    expect(receiver.taken(id)).toEqual(sequences);
  });

  it('gives a fast receiver its events although others hang', async () => {
    await use({ MAX_WEBHOOK_DELIVERIES_PER_PROCESS: '4', MAX_DELIVERIES_PER_WEBHOOK: '2' });
    const hanging = await WebhookReceiver.start();
    hanging.answer = () => undefined;
    for (let n = 0; n < 6; n += 1) await put({ url: hanging.url }, `hanging-${n}`);
    await put({ events: [...STEPS] });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) ids.push(await run());
    await until(get, ({ pending }) => pending === 0);
    for (const id of ids) expect(receiver.taken(id)).toEqual(await wanted(id));
    const { webhooks } = await call<WebhookList>('GET', '/api/webhooks?projectId=demo');
    expect(webhooks.filter(({ pending }) => pending === 6)).toHaveLength(6);
    await hanging.close();
  });

  it('does not follow redirects, and reads no more than the beginning of an answer', async () => {
    await use({ WEBHOOK_RESPONSE_MAX_BYTES: '100', WEBHOOK_RETRY_DELAYS_MS: '1,1,1' });
    await put();
    const target = await WebhookReceiver.start();
    const answers = [
      refuse(302, { location: target.url }),
      refuse(307, { location: 'http://169.254.169.254/latest' }),
      (_event: unknown, response: Parameters<typeof take>[1]) => {
        // Endless.
        response.writeHead(500, { 'content-type': 'text/plain', 'set-cookie': 'session=secret' });
        const write = () => {
          while (!response.destroyed && response.write('x\0é'.repeat(1_000)));
          if (!response.destroyed) response.once('drain', write);
        };
        write();
      },
      (_event: unknown, response: Parameters<typeof take>[1]) => {
        // Slow: the status counts.
        response.writeHead(200).write('.');
      },
    ];
    receiver.answer = (event, response) => answers.shift()!(event, response);
    const id = await run();
    await delivered();
    expect(target.events).toEqual([]);
    await target.close();
    const all = (await attempts(`&executionId=${id}`)).toReversed();
    expect(all.map(({ responseStatus, status }) => [responseStatus, status])).toEqual([
      [302, 'failed'],
      [307, 'failed'],
      [500, 'failed'],
      [200, 'delivered'],
    ]);
    expect(all[0]!.error).toContain('Redirects are not followed');
    const { response } = await call<WebhookDeliveryDetails>('GET', `${BASE}/deliveries/${all[2]!.id}`);
    expect(response!.body.length).toBeLessThanOrEqual(100);
    expect(response!.body).toContain('xé');
    expect(response!.headers['set-cookie']).toBeUndefined();
  });

  it.each([
    ['a private address', 'http://10.0.0.1/hook', 'not on the public internet'],
    ['a name of a private address', 'http://localhost:9/hook', 'not on the public internet'],
    ['an address of the cloud', 'http://169.254.169.254/latest/meta-data', 'not on the public internet'],
    ['IPv6 loopback', 'http://[::1]:9/hook', 'not on the public internet'],
  ])('sends nothing to %s', async (_what, target, error) => {
    await use({ HTTP_ALLOWED_HOSTS: '', WEBHOOK_RETRY_DELAYS_MS: '1' });
    await put({ url: target });
    const id = await run();
    await until(get, ({ dead }) => dead === 1);
    const [attempt] = await attempts(`&executionId=${id}`);
    expect(attempt).toMatchObject({ status: 'dead', responseStatus: null, nextAttemptAt: null });
    expect(attempt!.error).toContain(error);
  });

  it('limits the webhooks of a project and the executions of a replay', async () => {
    await use({ MAX_WEBHOOKS_PER_PROJECT: '2', MAX_EXECUTIONS_PER_REPLAY: '1' });
    await put();
    await put({}, 'second');
    const third = await server.call('PUT', '/api/webhooks/demo/third', {
      url: receiver.url,
      events: ['execution:failed'],
    });
    expect([third.status, third.body.code]).toEqual([429, 'too_many_webhooks']);
    await put({ tag: 'x' });
    await run();
    await run();
    const large = await server.call('POST', '/api/webhooks/demo/second/replay', {
      from: '0000-01-01T00:00:00Z',
    });
    expect([large.status, large.body.code]).toEqual([400, 'replay_too_large']);
  });

  it('keeps the newest attempts alone, and lists them page by page', async () => {
    await use({ MAX_LOGGED_ATTEMPTS_PER_WEBHOOK: '5' });
    await put();
    for (let n = 0; n < 8; n += 1) await run();
    await delivered();
    const all = await until(
      () => attempts(),
      ({ length }) => length === 5,
    );
    const first = await call<WebhookDeliveryPage>('GET', `${BASE}/deliveries?limit=3`);
    const rest = await call<WebhookDeliveryPage>(
      'GET',
      `${BASE}/deliveries?limit=3&cursor=${first.nextCursor}`,
    );
    expect([...first.deliveries, ...rest.deliveries]).toEqual(all);
    expect(rest.nextCursor).toBeNull();
    for (const cursor of ['x', "' OR true"]) {
      const wrong = await server.call('GET', `${BASE}/deliveries?cursor=${encodeURIComponent(cursor)}`);
      expect([wrong.status, wrong.body.code]).toEqual([400, 'validation_failed']);
    }
    expect((await server.call('GET', `${BASE}/deliveries/${randomUUID()}`)).status).toBe(404);
  });
});
