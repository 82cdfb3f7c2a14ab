import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import { join } from 'node:path';
import { type AddressInfo, connect } from 'node:net';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { openAIFrames } from './support/fake-openai.js';
import { createDatabase, Server } from './support/server.js';
import { agent, start, Watch } from './support/watch.js';

const TLS = (file: string): Buffer => readFileSync(join(import.meta.dirname, 'support/tls', file));
const KEY = 'key-of-the-provider-0123456789';

/** Frames of OpenAI's Responses API (https://platform.openai.com/docs/api-reference/responses-streaming). */
function responsesFrames(hasResult: boolean): string {
  const usage = {
    input_tokens: 10,
    input_tokens_details: { cached_tokens: 4 },
    output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 2 },
    total_tokens: 15,
  };
  const send = (type: string, fields: object, sequence_number: number) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number, ...fields })}\n\n`;
  const response = { id: 'resp_1', object: 'response', created_at: 1, model: 'm', output: [] };
  const head =
    send('response.created', { response: { ...response, status: 'in_progress' } }, 0) +
    send('response.in_progress', { response: { ...response, status: 'in_progress' } }, 1);
  const tail = send(
    'response.completed',
    { response: { ...response, status: 'completed', usage, incomplete_details: null } },
    9,
  );
  if (hasResult) {
    const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    const place = { item_id: 'msg_1', output_index: 0, content_index: 0 };
    return (
      head +
      send('response.output_item.added', { output_index: 0, item }, 2) +
      send('response.output_text.delta', { ...place, delta: 'It is ', logprobs: [] }, 3) +
      send('response.output_text.delta', { ...place, delta: 'sunny.', logprobs: [] }, 4) +
      send('response.output_item.done', { output_index: 0, item: { ...item, status: 'completed' } }, 5) +
      tail
    );
  }
  const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'weather' };
  const args = '{"city":"Oslo"}';
  return (
    head +
    send(
      'response.output_item.added',
      { output_index: 0, item: { ...call, arguments: '', status: 'in_progress' } },
      2,
    ) +
    send('response.function_call_arguments.delta', { item_id: 'fc_1', output_index: 0, delta: args }, 3) +
    send('response.function_call_arguments.done', { item_id: 'fc_1', output_index: 0, arguments: args }, 4) +
    send(
      'response.output_item.done',
      { output_index: 0, item: { ...call, arguments: args, status: 'completed' } },
      5,
    ) +
    tail
  );
}

/** Frames of the Gemini API (https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent). */
function googleFrames(hasResult: boolean): string {
  const usageMetadata = {
    promptTokenCount: 10,
    cachedContentTokenCount: 4,
    candidatesTokenCount: 3,
    thoughtsTokenCount: 2,
    totalTokenCount: 15,
  };
  const chunk = (parts: object[], more: object = {}, end: object = {}) =>
    `data: ${JSON.stringify({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...end }], ...more })}\n\n`;
  const end = { finishReason: 'STOP' };
  return hasResult
    ? chunk([{ text: 'It is ' }]) + chunk([{ text: 'sunny.' }], { usageMetadata }, end)
    : chunk(
        [
          {
            functionCall: { name: 'weather', args: { city: 'Oslo' } },
            thoughtSignature: 'c2lnbmF0dXJlIG9mIHRoZSB0aG91Z2h0',
          },
        ],
        { usageMetadata },
        end,
      );
}

/** Frames of chat completions, for Mistral and for endpoints. */
const chatFrames = (hasResult: boolean): string =>
  openAIFrames(
    {
      ...(hasResult
        ? { text: ['It is ', 'sunny.'] }
        : { toolCalls: [{ id: 'call1234', name: 'weather', args: { city: 'Oslo' } }] }),
      usage: { input: 10, output: 5 },
    },
    'm',
  ).join('');

describe('Providers of models', () => {
  let provider: FakeHttpServer;
  let server: Server;
  let settings: Record<string, string>;
  /** Answers instead of the fake provider. */
  let failure: { status: number; body: string } | undefined;
  /** Whether the fake provider only keeps the connection open. */
  let isSlow = false;

  beforeAll(async () => {
    provider = await startFakeHttpServer(({ path, body }, response) => {
      if (path.startsWith('/tool')) return response.end('{"sky":"blue"}');
      if (isSlow) {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const comments = setInterval(() => response.write(': still there\n\n'), 20);
        return response.on('close', () => clearInterval(comments));
      }
      if (failure) return response.writeHead(failure.status).end(failure.body);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const hasResult = body.includes('blue');
      if (path.includes('/responses')) return response.end(responsesFrames(hasResult));
      if (path.includes(':streamGenerateContent')) return response.end(googleFrames(hasResult));
      return response.end(chatFrames(hasResult));
    });
    settings = {
      DATABASE_URL: await createDatabase(),
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: `${provider.url}/openai/v1`,
      GOOGLE_API_KEY: KEY,
      GOOGLE_BASE_URL: `${provider.url}/google/v1beta`,
      MISTRAL_API_KEY: KEY,
      MISTRAL_BASE_URL: `${provider.url}/mistral/v1`,
      MODEL_ENDPOINTS: JSON.stringify({
        box: {
          baseUrl: `${provider.url}/box/v1`,
          apiKey: KEY,
          headers: { 'x-team': 'team-secret-1' },
          prices: { 'a/b': { input: 1, output: 2 } },
        },
      }),
    };
    server = await Server.start(settings);
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await provider.close();
  });
  beforeEach(() => {
    provider.requests.splice(0);
    failure = undefined;
    isSlow = false;
  });

  const ask = async (model: string, to = server): Promise<Watch> => {
    const weather = {
      name: 'weather',
      description: 'The weather in a city.',
      inputSchema: { type: 'object', properties: { city: { type: 'string' } } },
      http: { url: `${provider.url}/tool` },
    };
    const config = { model, prompt: 'How is the weather?', providerOptions: {}, tools: [weather] };
    const id = await to.startExecution(start([agent('a', {}, config)], [], { options: { maxRetries: 0 } }));
    return new Watch(to.url, `/api/executions/${id}/stream`).done();
  };
  const modelRequests = () => provider.requests.filter(({ path }) => !path.startsWith('/tool'));

  it.each<[string, string, object]>([
    [
      'openai/gpt-5',
      '/openai/v1/responses',
      { cached: { read: 4, written: 0 }, reasoning: 2, finishReason: 'stop' },
    ],
    [
      'google/gemini-3-pro',
      '/google/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse',
      { cached: { read: 4, written: 0 }, reasoning: 2, finishReason: 'stop' },
    ],
    ['mistral/mistral-large-latest', '/mistral/v1/chat/completions', { finishReason: 'stop' }],
    ['box/a/b', '/box/v1/chat/completions', { finishReason: 'stop' }],
  ])('%s calls a tool and answers with its result', async (model, path, call) => {
    const watch = await ask(model);
    expect(watch.frames.at(-1)!.data).toMatchObject({ result: { output: 'It is sunny.' } });
    const tool = provider.requests.filter((request) => request.path.startsWith('/tool'));
    expect(tool.map(({ body }) => body)).toEqual(['{"city":"Oslo"}']);
    expect(modelRequests().map((request) => request.path)).toEqual([path, path]);
    const usage = watch.frames.filter(({ type }) => type === 'execution:token-usage');
    expect(usage.map(({ data }) => data['call'])).toEqual([
      expect.objectContaining({ finishReason: 'tool-calls' }),
      { input: 10, output: 5, ...call },
    ]);
    expect(watch.frames.at(-1)!.data).toMatchObject({
      result: { tokenUsage: { total: 30 }, costUSD: model === 'box/a/b' ? 0.00004 : null },
    });
  });

  it('sends the signature of a thought back to Google', async () => {
    await ask('google/gemini-3-pro');
    expect(modelRequests()[1]!.body).toContain('c2lnbmF0dXJlIG9mIHRoZSB0aG91Z2h0');
  });

  it('sends the headers of an endpoint, and shows none of its secrets', async () => {
    failure = { status: 403, body: JSON.stringify({ error: { message: `no: ${KEY} of team-secret-1` } }) };
    const watch = await ask('box/a/b');
    expect(provider.requests[0]!.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      'x-team': 'team-secret-1',
    });
    const { error } = watch.frames.at(-1)!.data as { error: string };
    expect(error).toContain('no: [redacted] of [redacted]');
    expect(watch.frames.at(-1)!.data).toMatchObject({ code: 'model_auth_failed' });
  });

  it.each(['openai', 'google', 'mistral', 'anthropic'])(
    'refuses %s models without a key',
    async (name) => {
      const bare = await Server.start({ DATABASE_URL: settings['DATABASE_URL']! });
      const posted = start([agent('a', {}, { model: `${name}/x`, providerOptions: {} })]);
      const { status, body } = await bare.call('POST', '/api/executions', posted);
      await bare.kill('SIGTERM');
      expect([status, body.errors?.[0]?.message]).toEqual([
        400,
        expect.stringContaining(`set ${name.toUpperCase()}_API_KEY`),
      ]);
    },
    60_000,
  );

  it('loads the package of a provider when one of its models is called', async () => {
    const hook = join(import.meta.dirname, 'support/list-packages.mjs');
    const lazy = await Server.start(
      // Another process on the same database could run the execution.
      { ...settings, ANTHROPIC_API_KEY: KEY, DATABASE_URL: await createDatabase() },
      [process.execPath, '--import', hook, 'dist/main.js'],
    );
    const loaded = () =>
      [...lazy.output().matchAll(/^loads @ai-sdk\/(.*)$/gm)]
        .map(([, name]) => name)
        .filter((name) => !['provider', 'provider-utils', 'gateway'].includes(name!));
    const found = [loaded()];
    for (const model of ['demo/echo', 'mistral/mistral-large-latest', 'box/a/b', 'google/gemini-3-pro']) {
      await ask(model, lazy);
      found.push(loaded());
    }
    await lazy.kill('SIGTERM');
    expect(found).toEqual([
      [],
      [],
      ['mistral'],
      ['mistral', 'openai-compatible'],
      ['mistral', 'openai-compatible', 'google'],
    ]);
  });

  it('ends a call that takes longer than totalMs of its endpoint', async () => {
    const limited = await Server.start({
      ...settings,
      DATABASE_URL: await createDatabase(),
      MODEL_TIMEOUTS: '{"box":{"totalMs":300}}',
    });
    isSlow = true;
    const watch = await ask('box/a/b', limited);
    await limited.kill('SIGTERM');
    expect(watch.frames.at(-1)!.data).toMatchObject({
      code: 'model_timeout',
      error: expect.stringContaining('300 ms (totalMs in MODEL_TIMEOUTS)') as string,
    });
  });

  it.each([
    [
      { MODEL_ENDPOINTS: '{"openai":{"baseUrl":"http://127.0.0.1:1/v1","apiKey":"key-of-openai"}}' },
      'rename the endpoint',
    ],
    [
      { MODEL_ENDPOINTS: '{"x":{"baseUrl":"127.0.0.1","apiKey":"key-of-openai"}}' },
      'x.baseUrl must be a URL',
    ],
  ])('does not start with %j, and shows no key', async (wrong, text) => {
    const failed: unknown = await Server.start({ ...settings, ...wrong }).catch((error: unknown) => error);
    expect(String(failed)).toContain(text);
    expect(String(failed)).not.toContain('key-of-openai');
  });

  describe('behind a proxy', () => {
    let proxy: HttpServer;
    let encrypted: HttpsServer;
    /** The credentials of each request to the proxy. */
    const credentials: (string | undefined)[] = [];
    /** What the proxy was asked to connect to. */
    const tunnels: string[] = [];
    beforeAll(async () => {
      const forward = (request: IncomingMessage, response: ServerResponse): void => {
        const { pathname, search } = new URL(request.url!, 'http://provider.example');
        const { port } = new URL(provider.url);
        const options = { port, path: pathname + search, method: request.method, headers: request.headers };
        const onward = httpRequest(options, (answer) => {
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        });
        request.pipe(onward);
      };
      encrypted = createHttpsServer({ key: TLS('server.key.pem'), cert: TLS('server.pem') }, forward);
      encrypted.listen(0, '127.0.0.1');
      await once(encrypted, 'listening');
      // A proxy for which every host is the fake provider.
      proxy = createServer((request, response) => {
        credentials.push(request.headers['proxy-authorization']);
        forward(request, response);
      });
      proxy.on('connect', (request, socket) => {
        credentials.push(request.headers['proxy-authorization']);
        tunnels.push(request.url!);
        if (request.url!.startsWith('refused.')) return socket.end('HTTP/1.1 407 No\r\n\r\n');
        const target = request.url!.endsWith(':443') ? encrypted : proxy;
        const onward = connect((target.address() as AddressInfo).port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
          onward.pipe(socket).pipe(onward);
        });
        return socket.on('error', () => onward.destroy());
      });
      proxy.listen(0, '127.0.0.1');
      await once(proxy, 'listening');
    });
    afterAll(async () => {
      for (const each of [proxy, encrypted]) {
        each.closeAllConnections();
        each.close();
        await once(each, 'close');
      }
    });

    it.each([
      ['HTTP_PROXY', 'http', '', true],
      ['http_proxy', 'http', '', true],
      ['HTTPS_PROXY', 'https', '', true],
      ['HTTP_PROXY', 'http', 'provider.example', false],
    ])(
      '%s is used for %s:// addresses, unless NO_PROXY has the host (%j)',
      async (name, scheme, noProxy, isUsed) => {
        const port = (proxy.address() as AddressInfo).port;
        const behind = await Server.start({
          ...settings,
          // Another process on the same database could run the execution.
          DATABASE_URL: await createDatabase(),
          OPENAI_BASE_URL: `${scheme}://provider.example/openai/v1`,
          // The certificate of the provider is of a private authority.
          NODE_EXTRA_CA_CERTS: join(import.meta.dirname, 'support/tls/ca.pem'),
          [name]: `http://user:password-of-proxy@127.0.0.1:${port}`,
          NO_PROXY: noProxy,
        });
        const count = credentials.length;
        const watch = await ask('openai/gpt-5', behind);
        await behind.kill('SIGTERM');
        expect(watch.frames.at(-1)!.type).toBe(isUsed ? 'execution:completed' : 'execution:failed');
        const sent = `Basic ${Buffer.from('user:password-of-proxy').toString('base64')}`;
        expect(new Set(credentials.slice(count))).toEqual(new Set(isUsed ? [sent] : []));
      },
    );

    it.each<[string, Record<string, string>, string]>([
      ['refuses', { OPENAI_BASE_URL: 'https://refused.example/v1' }, 'refused.example (status 407)'],
      ['leads to an unknown authority', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ])('a call fails once the proxy %s', async (_what, more, text) => {
      const behind = await Server.start({
        ...settings,
        DATABASE_URL: await createDatabase(),
        OPENAI_BASE_URL: 'https://provider.example/openai/v1',
        HTTPS_PROXY: `http://user:password-of-proxy@127.0.0.1:${(proxy.address() as AddressInfo).port}`,
        ...more,
      });
      const watch = await ask('openai/gpt-5', behind);
      await behind.kill('SIGTERM');
      expect(watch.frames.at(-1)!.data).toMatchObject({
        code: 'model_unavailable',
        error: expect.stringContaining(text) as string,
      });
      expect(behind.output() + watch.frames.map(({ data }) => JSON.stringify(data)).join('')).not.toContain(
        'password-of-proxy',
      );
    });

    it('a tool is called through it, at the checked address', async () => {
      const behind = await Server.start({
        ...settings,
        DATABASE_URL: await createDatabase(),
        HTTP_ALLOWED_HOSTS: '127.0.0.1,192.0.2.0/24',
        HTTP_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      });
      const weather = { type: 'http', data: { config: { url: 'http://192.0.2.7/tool' } } };
      const id = await behind.startExecution(start([{ id: 'a', ...weather }]));
      const watch = await new Watch(behind.url, `/api/executions/${id}/stream`).done();
      await behind.kill('SIGTERM');
      expect(watch.frames.at(-1)!.data).toMatchObject({ result: { output: { status: 200 } } });
      expect(provider.requests.at(-1)!.headers.host).toBe('192.0.2.7');
      expect(tunnels.at(-1)).toBe('192.0.2.7:80');
    });
  });
});
