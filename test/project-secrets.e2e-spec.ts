import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import pg from 'pg';
import { ExtensionServer } from './support/extension-server.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { startModernServer } from './support/modern-mcp-server.js';
import { type Answer, createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const run = promisify(execFile);
const keyOf = (id: string): string => `${id}:${randomBytes(32).toString('base64')}`;
const VALUE = 'tok/en "1" & ü=%?';
const node = (id: string, type: string, config: object) => ({ id, type, data: { config } });

/** A node of a module that shows its config as it got it, and sends a header where it is asked to. */
const MODULE = `
  @NodeHandler('echo-config')
  class EchoConfig {
    readonly config = z.strictObject({ token: z.string().meta({ secrets: true }), plain: z.string().optional() });
    async run(run: NodeRun<object>) { return run.config; }
  }
  @NodeHandler('send')
  class Send {
    readonly config = z.strictObject({ url: z.string(), token: z.string().meta({ secrets: true }) });
    async run(run: NodeRun<{ url: string; token: string }>) {
      const { url, token } = run.config;
      const headers = await run.reveal({ 'x-token': token }, { url });
      await fetch(url, { headers, redirect: 'error' });
      return { isSame: headers['x-token'] === token };
    }
  }
  @StepInterceptor({ order: 1 })
  class Seen {
    async config(_step: unknown, config: Record<string, unknown>) { console.log('CONFIG ' + JSON.stringify(config)); return config; }
  }
  @Module({ providers: [EchoConfig, Send, Seen] })
  class TeamModule {}
`;

describe('secrets and variables of a project', () => {
  let database: string;
  let upstream: FakeHttpServer;
  let extension: ExtensionServer;
  let server: Server;
  let pool: pg.Pool;
  const settings = (keys: string): Record<string, string> => ({
    DATABASE_URL: database,
    SECRETS_KEY: keys,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
    RETRY_BASE_MS: '1',
    MAX_SECRETS_PER_PROJECT: '20',
    MAX_VARIABLES_PER_PROJECT: '20',
    VARIABLE_MAX_BYTES: '100',
  });
  const firstKeys = keyOf('first');

  beforeAll(async () => {
    database = await createDatabase();
    upstream = await startFakeHttpServer(({ headers, body, path }, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ token: headers['x-token'], body, path }));
    });
    extension = await ExtensionServer.start(MODULE, settings(firstKeys));
    server = extension.server;
    pool = new pg.Pool({ connectionString: database, max: 2 });
  });
  afterAll(async () => {
    await pool.end();
    await extension.stop();
    await upstream.close();
  });

  const put = async (name: string, value: string, more: object = {}, project = 'demo'): Promise<Answer> =>
    server.call('PUT', `/api/secrets/${project}/${name}`, { value, ...more });
  const set = async (name: string, value: string, more: object = {}): Promise<void> => {
    const { status, text } = await put(name, value, more);
    expect([status, text]).toEqual([200, expect.not.stringContaining(value) as string]);
  };
  const ended = async (id: string) => (await new Watch(server.url, pathOf(id)).done()).frames.at(-1)!;
  const runToEnd = async (nodes: object[], edges: [string, string][] = [], more: object = {}) =>
    ended(await server.startExecution(start(nodes, edges, more)));
  const completed = async (nodes: object[], edges: [string, string][] = [], more: object = {}) => {
    const { type, data } = await runToEnd(nodes, edges, more);
    expect({ type, error: data.error }).toEqual({ type: 'execution:completed', error: undefined });
    return data.result.output as unknown;
  };
  const failedWith = async (nodes: object[], edges: [string, string][] = []): Promise<unknown> => {
    const { type, data } = await runToEnd(nodes, edges);
    expect(type).toBe('execution:failed');
    return data['code'];
  };
  const refused = async (body: object, headers: Record<string, string> = {}) => {
    const answer = await server.call('POST', '/api/executions', body, headers);
    const errors = (answer.body.errors ?? []) as { path: string; message: string }[];
    return { status: answer.status, code: answer.body.code, paths: errors.map(({ path }) => path), errors };
  };
  const keyWith = async (scopes: string[], projects = ['demo']): Promise<Record<string, string>> => {
    const { body } = await server.call('POST', '/api/keys', { name: 'k', projects, scopes });
    return { authorization: `Bearer ${body['key']}` };
  };

  describe('routes', () => {
    it('store, list and delete secrets without ever showing a value', async () => {
      await set('ROUTE_A', VALUE, { allowedHosts: ['API.example.com', '*.example.com:8443'] });
      await set('ROUTE_A', `${VALUE}2`);
      await set('ROUTE_B', `${VALUE}3`, { allowedHosts: ['a.example'] });
      const list = await server.call('GET', '/api/secrets?projectId=demo');
      const one = await server.call('GET', '/api/secrets/demo/ROUTE_B');
      for (const { text } of [list, one]) expect(text).not.toContain('tok/en');
      const names = (list.body['secrets'] as { name: string }[]).map(({ name }) => name);
      expect(names.filter((name) => name.startsWith('ROUTE'))).toEqual(['ROUTE_A', 'ROUTE_B']);
      expect(one.body).toEqual({
        projectId: 'demo',
        name: 'ROUTE_B',
        allowedHosts: ['a.example'],
        createdAt: expect.any(String) as string,
        updatedAt: expect.any(String) as string,
        updatedBy: expect.any(String) as string,
      });
      const { rows } = await pool.query<{ sealed: Buffer; key_id: string }>(
        "SELECT sealed, key_id FROM cloutagent.secret_versions WHERE name LIKE 'ROUTE%'",
      );
      expect(rows).toHaveLength(3);
      for (const { sealed, key_id } of rows) {
        expect(key_id).toBe('first');
        expect(sealed.includes(Buffer.from('tok/en'))).toBe(false);
      }
      for (const [status, name] of [
        [204, 'ROUTE_A'],
        [204, 'ROUTE_B'],
        [404, 'ROUTE_A'],
        [404, 'NONE'],
      ] as const)
        expect((await server.call('DELETE', `/api/secrets/demo/${name}`)).status).toBe(status);
    });

    it.each([
      ['7 characters', 'abc-123', /at least 8 characters/],
      ['a word', 'postgres', /is a word/],
      ['a date', '2026-11-27', /is a number/],
      ['spaces', '          ', /different characters/],
      ['the type of an event', 'execution:step', /a word of the protocol/],
      ['a part of the type of an event', 'cution:completed', /a word of the protocol/],
      ['the code of a failure', 'http_timeout', /a word of the protocol/],
      ['a member of events', '"executionId":', /a word of the protocol/],
      ['one character', 'xxxxxxxx-xxxxxxxx', /different characters/],
    ])('refuse %s as a value, because it could not be redacted', async (_what, value, message) => {
      const { status, body, text } = await put('REFUSED', value);
      expect([status, body.code]).toEqual([400, 'validation_failed']);
      expect(body.errors).toEqual([{ path: 'value', message: expect.stringMatching(message) as string }]);
      if (value.trim()) expect(text).not.toContain(value);
    });

    it.each(['1A', 'a-b', 'a%20b', 'x'.repeat(65)])('refuse the name %s', async (name) => {
      expect((await put(name, 'a-good-value')).status).toBe(400);
      expect((await server.call('PUT', `/api/variables/demo/${name}`, { value: 1 })).status).toBe(400);
    });

    it('belong to a project, and need their scopes', async () => {
      await set('SCOPED', 'a-good-value');
      const foreign = await keyWith(['secrets:manage', 'workflows:read', 'workflows:write'], ['other']);
      for (const kind of ['secrets', 'variables'])
        for (const [method, path, body] of [
          ['GET', `/api/${kind}?projectId=demo`],
          ['GET', `/api/${kind}/demo/SCOPED`],
          ['PUT', `/api/${kind}/demo/SCOPED`, { value: 'another-value' }],
          ['DELETE', `/api/${kind}/demo/SCOPED`],
        ] as const)
          expect((await server.call(method, path, body, foreign)).status).toBe(404);
      const user = await keyWith(['executions:write', 'executions:read', 'secrets:use', 'workflows:read']);
      expect((await server.call('GET', '/api/secrets?projectId=demo', undefined, user)).status).toBe(403);
      expect((await server.call('GET', '/api/variables?projectId=demo', undefined, user)).status).toBe(200);
      expect((await server.call('PUT', '/api/variables/demo/X', { value: 1 }, user)).status).toBe(403);
    });

    it('count up to their limits, also at the same time', async () => {
      const made = await Promise.all(
        Array.from(
          { length: 25 },
          async (_none, n) => (await put(`N${n}`, 'a-good-value', {}, 'full')).status,
        ),
      );
      expect(made.toSorted((a, b) => a - b)).toEqual([
        ...Array<number>(20).fill(200),
        ...Array<number>(5).fill(409),
      ]);
      const kept = `N${made.indexOf(200)}`;
      expect((await put(kept, 'another-good-value', {}, 'full')).status).toBe(200);
      const { body } = await put('ONE_MORE', 'a-good-value', {}, 'full');
      expect(body.code).toBe('too_many_values');
    });

    it('set, show and delete variables of any JSON value', async () => {
      const path = '/api/variables/demo/V';
      for (const value of [null, 0, '', 'text', [1, { a: null }], { __proto__: 1 }, '{{secrets.A}}']) {
        expect((await server.call('PUT', path, { value })).status).toBe(200);
        expect((await server.call('GET', path)).body['value']).toEqual(value);
      }
      const { status, body } = await server.call('PUT', path, { value: 'x'.repeat(99) });
      expect([status, body.errors?.[0]?.path]).toEqual([400, 'value']);
      expect((await server.call('DELETE', path)).status).toBe(204);
      expect((await server.call('GET', path)).status).toBe(404);
    });
  });

  describe('in configs', () => {
    beforeAll(async () => {
      await set('TOKEN', VALUE.replace('ü', 'u'));
      await set('BASE', `${upstream.url}/base`);
      await server.call('PUT', '/api/variables/demo/team', { value: { name: 'red', ids: [1, 2] } });
    });
    const TOKEN = VALUE.replace('ü', 'u');

    it('reach the url, the headers and the body of an http node, each in its encoding', async () => {
      await completed([
        node('h', 'http', {
          method: 'POST',
          url: '{{secrets.BASE}}/{{vars.team.name}}?t={{secrets.TOKEN}}&n={{vars.team.ids[1]}}',
          headers: { 'x-token': 'Bearer {{secrets.TOKEN}}', 'x-gone': 'x{{secrets.GONE?}}' },
          body: { deep: [{ token: '{{secrets.TOKEN}}', gone: '{{secrets.GONE?}}' }], team: '{{vars.team}}' },
        }),
      ]);
      const { path, headers, body } = upstream.requests.at(-1)!;
      expect(path).toBe(`/base/red?t=${encodeURIComponent(TOKEN)}&n=2`);
      expect([headers['x-token'], headers['x-gone']]).toEqual([`Bearer ${TOKEN}`, 'x']);
      expect(JSON.parse(body)).toEqual({
        deep: [{ token: TOKEN, gone: '' }],
        team: { name: 'red', ids: [1, 2] },
      });
      const text = '{ "a": "<{{secrets.TOKEN}}>", "b": {{secrets.TOKEN}} }';
      await completed([node('h', 'http', { method: 'POST', url: upstream.url, body: text })]);
      expect(JSON.parse(upstream.requests.at(-1)!.body)).toEqual({ a: `<${TOKEN}>`, b: TOKEN });
    });

    it('reach the tools of agents', async () => {
      const call = { name: 'look', args: { q: 'x' } };
      for (const method of ['GET', 'POST']) {
        const http = {
          method,
          url: `${upstream.url}/tool?k={{secrets.TOKEN}}`,
          headers: { 'x-token': '{{secrets.TOKEN}}' },
        };
        const tool = { name: 'look', description: 'Looks.', inputSchema: { type: 'object' }, http };
        await completed([agent('a', { toolCall: call }, { tools: [tool] })]);
        const { path, headers } = upstream.requests.at(-1)!;
        expect(new URL(path, upstream.url).searchParams.get('k')).toBe(TOKEN);
        expect(headers['x-token']).toBe(TOKEN);
      }
    });

    it('reach MCP servers', async () => {
      const mcp = await startModernServer();
      try {
        await completed([
          agent(
            'a',
            { toolCall: { name: 'docs_key', args: {} } },
            { mcp: [{ url: mcp.url, name: 'docs', headers: { 'x-token': '{{secrets.TOKEN}}' } }] },
          ),
        ]);
        expect(mcp.requests.length).toBeGreaterThan(1);
        expect(new Set(mcp.requests.map((headers) => headers['x-token']))).toEqual(new Set([TOKEN]));
      } finally {
        await mcp.close();
      }
    });

    it('reach the nodes of child executions', async () => {
      const child = {
        nodes: [node('h', 'http', { url: upstream.url, headers: { 'x-token': '{{secrets.TOKEN}}' } })],
        edges: [],
      };
      const before = upstream.requests.length;
      await completed([node('m', 'map', { items: [1, 2], workflow: child })]);
      const received = upstream.requests.slice(before).map(({ headers }) => headers['x-token']);
      expect(received).toEqual([TOKEN, TOKEN]);
    });

    it('reach nodes of modules by reveal, and interceptors see only references', async () => {
      const output = await completed([
        node('s', 'send', { url: `${upstream.url}/s`, token: '{{secrets.BASE}}' }),
      ]);
      expect(output).toEqual({ isSame: false });
      expect(upstream.requests.at(-1)!.headers['x-token']).toBe(`${upstream.url}/base`);
      const shown = server.output();
      expect(shown).toMatch(/CONFIG \{"url":"[^"]+","token":"secret-[0-9a-f]{32}-pr-BASE-"\}/);
      expect(shown).not.toContain('tok/en');
    });

    it('do not come in by a value: neither a placeholder nor the reference of another node is replaced', async () => {
      const shown = (await completed([node('e', 'echo-config', { token: '{{secrets.TOKEN}}' })])) as {
        token: string;
      };
      expect(shown.token).toMatch(/^secret-[0-9a-f]{32}-pr-TOKEN-$/);
      await completed(
        [
          node('e', 'echo-config', { token: '{{secrets.TOKEN}}' }),
          node('h', 'http', {
            url: `${upstream.url}/?q={{input.text}}`,
            headers: {
              'x-token': '{{nodes.e.output.token}}',
              'x-input': '{{input.token}}',
              'x-own': '{{secrets.TOKEN}}',
            },
          }),
        ],
        [['e', 'h']],
        { input: { text: '{{secrets.TOKEN}}', token: shown.token } },
      );
      const { headers, path } = upstream.requests.at(-1)!;
      expect(headers['x-token']).toMatch(/^secret-[0-9a-f]{32}-pr-TOKEN-$/);
      expect(headers['x-input']).toBe(shown.token);
      expect(headers['x-own']).toBe(TOKEN);
      expect(decodeURIComponent(path)).toBe('/?q={{secrets.TOKEN}}');
    });

    it.each<[string, object[], string]>([
      [
        'a prompt',
        [agent('a', {}, { prompt: 'Say {{secrets.TOKEN}}' })],
        'workflow.nodes.0.data.config.prompt',
      ],
      [
        'a system prompt',
        [agent('a', {}, { system: '{{secrets.TOKEN}}' })],
        'workflow.nodes.0.data.config.system',
      ],
      [
        'an approval',
        [node('a', 'approval', { message: '{{secrets.TOKEN}}' })],
        'workflow.nodes.0.data.config.message',
      ],
      [
        'the description of a tool',
        [
          agent(
            'a',
            {},
            {
              tools: [
                {
                  name: 't',
                  description: '{{secrets.TOKEN}}',
                  inputSchema: { type: 'object' },
                  http: { url: 'https://a.example' },
                },
              ],
            },
          ),
        ],
        'workflow.nodes.0.data.config.tools.0.description',
      ],
      [
        'the input of a child',
        [
          node('w', 'workflow', {
            workflow: { nodes: [node('d', 'delay', { ms: 1 })], edges: [] },
            input: { a: '{{secrets.TOKEN}}' },
          }),
        ],
        'workflow.nodes.0.data.config.input.a',
      ],
      [
        'the items of a map',
        [
          node('m', 'map', {
            items: ['{{secrets.TOKEN}}'],
            workflow: { nodes: [node('d', 'delay', { ms: 1 })], edges: [] },
          }),
        ],
        'workflow.nodes.0.data.config.items.0',
      ],
      [
        'a field of a module without the mark',
        [node('e', 'echo-config', { token: 'x', plain: '{{secrets.TOKEN}}' })],
        'workflow.nodes.0.data.config.plain',
      ],
      [
        'a prompt inside a child',
        [
          node('w', 'workflow', {
            workflow: { nodes: [agent('a', {}, { prompt: '{{secrets.TOKEN?}}' })], edges: [] },
          }),
        ],
        'workflow.nodes.0.data.config.workflow.nodes.0.data.config.prompt',
      ],
      [
        'a secret with a path',
        [node('h', 'http', { url: 'https://a.example/{{secrets.TOKEN.x}}' })],
        'workflow.nodes.0.data.config.url',
      ],
    ])('are refused in %s', async (_what, nodes, path) => {
      const { status, code, paths } = await refused(start(nodes));
      expect({ status, code, paths }).toEqual({ status: 400, code: 'validation_failed', paths: [path] });
    });

    it('must exist when they are posted, unless they end with ?', async () => {
      const child = { nodes: [node('h', 'http', { url: `${upstream.url}/{{secrets.NONE}}` })], edges: [] };
      const found = await refused(
        start([
          node('h', 'http', {
            url: upstream.url,
            headers: { a: '{{secrets.NONE}}', b: '{{secrets.NONE?}}{{vars.none?}}' },
          }),
          agent('a', {}, { prompt: '{{vars.none.x}}' }),
          node('w', 'workflow', { workflow: child }),
        ]),
      );
      expect(found).toMatchObject({
        status: 400,
        code: 'secret_unknown',
        paths: [
          'workflow.nodes.0.data.config.headers.a',
          'workflow.nodes.1.data.config.prompt',
          'workflow.nodes.2.data.config.workflow.nodes.0.data.config.url',
        ],
      });
      // Another project's secret does not count.
      const other = { ...start([node('h', 'http', { url: '{{secrets.BASE}}' })]), projectId: 'other' };
      expect((await refused(other)).code).toBe('secret_unknown');
    });

    it('need the scope secrets:use of who posts the graph, before anything starts', async () => {
      const caller = await keyWith(['executions:write', 'executions:read', 'workflows:write']);
      const user = await keyWith(['executions:write', 'executions:read', 'secrets:use']);
      const use = node('h', 'http', { url: upstream.url, headers: { 'x-token': '{{secrets.TOKEN?}}' } });
      const inner = node('w', 'workflow', { workflow: { nodes: [use], edges: [] } });
      const before = upstream.requests.length;
      for (const [nodes, path] of [
        [[use], 'workflow.nodes.0.data.config.headers.x-token'],
        [[inner], 'workflow.nodes.0.data.config.workflow.nodes.0.data.config.headers.x-token'],
      ] as const)
        expect(await refused(start([...nodes]), caller)).toMatchObject({
          status: 403,
          code: 'secret_not_allowed',
          paths: [path],
        });
      expect(upstream.requests).toHaveLength(before);
      expect(
        (
          await server.call(
            'POST',
            '/api/executions',
            start([agent('a', {}, { prompt: '{{vars.team}}' })]),
            caller,
          )
        ).status,
      ).toBe(202);

      const fail = { ...use, data: { config: { ...use.data.config, expectStatus: 201 } } };
      const posted = await server.call('POST', '/api/executions', start([fail]), user);
      expect(posted.status).toBe(202);
      await ended(posted.body.id);
      const rerun = (body: object, headers: Record<string, string>) =>
        server.call('POST', `/api/executions/${posted.body.id}/rerun`, body, headers);
      expect((await rerun({ from: ['h'] }, caller)).body.code).toBe('secret_not_allowed');
      expect((await rerun({ workflow: start([use]).workflow }, caller)).body.code).toBe('secret_not_allowed');
      expect((await rerun({ from: ['h'] }, user)).status).toBe(202);
    });

    it('have the value in force when they are sent: a new one after a wait, none after a deletion', async () => {
      await set('TURNING', 'the-first-value');
      const nodes = [
        node('q', 'approval', { message: 'Go on?' }),
        node('h', 'http', { url: upstream.url, headers: { 'x-token': '{{secrets.TURNING}}' } }),
      ];
      const started = await Promise.all([1, 2].map(() => server.startExecution(start(nodes, [['q', 'h']]))));
      const approve = async (id: string) => {
        await new Watch(server.url, pathOf(id)).until(({ frames }) =>
          frames.some(({ type }) => type === 'execution:waiting'),
        );
        await server.call('POST', `/api/executions/${id}/approve`, {});
        return ended(id);
      };
      await set('TURNING', 'the-second-value');
      expect((await approve(started[0]!)).type).toBe('execution:completed');
      expect(upstream.requests.at(-1)!.headers['x-token']).toBe('the-second-value');
      const { rows } = await pool.query<{ secret_versions: string[] }>(
        'SELECT secret_versions FROM cloutagent.executions WHERE id = $1',
        [started[0]],
      );
      expect(rows[0]!.secret_versions).toHaveLength(1);
      const before = upstream.requests.length;
      await server.call('DELETE', '/api/secrets/demo/TURNING');
      const { type, data } = await approve(started[1]!);
      expect([type, data['code']]).toEqual(['execution:failed', 'missing_value']);
      expect(upstream.requests).toHaveLength(before);
    });

    it('fail clearly where the value does not fit its place', async () => {
      await set('TWO_LINES', 'line-one\nline-two');
      await set('LONG', 'abcdefgh-'.repeat(1_000));
      expect(
        await failedWith([node('h', 'http', { url: upstream.url, headers: { a: '{{secrets.TWO_LINES}}' } })]),
      ).toBe('invalid_config');
      expect(await failedWith([node('h', 'http', { url: '{{secrets.TWO_LINES}}' })])).toBe('invalid_config');
      expect(
        await failedWith([
          node('h', 'http', {
            method: 'POST',
            url: upstream.url,
            body: '{{secrets.LONG}}'.repeat(500),
          }),
        ]),
      ).toBe('config_too_large');
    });
  });

  it('are taken from the project of the execution for servers and models that the operator has set', async () => {
    const chunk = (delta: object, finish_reason: string | null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
    const models = await startFakeHttpServer((_request, response) => {
      response.setHeader('content-type', 'text/event-stream');
      response.end(`${chunk({ content: 'Hi' }, null)}${chunk({}, 'stop')}data: [DONE]\n\n`);
    });
    const mcp = await startModernServer();
    const operated = await Server.start({
      ...settings(firstKeys),
      DATABASE_URL: await createDatabase(),
      MCP_SERVERS: JSON.stringify({
        docs: { url: mcp.url, headers: { authorization: 'Bearer {{secrets.OPERATED}}' } },
      }),
      MODEL_ENDPOINTS: JSON.stringify({
        local: {
          baseUrl: `${models.url}/v1`,
          apiKey: '{{secrets.OPERATED}}',
          headers: { 'x-team': 'a {{secrets.OPERATED}}' },
        },
      }),
    });
    try {
      await operated.call('PUT', '/api/secrets/demo/OPERATED', { value: 'operated-1' });
      await operated.call('PUT', '/api/secrets/narrow/OPERATED', {
        value: 'operated-2',
        allowedHosts: ['a.example'],
      });
      const end = async (projectId: string, nodes: object[]) => {
        const id = await operated.startExecution({ ...start(nodes), projectId });
        const { type, data } = (await new Watch(operated.url, pathOf(id)).done()).frames.at(-1)!;
        return type === 'execution:failed' ? data['code'] : type;
      };
      const ask = [node('a', 'agent', { model: 'local/m', prompt: 'Hi' })];
      const use = [agent('a', {}, { mcp: [{ server: 'docs' }] })];
      for (const nodes of [ask, use]) {
        expect(await end('demo', nodes)).toBe('execution:completed');
        expect(await end('none', nodes)).toBe('missing_value');
        expect(await end('narrow', nodes)).toBe('secret_not_allowed');
      }
      expect(models.requests.map(({ headers }) => [headers['authorization'], headers['x-team']])).toEqual([
        ['Bearer operated-1', 'a operated-1'],
      ]);
      expect(new Set(mcp.requests.map((headers) => headers['authorization']))).toEqual(
        new Set(['Bearer operated-1']),
      );
    } finally {
      await operated.kill('SIGTERM');
      await Promise.all([models.close(), mcp.close()]);
    }
  });

  it('warns about credentials in the clear, and only about those', async () => {
    const url = 'https://a.example/';
    const tool = {
      name: 't',
      description: 'T.',
      inputSchema: { type: 'object' },
      http: { url, headers: { 'X-API-Key': 'k-1' } },
    };
    const nodes = [
      node('h', 'http', {
        url,
        headers: { Authorization: 'Bearer abc', 'content-type': 'text/plain', 'idempotency-key': '1' },
      }),
      agent('a', {}, { tools: [tool], mcp: [{ url, headers: { cookie: 'sid=1' } }] }),
      node('w', 'workflow', {
        workflow: { nodes: [node('h', 'http', { url, headers: { 'x-auth-token': 'abc' } })], edges: [] },
      }),
      node('ok', 'http', { url, headers: { authorization: 'Bearer {{input.token?}}', cookie: '' } }),
    ];
    const { status, body } = await server.call('POST', '/api/executions', start(nodes));
    expect(status).toBe(202);
    const warnings = body['warnings'] as { path: string; code: string; message: string }[];
    expect(warnings.map(({ path }) => path)).toEqual([
      'workflow.nodes.0.data.config.headers.Authorization',
      'workflow.nodes.1.data.config.tools.0.http.headers.X-API-Key',
      'workflow.nodes.1.data.config.mcp.0.headers.cookie',
      'workflow.nodes.2.data.config.workflow.nodes.0.data.config.headers.x-auth-token',
    ]);
    for (const { code, message } of warnings) {
      expect(code).toBe('clear_credential');
      expect(message).not.toContain('abc');
    }
    const without = await server.call('POST', '/api/executions', start([node('d', 'delay', { ms: 1 })]));
    expect(without.body).not.toHaveProperty('warnings');
  });

  describe('keys', () => {
    const rotate = (keys: string, url = database) =>
      run(process.execPath, ['dist/cli/main.js', 'secrets', 'rotate', '--json'], {
        env: { PATH: process.env['PATH'], DATABASE_URL: url, SECRETS_KEY: keys },
      }).then(
        ({ stdout }) => JSON.parse(stdout) as Record<string, unknown>,
        (error: { code: number; stderr: string }) => ({ exit: error.code, stderr: error.stderr }),
      );

    it('are replaced while a server runs, and a restored backup needs only the new one', async () => {
      await set('ROTATED', 'a value that is rotated');
      await set('ROTATED', 'the value that is in force');
      const second = keyOf('second');
      expect(await rotate(second)).toMatchObject({
        exit: 1,
        stderr: expect.stringContaining('no key with the id first') as string,
      });
      const count = Number(
        (await pool.query('SELECT count(*) FROM cloutagent.secret_versions')).rows[0].count,
      );
      // Twice at once: each row is encrypted once, and neither fails.
      const results = await Promise.all([rotate(`${second},${firstKeys}`), rotate(`${second},${firstKeys}`)]);
      const sum = results.reduce((total, each) => total + (each as { reencrypted: number }).reencrypted, 0);
      expect(sum).toBe(count);
      expect(await rotate(`${second},${firstKeys}`)).toEqual({
        keyId: 'second',
        reencrypted: 0,
        unchanged: count,
        failed: [],
      });

      const restored = await copyOf(database, ['secrets', 'secret_versions', 'variables']);
      const other = await Server.start({ ...settings(second), DATABASE_URL: restored });
      try {
        const nodes = [
          node('h', 'http', { url: upstream.url, headers: { 'x-token': '{{secrets.ROTATED}}' } }),
        ];
        const id = await other.startExecution(start(nodes));
        await new Watch(other.url, pathOf(id)).done();
        expect(upstream.requests.at(-1)!.headers['x-token']).toBe('the value that is in force');
        expect(other.output()).not.toContain('cannot be decrypted');
      } finally {
        await other.kill('SIGTERM');
      }
    });

    it('that are lost harm no value of another key: neither in a rotation, nor in executions that have used both', async () => {
      const [lost, kept, fresh] = [keyOf('lost'), keyOf('kept'), keyOf('fresh')];
      const url = await createDatabase();
      const startWith = (keys: string) => Server.start({ ...settings(keys), DATABASE_URL: url });
      const waiting = (name: string) =>
        start(
          [
            node('h', 'http', { url: upstream.url, headers: { 'x-token': `{{secrets.${name}}}` } }),
            node('w', 'wait', { signal: 'go' }),
          ],
          [['h', 'w']],
        );
      const untilWaiting = async (of: Server, id: string) => {
        const watch = await new Watch(of.url, pathOf(id)).until(({ frames }) =>
          frames.some(({ type }) => type === 'execution:waiting'),
        );
        watch.close();
      };
      let other = await startWith(lost);
      await other.call('PUT', '/api/secrets/demo/LOST', { value: 'the lost value 1' });
      const losing = await other.startExecution(waiting('LOST'));
      await untilWaiting(other, losing);
      await other.kill('SIGTERM');
      other = await startWith(kept);
      try {
        await other.call('PUT', '/api/secrets/demo/KEPT', { value: 'the kept value 2' });
        const keeping = await other.startExecution(waiting('KEPT'));
        await untilWaiting(other, keeping);
        expect(await rotate(fresh, url)).toMatchObject({ exit: 1 });
        // The kept value is encrypted again, although the lost one comes before or after it.
        const result = await rotate(`${fresh},${kept}`, url);
        expect(result).toMatchObject({
          exit: 1,
          stderr: expect.stringMatching(/1 values? cannot be decrypted.*no key with the id lost/) as string,
        });
        await other.kill('SIGTERM');
        other = await startWith(fresh);
        expect(other.output()).toContain('no key with the id lost');
        // Both at once: one read of the database has the versions of both.
        const signals = await Promise.all(
          [losing, keeping].map((id) =>
            other.call('POST', `/api/executions/${id}/signals/go`, { text: 'the kept value 2' }),
          ),
        );
        expect(signals.map(({ status, body }) => [status, body.code])).toEqual([
          [503, 'secrets_unavailable'],
          [202, undefined],
        ]);
        const { frames } = await new Watch(other.url, pathOf(keeping)).done();
        expect(frames.at(-1)!.type).toBe('execution:completed');
        expect(JSON.stringify(frames)).toContain('[redacted]');
        expect(JSON.stringify(frames)).not.toContain('the kept value 2');
        // What cannot be redacted any more can be ended, and its reason is left out.
        const cancelled = await other.call('POST', `/api/executions/${losing}/cancel`, {
          reason: 'because of the lost value 1',
        });
        expect([cancelled.status, cancelled.body.status]).toEqual([202, 'cancelled']);
        const end = (await new Watch(other.url, pathOf(losing)).done()).frames.at(-1)!;
        expect([end.type, end.data['reason']]).toEqual(['execution:cancelled', '[redacted]']);
        // Setting the secret again mends it.
        await other.call('PUT', '/api/secrets/demo/LOST', { value: 'the new value 3' });
        const again = await other.startExecution(waiting('LOST'));
        await untilWaiting(other, again);
      } finally {
        await other.kill('SIGTERM');
      }
    });

    it('that are missing are reported at the start, and fail the node', async () => {
      const other = await Server.start({ ...settings(keyOf('third')) });
      try {
        expect(other.output()).toContain('SECRETS_KEY has no key with the id second');
        const nodes = [
          node('h', 'http', { url: upstream.url, headers: { 'x-token': '{{secrets.ROTATED}}' } }),
        ];
        // The key of the first server does not decrypt these any more either.
        const id = await other.startExecution(start(nodes));
        const { frames } = await new Watch(other.url, pathOf(id)).done();
        expect([frames.at(-1)!.type, frames.at(-1)!.data['code']]).toEqual([
          'execution:failed',
          'secrets_unavailable',
        ]);
      } finally {
        await other.kill('SIGTERM');
      }
    });

    it('are needed: without one the routes of secrets answer 503, and those of variables work', async () => {
      const { SECRETS_KEY: _none, ...without } = settings('');
      const plain = await Server.start({ ...without, DATABASE_URL: await createDatabase() });
      try {
        for (const [method, path, body] of [
          ['GET', '/api/secrets?projectId=demo'],
          ['GET', '/api/secrets/demo/A'],
          ['PUT', '/api/secrets/demo/A', { value: 'a-good-value' }],
          ['DELETE', '/api/secrets/demo/A'],
        ] as const) {
          const answer = await plain.call(method, path, body);
          expect([answer.status, answer.body.code]).toEqual([503, 'secrets_unavailable']);
        }
        expect((await plain.call('PUT', '/api/variables/demo/A', { value: 1 })).status).toBe(200);
        expect(plain.output()).not.toContain('SECRETS_KEY');
      } finally {
        await plain.kill('SIGTERM');
      }
    });
  });

  it('deletes replaced values that no execution has used, an hour later', async () => {
    const names = async (): Promise<string[]> =>
      (
        await pool.query<{ name: string }>(
          "SELECT name FROM cloutagent.secret_versions WHERE name LIKE 'SWEPT%' ORDER BY name, replaced_at",
        )
      ).rows.map(({ name }) => name);
    const { rows } = await pool.query<{ id: string }>(
      `INSERT INTO cloutagent.secret_versions (id, project_id, name, key_id, sealed, replaced_at) VALUES
         (gen_random_uuid(), 'demo', 'SWEPT_USED', 'k', '', now() - interval '2 hours'),
         (gen_random_uuid(), 'demo', 'SWEPT_OLD', 'k', '', now() - interval '2 hours'),
         (gen_random_uuid(), 'demo', 'SWEPT_NEW', 'k', '', now() - interval '10 minutes'),
         (gen_random_uuid(), 'demo', 'SWEPT_IN_FORCE', 'k', '', NULL) RETURNING id`,
    );
    const id = await server.startExecution(start([node('d', 'delay', { ms: 1 })]));
    await ended(id);
    await pool.query('UPDATE cloutagent.executions SET secret_versions = ARRAY[$2::uuid] WHERE id = $1', [
      id,
      rows[0]!.id,
    ]);
    const sweeper = await Server.start(settings(firstKeys));
    try {
      for (let left = await names(); left.length === 4; left = await names());
      expect(await names()).toEqual(['SWEPT_IN_FORCE', 'SWEPT_NEW', 'SWEPT_USED']);
    } finally {
      await sweeper.kill('SIGTERM');
    }
  });
});

/** Copies tables into a new database, as a restored backup has them. */
async function copyOf(url: string, tables: readonly string[]): Promise<string> {
  const target = await createDatabase();
  const [from, to] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: target })];
  await Promise.all([from.connect(), to.connect()]);
  for (const table of tables) {
    const { rows } = await from.query<{ row: string }>(`SELECT t::text AS row FROM cloutagent.${table} AS t`);
    for (const { row } of rows)
      await to.query(`INSERT INTO cloutagent.${table} SELECT ($1::text::cloutagent.${table}).*`, [row]);
  }
  await Promise.all([from.end(), to.end()]);
  return target;
}
