import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { Body } from './support/answer.js';
import { DatabaseControl } from './support/database-control.js';
import { deleteWorkflow, saveWorkflow } from './support/saved-workflow.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { delay } from './support/watch.js';

const SECRETS: Record<string, string> = {
  GITHUB: 'github-secret',
  STRIPE: 'whsec_stripe-secret',
  SLACK: 'slack-signing-secret',
  STANDARD: `whsec_${Buffer.from('a-key-of-24-bytes-or-more').toString('base64')}`,
  SHARED: 'shared-secret-value',
};

const hmac = (key: string, text: string) => createHmac('sha256', key).update(text).digest('hex');
const now = () => Math.floor(Date.now() / 1_000);
type Headers = Record<string, string>;

/** Signs as each sender does, by its documentation or its library. */
const sign = {
  github: (body: string, id: string, secret = SECRETS['GITHUB']!): Headers => ({
    'x-hub-signature-256': `sha256=${hmac(secret, body)}`,
    'x-github-delivery': id,
    'x-github-event': 'issues',
  }),
  stripe: (body: string, _id: string, secret = SECRETS['STRIPE']!, at = now()): Headers => ({
    'stripe-signature': `t=${at},v1=${'0'.repeat(64)},v1=${hmac(secret, `${at}.${body}`)},v0=${hmac(secret, body)}`,
  }),
  slack: (body: string, _id: string, secret = SECRETS['SLACK']!, at = now()): Headers => ({
    'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}`,
    'x-slack-request-timestamp': String(at),
  }),
  'standard-webhooks': (body: string, id: string, secret = SECRETS['STANDARD']!, at = now()): Headers => ({
    'webhook-id': id,
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,b3RoZXI= ${new Webhook(secret).sign(id, new Date(at * 1_000), body)}`,
  }),
  'shared-secret': (_body: string, id: string, secret = SECRETS['SHARED']!): Headers => ({
    authorization: `Bearer ${secret}`,
    'idempotency-key': id,
  }),
};
type Source = keyof typeof sign;
const NAMES: Record<Source, string> = {
  github: 'GITHUB',
  stripe: 'STRIPE',
  slack: 'SLACK',
  'standard-webhooks': 'STANDARD',
  'shared-secret': 'SHARED',
};
const SOURCES = Object.keys(NAMES) as Source[];
const TIMED = ['stripe', 'slack', 'standard-webhooks'] as const;

/** A body with its id where each sender has it. */
const bodyOf = (id: string, more: object = {}) =>
  JSON.stringify({ id, event_id: id, type: 'event', text: 'grüße', ...more });

describe('triggers', () => {
  let server: Server;
  let database: DatabaseControl;
  beforeAll(async () => {
    const url = await createDatabase();
    server = await Server.start({
      DATABASE_URL: url,
      SECRETS_KEY: `test:${randomBytes(32).toString('base64')}`,
      PUBLIC_URL: 'https://agents.example.com/base/',
      TRIGGER_MAX_BYTES: '1048576',
      MAX_TRIGGERS_PER_PROJECT: '20',
    });
    database = await DatabaseControl.open(url);
    await saveWorkflow(server.url, 'short', [delay('d', 1)]);
    for (const name of Object.keys(SECRETS)) await putSecret(name);
  });
  afterAll(async () => {
    await database?.close();
    await server?.kill('SIGTERM');
  });

  const send = async (method: string, path: string, body?: string, headers: Headers = {}) => {
    const answer = await fetch(new URL(path, server.url), {
      method,
      headers,
      ...(body !== undefined && { body }),
    });
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Body };
  };
  const api = (method: string, path: string, body?: object, key = ADMIN_KEY) =>
    send(method, path, body && JSON.stringify(body), {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
    });
  const put = (name: string, source: Source, more: object = {}) =>
    api('PUT', `/api/triggers/demo/${name}`, {
      workflowRef: 'short',
      source,
      secret: NAMES[source],
      ...more,
    });
  const putSecret = async (name: string) =>
    expect((await api('PUT', `/api/secrets/demo/${name}`, { value: SECRETS[name]! })).status).toBe(200);
  const get = async (name: string) => (await api('GET', `/api/triggers/demo/${name}`)).body;
  const hook = (name: string, body: string, headers: Headers, type = 'application/json') =>
    send('POST', `/api/hooks/demo/${name}`, body, { 'content-type': type, ...headers });
  const executionsOf = (name: string) =>
    database.rows<{ id: string; input: unknown }>(
      'SELECT id, input FROM cloutagent.executions WHERE created_by = $1 ORDER BY id',
      [`trigger:${name}`],
    );

  it('are set, shown, listed and deleted', async () => {
    const { status, body } = await put('crud', 'github');
    expect([status, body]).toEqual([
      200,
      {
        projectId: 'demo',
        name: 'crud',
        workflowRef: 'short',
        source: 'github',
        secret: 'GITHUB',
        map: null,
        enabled: true,
        address: 'https://agents.example.com/base/api/hooks/demo/crud',
        lastAt: null,
        lastExecutionId: null,
        lastError: null,
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
        createdBy: expect.stringMatching(/^key:/),
      },
    ]);
    expect(await get('crud')).toEqual(body);
    expect((await api('GET', '/api/triggers?projectId=demo')).body).toEqual({ triggers: [body] });
    expect((await api('DELETE', '/api/triggers/demo/crud')).status).toBe(204);
    expect((await api('GET', '/api/triggers/demo/crud')).status).toBe(404);
    expect((await hook('crud', '{}', sign.github('{}', 'x'))).status).toBe(404);
  });

  it.each([
    ['an unknown workflow', { workflowRef: 'missing' }, 'workflowRef'],
    ['an unknown secret', { secret: 'MISSING' }, 'secret'],
    ['an expression that does not parse', { map: '{ "a": ' }, 'map'],
    ['an unknown source', { source: 'gitlab' }, 'source'],
    ['an expression that the database cannot store', { map: '"a\0b"' }, 'map'],
  ])('are refused with %s', async (_case, more, path) => {
    const { status, body } = await put('bad', 'github', more);
    expect([status, body.code]).toEqual([400, 'validation_failed']);
    expect(body.errors).toEqual([{ path, message: expect.any(String) }]);
  });

  it('need both scopes, and are not found in projects of others', async () => {
    await put('mine', 'github');
    const keyFor = async (projects: string[], scopes: string[]) =>
      (await api('POST', '/api/keys', { name: 'k', projects, scopes })).body.key;
    const other = await keyFor(['other'], ['triggers:manage', 'executions:write']);
    const manager = await keyFor(['demo'], ['triggers:manage']);
    const content = { workflowRef: 'short', source: 'github', secret: 'GITHUB' };
    for (const [method, path, body] of [
      ['PUT', '/api/triggers/demo/mine', content],
      ['GET', '/api/triggers/demo/mine', undefined],
      ['DELETE', '/api/triggers/demo/mine', undefined],
      ['GET', '/api/triggers?projectId=demo', undefined],
    ] as const)
      expect([path, (await api(method, path, body, other)).status]).toEqual([path, 404]);
    expect((await api('PUT', '/api/triggers/demo/mine', content, manager)).body.code).toBe(
      'insufficient_scope',
    );
    expect((await api('GET', '/api/triggers/demo/mine', undefined, manager)).status).toBe(200);
  });

  describe.each(SOURCES)('of %s', (source) => {
    const name = `of-${source}`;
    beforeAll(async () => {
      expect((await put(name, source)).status).toBe(200);
    });

    it('start one execution for each id of the sender', async () => {
      const before = (await executionsOf(name)).length;
      const body = bodyOf('evt-1');
      const answers = await Promise.all([1, 2, 3].map(() => hook(name, body, sign[source](body, 'evt-1'))));
      const again = await hook(name, body, sign[source](body, 'evt-1'));
      const executions = (await executionsOf(name)).slice(before);
      expect(executions).toEqual([{ id: expect.any(String), input: JSON.parse(body) }]);
      for (const answer of [...answers, again])
        expect(answer).toEqual({ status: 202, body: { executionId: executions[0]!.id } });
      const other = bodyOf('evt-2');
      expect((await hook(name, other, sign[source](other, 'evt-2'))).body.executionId).not.toBe(
        executions[0]!.id,
      );
      expect(await get(name)).toMatchObject({ lastAt: expect.any(String), lastError: null });
    });

    it('refuse what is not signed, not by this secret, or not this body', async () => {
      const before = await executionsOf(name);
      const body = bodyOf('forged');
      const signed = sign[source](body, 'forged');
      const wrong = sign[source](body, 'forged', SECRETS['STANDARD']!.replace('YS', 'Ym'));
      const empty = Object.fromEntries(Object.keys(signed).map((header) => [header, '']));
      const requests: [string, Headers][] = [
        [body, {}],
        [body, wrong],
        [body, empty],
      ];
      if (source !== 'shared-secret') requests.push([`${body} `, signed], ['', signed]);
      for (const [sent, headers] of requests) {
        const answer = await hook(name, sent, headers);
        expect([answer.status, answer.body.code]).toEqual([401, 'invalid_signature']);
      }
      expect(await executionsOf(name)).toEqual(before);
    });
  });

  it.each(TIMED)('refuse old and early requests of %s', async (source) => {
    const body = bodyOf('old');
    for (const seconds of [-3_600, -320, 320]) {
      const headers = sign[source](body, 'old', SECRETS[NAMES[source]], now() + seconds);
      expect((await hook(`of-${source}`, body, headers)).status).toBe(401);
    }
    const recent = sign[source](body, 'old', SECRETS[NAMES[source]], now() - 200);
    expect((await hook(`of-${source}`, body, recent)).status).toBe(202);
  });

  it('answer tests of the address', async () => {
    const challenge = JSON.stringify({ type: 'url_verification', challenge: 'c-1' });
    expect(await hook('of-slack', challenge, sign.slack(challenge, ''))).toEqual({
      status: 200,
      body: { challenge: 'c-1' },
    });
    expect((await hook('of-slack', challenge, {})).status).toBe(401);
    const ping = { ...sign.github('{"zen":"x"}', 'ping'), 'x-github-event': 'ping' };
    expect(await hook('of-github', '{"zen":"x"}', ping)).toEqual({ status: 202, body: {} });
  });

  it('read forms', async () => {
    const FORM = 'application/x-www-form-urlencoded';
    const command = 'command=%2Fdeploy&text=gr%C3%BC%C3%9Fe+an&trigger_id=t1&__proto__=x';
    const deployed = await hook('of-slack', command, sign.slack(command, ''), FORM);
    expect(deployed.status).toBe(200);
    expect((await executionsOf('of-slack')).at(-1)!.input).toEqual(
      JSON.parse('{"command":"/deploy","text":"grüße an","trigger_id":"t1","__proto__":"x"}'),
    );
    const payload = `payload=${encodeURIComponent('{"action":"opened"}')}`;
    expect((await hook('of-github', payload, sign.github(payload, 'form'), FORM)).status).toBe(202);
    expect((await executionsOf('of-github')).at(-1)!.input).toEqual({ action: 'opened' });
  });

  it.each([
    ['broken JSON', '{"a":', 400, 'malformed_json'],
    ['deep JSON', '['.repeat(100) + ']'.repeat(100), 400, 'validation_failed'],
    ['many parts', JSON.stringify(Array.from({ length: 30_000 }, () => ({}))), 400, 'validation_failed'],
    ['too many bytes', JSON.stringify('x'.repeat(1_048_576)), 413, 'body_too_large'],
  ])('refuse genuine requests with %s', async (_case, body, status, code) => {
    const answer = await hook('of-github', body, sign.github(body, 'hostile'));
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('take a body of almost 1 MB', async () => {
    const body = JSON.stringify('x'.repeat(1_048_570));
    expect((await hook('of-github', body, sign.github(body, 'large'))).status).toBe(202);
  });

  it('map body, headers and query to an input, without credentials', async () => {
    await put('mapped', 'shared-secret', {
      map: '{ "title": body.issue.title, "event": headers."x-event", "branch": query.branch, "names": $keys(headers) }',
    });
    const headers = { ...sign['shared-secret']('', 'm-1'), 'x-event': 'opened', cookie: 'a=b' };
    const body = JSON.stringify({ issue: { title: 'It does not start' } });
    const answer = await send('POST', '/api/hooks/demo/mapped?branch=main', body, {
      'content-type': 'application/json',
      ...headers,
    });
    expect(answer.status).toBe(202);
    const input = (await executionsOf('mapped'))[0]!.input as { names: string[] };
    expect(input).toMatchObject({ title: 'It does not start', event: 'opened', branch: 'main' });
    expect(input.names).toContain('idempotency-key');
    expect(input.names).not.toContain('authorization');
    expect(input.names).not.toContain('cookie');
  });

  it.each([
    ['loops', '($f := function($n) { $f($n) }; $f(1))', 'CHECK_TIMEOUT_MS'],
    ['fills the memory', '$map([1..9000000], function($n) { $string($n) & "xxxxxxxxxxxxxxxxxxxx" })', 'map '],
    ['fails', '$error("no")', 'map failed: D3137: no'],
    ['fails with U+0000', String.raw`$error("a\u0000b")`, 'map failed: D3137: a\uFFFDb'],
    ['gives too much', '$join($map([1..100000], function($n) { "xxxxxxxxxxxxxxxxxxxx" }))', 'map '],
  ])('show why nothing was started when the expression %s', async (_case, map, reason) => {
    expect((await put('hostile', 'shared-secret', { map })).status).toBe(200);
    const answer = await hook('hostile', '{}', sign['shared-secret']('', 'h'));
    expect([answer.status, answer.body.code]).toEqual([422, 'trigger_failed']);
    expect((await get('hostile')).lastError).toContain(reason);
    expect(await executionsOf('hostile')).toEqual([]);
  });

  it('start again with the same id after a failure', async () => {
    await saveWorkflow(server.url, 'passing', [delay('d', 1)]);
    await put('passing', 'shared-secret', { workflowRef: 'passing' });
    await deleteWorkflow(server.url, 'passing');
    const headers = sign['shared-secret']('', 'p');
    expect((await hook('passing', '{}', headers)).body.code).toBe('trigger_failed');
    expect((await get('passing')).lastError).toContain('not_found');
    await saveWorkflow(server.url, 'passing', [delay('d', 1)]);
    const { body } = await hook('passing', '{}', headers);
    expect(body.executionId).toEqual(expect.any(String));
    expect(await get('passing')).toMatchObject({ lastError: null, lastExecutionId: body.executionId });
    // The workflow of the first start is gone, and its answer stays.
    await deleteWorkflow(server.url, 'passing');
    expect((await hook('passing', '{}', headers)).body).toEqual(body);
  });

  it('start an execution for each request without an id', async () => {
    await put('plain', 'shared-secret');
    const { authorization } = sign['shared-secret']('', '') as { authorization: string };
    for (const _time of [1, 2])
      expect((await hook('plain', 'a text', { authorization }, 'text/plain')).status).toBe(202);
    expect((await executionsOf('plain')).map(({ input }) => input)).toEqual(['a text', 'a text']);
  });

  it('show only to genuine senders that they are disabled or have no secret', async () => {
    await put('off', 'shared-secret', { enabled: false });
    const headers = sign['shared-secret']('', 'o');
    expect((await hook('off', '{}', {})).body.code).toBe('invalid_signature');
    expect((await hook('off', '{}', headers)).body.code).toBe('trigger_disabled');
    await put('off', 'shared-secret');
    await api('DELETE', '/api/secrets/demo/SHARED');
    expect((await hook('off', '{}', headers)).body.code).toBe('invalid_signature');
    await putSecret('SHARED');
    expect(server.output()).toContain('there is no secret SHARED');
    for (const path of ['/api/hooks/demo/missing', '/api/hooks/other/off'])
      expect((await send('POST', path, '{}', headers)).status).toBe(404);
  });
});
