import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { start, Watch } from './support/watch.js';

const transform = (id: string, expression: string) => ({
  id,
  type: 'transform',
  data: { config: { expression } },
});
const node = (id: string, type: string, config: object) => ({ id, type, data: { config } });

describe('placeholders', () => {
  let upstream: FakeHttpServer;
  let server: Server;
  beforeAll(async () => {
    upstream = await startFakeHttpServer((_request, response) => response.end('ok'));
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: `127.0.0.1:${upstream.port}`,
      RETRY_BASE_MS: '1',
      PUBLIC_URL: 'https://agents.example.com',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await upstream.close();
  });

  const end = async (body: object) => {
    const id = await server.startExecution(body);
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`).done();
    return { ...watch.frames.at(-1)!, id };
  };
  /** Runs one http node and returns what the HTTP server received. */
  const request = async (
    config: object,
    input: unknown,
    more: { nodes?: object[]; edges?: [string, string][] } = {},
  ) => {
    const { nodes = [], edges = [] } = more;
    const { id, type, data } = await end(start([...nodes, node('h', 'http', config)], edges, { input }));
    expect({ type, error: data.error }).toEqual({ type: 'execution:completed', error: undefined });
    return { id, ...upstream.requests.at(-1)! };
  };
  const errorsOf = async (body: object) => {
    const { status, body: answer } = await server.call('POST', '/api/executions', body);
    expect(status).toBe(400);
    return { code: answer.code, errors: answer.errors as { path: string; message: string }[] };
  };

  it('fill paths of outputs and of the input into the parts of a request', async () => {
    const nasty = 'a/b?c#d%e & "ü"\n{{input.id}}';
    const received = await request(
      {
        method: 'POST',
        url: `http://127.0.0.1:${upstream.port}/items/{{input.id}}?q={{input.id}}`,
        headers: {
          'x-title': '{{nodes.t.1.output.title}}',
          'x-gone': '{{input.gone?}}',
          'x-run': '{{execution.projectId}}',
        },
        body: {
          whole: '{{nodes["t.1"].output}}',
          first: '{{nodes.t.1.output.items[0].n}}',
          text: 'id: {{input.id}}',
          foreign: '{{ user.name }} \\{{input}}',
          left: '{{input.gone?}}',
        },
      },
      { id: nasty },
      { nodes: [transform('t.1', '{ "title": "X", "items": [{ "n": 7 }] }')], edges: [['t.1', 'h']] },
    );
    expect(new URL(received.path, 'http://h').pathname).toBe(`/items/${encodeURIComponent(nasty)}`);
    expect(received.path.split('?q=')[1]).toBe(encodeURIComponent(nasty));
    expect(received.headers).toMatchObject({
      'x-title': 'X',
      'x-run': 'demo',
      'content-type': 'application/json',
    });
    expect(received.headers).not.toHaveProperty('x-gone');
    expect(JSON.parse(received.body)).toEqual({
      whole: { title: 'X', items: [{ n: 7 }] },
      first: 7,
      text: `id: ${nasty}`,
      foreign: '{{ user.name }} {{input}}',
    });
  });

  it('escape values in a body that is JSON text', async () => {
    const name = '"}, \\ \n {{input}}';
    const received = await request(
      {
        method: 'POST',
        url: '{{input.base}}/x',
        headers: { 'content-type': 'application/json' },
        body: '{"name": "<{{input.name}}>", "list": {{input.list}}}',
      },
      { base: upstream.url, name, list: [1, null] },
    );
    expect(received.path).toBe('/x');
    expect(JSON.parse(received.body)).toEqual({ name: `<${name}>`, list: [1, null] });
  });

  it('name the execution', async () => {
    const received = await request({ method: 'PUT', url: upstream.url, body: '{{execution.id}}' }, null);
    expect(received.body).toBe(received.id);
  });

  it('give numbers and lists to fields that take no text', async () => {
    const nodes = [
      node('d', 'delay', { ms: '{{input.ms}}' }),
      node('h', 'http', {
        url: upstream.url,
        timeoutMs: '{{input.none?}}',
        expectStatus: '{{input.statuses}}',
      }),
    ];
    expect(await end(start(nodes, [], { input: { ms: 1, statuses: [200, 201] } }))).toMatchObject({
      type: 'execution:completed',
    });
    const wrong = await end(start(nodes, [], { input: { ms: 'soon', statuses: [200] } }));
    expect(wrong.data).toMatchObject({ code: 'invalid_config', nodeId: 'd' });
    expect(wrong.data.error).toContain('ms: ');
  });

  it.each([
    [{ ms: '{{input.delay.ms}}' }, { delay: {} }, 'd', 'missing_value', 'input.delay has no member "ms"'],
    [{ ms: '{{input.titel}}' }, { title: 1 }, 'd', 'missing_value', 'did you mean "title"'],
    [{ ms: '{{input.ms?}}' }, {}, 'd', 'invalid_config', ': it needs either ms or until'],
  ])('fail when a value is missing: %j with %j', async (config, input, nodeId, code, message) => {
    const { data } = await end(start([node('d', 'delay', config)], [], { input }));
    expect(data).toMatchObject({ code, nodeId });
    expect(data.error).toContain(message);
  });

  it('give the error of a failed node whose error edge is taken, and nothing of a skipped one', async () => {
    const nodes = [
      transform('bad', '$error("it broke")'),
      transform('good', '1'),
      node('h', 'http', {
        method: 'POST',
        url: upstream.url,
        body: {
          code: '{{nodes.bad.error.code}}',
          text: 'because: {{nodes.bad.error.message}}',
          skipped: '{{nodes.good.output?}}',
          none: '[{{nodes.good.output?}}{{nodes.good.error?}}]',
        },
      }),
    ];
    const workflow = {
      nodes,
      edges: [
        { source: 'bad', target: 'good' },
        { source: 'bad', target: 'h', on: 'error' },
        { source: 'good', target: 'h' },
      ],
    };
    expect(await end({ projectId: 'demo', input: null, workflow })).toMatchObject({
      type: 'execution:completed',
    });
    expect(JSON.parse(upstream.requests.at(-1)!.body)).toEqual({
      code: 'transform_failed',
      text: expect.stringContaining('it broke') as string,
      none: '[]',
    });
    const needed = node('h', 'http', { method: 'POST', url: upstream.url, body: '{{nodes.good.output}}' });
    const failed = await end({
      projectId: 'demo',
      workflow: { ...workflow, nodes: [...nodes.slice(0, 2), needed] },
    });
    expect(failed.data).toMatchObject({ code: 'missing_value', nodeId: 'h' });
    expect(failed.data.error).toContain('node "good" has no output, because it was skipped');
  });

  it('give a callback address before its node waits', async () => {
    const nodes = [
      node('h', 'http', {
        method: 'POST',
        url: upstream.url,
        body: { callback: '{{nodes.paid.callbackUrl}}' },
      }),
      node('paid', 'wait', { signal: 'paid' }),
      transform('result', 'nodes.paid.output.amount'),
    ];
    const id = await server.startExecution(
      start(nodes, [
        ['h', 'paid'],
        ['paid', 'result'],
      ]),
    );
    const watch = new Watch(server.url, `/api/executions/${id}/stream`);
    await watch.until(({ frames }) => frames.some(({ type }) => type === 'execution:waiting'));
    const { callback } = JSON.parse(upstream.requests.at(-1)!.body) as { callback: string };
    expect(callback).toMatch(/^https:\/\/agents\.example\.com\//);
    const answer = await fetch(new URL(new URL(callback).pathname, server.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"amount":12}',
    });
    expect(answer.ok).toBe(true);
    await watch.done();
    expect(watch.frames.at(-1)!.data.result).toMatchObject({ status: 'completed', output: 12 });
    expect(JSON.stringify(watch.frames)).not.toContain(callback);
  });

  it('may not lead to a host or a path that the URL does not name', async () => {
    const count = upstream.requests.length;
    const failures = await Promise.all([
      end(start([node('h', 'http', { url: '{{input}}' })], [], { input: 'http://127.0.0.2:1/' })),
      end(
        start([node('h', 'http', { url: 'http://{{input}}/' })], [], {
          input: `127.0.0.1:${upstream.port}@evil.example`,
        }),
      ),
      end(start([node('h', 'http', { url: `${upstream.url}/a/{{input}}/b` })], [], { input: '..' })),
      end(
        start([node('h', 'http', { url: upstream.url, headers: { x: '{{input}}' } })], [], {
          input: 'a\r\nb: c',
        }),
      ),
    ]);
    expect(failures.map(({ data }) => data.code)).toEqual([
      'host_not_allowed',
      'invalid_config',
      'invalid_config',
      'invalid_config',
    ]);
    expect(upstream.requests).toHaveLength(count);
  });

  const agent = (prompt: string) => node('a', 'agent', { model: 'demo/echo', prompt });
  it.each([
    ['{{nodes.nobody.output.x}}', 'there is no node "nobody"'],
    ['{{nodes.befor.output}}', 'did you mean "before"?'],
    ['{{nodes.after.output}}', 'does not come before this node'],
    ['{{nodes.a.output}}', 'does not come before this node'],
    ['{{nodes.before.outputs}}', 'Did you mean .output?'],
    ['{{nodes.before}}', 'write .output'],
    ['{{nodes.before.error.stack}}', 'error has only message and code'],
    ['{{nodes.before.callbackUrl}}', 'only a node of the type wait has one'],
    ['{{execution.foo}}', 'execution has only id and projectId'],
    ['{{execution.id.x}}', 'execution.id is text'],
    ['{{input.items[}}', 'no valid path'],
    ['{{input.items[x]}}', 'no valid path'],
    ['{{input.name | upper}}', 'no valid path'],
    ['{{input.name', 'close it with }}'],
    ['{{nodes}}', 'does not name a node'],
  ])('that cannot exist are refused when posted: %s', async (placeholder, message) => {
    const nodes = [transform('before', '1'), agent(`Write about ${placeholder}.`), transform('after', '1')];
    const { code, errors } = await errorsOf(
      start(nodes, [
        ['before', 'a'],
        ['a', 'after'],
      ]),
    );
    expect(code).toBe('validation_failed');
    expect(errors).toEqual([
      { path: 'workflow.nodes.1.data.config.prompt', message: expect.stringContaining(message) as string },
    ]);
  });

  it('hide no other problem of a config', async () => {
    const config = {
      url: 'ftp://{{input}}',
      method: '{{input.method}}',
      timeoutMs: '{{input.ms}}',
      retryUnsafe: 3,
      what: 1,
    };
    const { errors } = await errorsOf(start([node('h', 'http', config)]));
    expect(errors.map(({ path }) => path.split('.').at(-1))).toEqual(['retryUnsafe', 'what']);
  });

  it('keep the checks that do not depend on their values', async () => {
    const config = { model: 'none/such', prompt: '{{input}}', temperature: '{{input.t}}' };
    const { errors } = await errorsOf(start([node('a', 'agent', config)]));
    expect(errors.map(({ path }) => path)).toEqual(['workflow.nodes.0.data.config.model']);
  });

  it('leave the texts of other template languages alone', async () => {
    const prompt = '{{ user.name }} {{#if x}}{{inputs}}{{/if}} \\{{input}}';
    const { data } = await end(start([node('q', 'approval', { message: 'x' }), agent(prompt)].slice(1)));
    expect(data.result.output).toContain('{{ user.name }} {{#if x}}{{inputs}}{{/if}} {{input}}');
  });
});
