import type { TestingModule } from '@nestjs/testing';
import { type FakeHttpServer, startFakeHttpServer } from '../support/fake-http-server.js';
import { testRun } from '../support/node-run.js';
import { nodeTypes } from '../support/node-types.js';
import { NodeError, TransientError } from '../../src/engine/extension/node-handler.js';
import { AgentNode } from '../../src/engine/agents/agent.node.js';

const KEY = 'test-key-that-must-not-leak';
const JSON_TYPE = 'application/json';
const SSE = 'text/event-stream';
const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const HELLO = `${chunk({ content: 'Hello' })}${chunk({}, 'stop')}data: [DONE]\n\n`;

let upstream: FakeHttpServer;
let answer: [status: number, type: string | undefined, body: string];
let module: TestingModule;
let agent: AgentNode;

beforeAll(async () => {
  upstream = await startFakeHttpServer((_request, response) => {
    const [status, type, body] = answer;
    response.writeHead(status, type === undefined ? {} : { 'content-type': type }).end(body);
  });
  module = await nodeTypes({
    OPENAI_COMPATIBLE_BASE_URL: `${upstream.url}/v1`,
    OPENAI_COMPATIBLE_API_KEY: KEY,
    ANTHROPIC_BASE_URL: upstream.url,
    ANTHROPIC_API_KEY: KEY,
  });
  agent = module.get(AgentNode);
});
afterAll(async () => {
  await module.close();
  await upstream.close();
});

const ask = (model = 'openai-compatible/m') =>
  agent.run(testRun(agent.config.parse({ model, prompt: 'Hi' })));
const failure = async (model?: string): Promise<NodeError> => {
  const error: unknown = await ask(model).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NodeError);
  return error as NodeError;
};

const json = (value: unknown): string => JSON.stringify(value);

/** Name, response, expected part of the message, code, and whether the error is transient. */
const SHAPES: [string, typeof answer, string, string, boolean][] = [
  [
    'FastAPI',
    [
      422,
      JSON_TYPE,
      json({
        detail: [{ loc: ['body', 'temperature'], msg: 'value is not a valid float', type: 'type_error' }],
      }),
    ],
    'body.temperature: value is not a valid float',
    'model_refused_request',
    false,
  ],
  [
    'a detail',
    [400, JSON_TYPE, json({ detail: 'no such adapter' })],
    'no such adapter',
    'model_refused_request',
    false,
  ],
  [
    'text',
    [400, 'text/plain', 'prompt is too long: 210000 tokens'],
    'prompt is too long: 210000 tokens',
    'model_refused_request',
    false,
  ],
  [
    'an error that is text',
    [400, JSON_TYPE, json({ error: 'json: cannot unmarshal' })],
    'json: cannot unmarshal',
    'model_refused_request',
    false,
  ],
  [
    'an error with a name and a message',
    [400, JSON_TYPE, json({ error: 'Bad Request', message: 'seed must be a number' })],
    'Bad Request: seed must be a number',
    'model_refused_request',
    false,
  ],
  [
    'a message',
    [400, JSON_TYPE, json({ object: 'error', message: 'too many images', code: 40_303 })],
    'too many images',
    'model_refused_request',
    false,
  ],
  [
    'a list, as Google sends it',
    [400, JSON_TYPE, json([{ error: { code: 400, message: 'unsupported field' } }])],
    'unsupported field',
    'model_refused_request',
    false,
  ],
  [
    'a gateway',
    [
      502,
      JSON_TYPE,
      json({
        error: { message: 'Provider returned error', code: 502, metadata: { raw: 'the GPU is lost' } },
      }),
    ],
    'the GPU is lost',
    'model_unavailable',
    true,
  ],
  [
    'a problem',
    [400, 'application/problem+json', json({ title: 'Bad Request', detail: 'the stop list is too long' })],
    'the stop list is too long',
    'model_refused_request',
    false,
  ],
  [
    'an unknown shape',
    [400, JSON_TYPE, json({ fehler: 'zu lang' })],
    'zu lang',
    'model_refused_request',
    false,
  ],
  [
    'an address without /v1',
    [404, 'text/plain', '404 page not found'],
    '404 page not found',
    'model_not_found',
    false,
  ],
  [
    'an unknown model',
    [404, JSON_TYPE, json({ error: { message: 'The model `m` does not exist', code: 'model_not_found' } })],
    'The model `m` does not exist',
    'model_not_found',
    false,
  ],
  [
    'no permission',
    [403, JSON_TYPE, json({ error: { message: 'Your organization is disabled' } })],
    'Your organization is disabled',
    'model_auth_failed',
    false,
  ],
  [
    'a rate limit',
    [429, JSON_TYPE, json({ error: { message: 'Limit 20 per minute', type: 'rate_limit_error' } })],
    'Limit 20 per minute',
    'model_rate_limited',
    true,
  ],
  [
    'a failed server',
    [
      503,
      'text/html',
      '<html><head><title>x</title></head><body><h1>503</h1> no healthy  upstream</body></html>',
    ],
    '503 no healthy upstream',
    'model_unavailable',
    true,
  ],
  [
    'status 200 with JSON',
    [200, JSON_TYPE, json({ error: 'Unexpected endpoint or method. (POST /chat/completions)' })],
    'Unexpected endpoint or method.',
    'model_refused_request',
    false,
  ],
  [
    'status 200 with an overload',
    [200, JSON_TYPE, json({ error: { type: 'overloaded_error', message: 'come back later' } })],
    'come back later',
    'model_overloaded',
    true,
  ],
  [
    'status 200 with a page',
    [200, 'text/html', '<html><body>Sign in to continue</body></html>'],
    'Sign in to continue',
    'model_refused_request',
    false,
  ],
  [
    'status 200 with text',
    [200, undefined, 'upstream is not configured'],
    'upstream is not configured',
    'model_refused_request',
    false,
  ],
  [
    'text in a stream',
    [200, SSE, 'data: {"error":"model runner has unexpectedly stopped"}\n\ndata: [DONE]\n\n'],
    'model runner has unexpectedly stopped',
    'model_failed',
    false,
  ],
  [
    'an object in a stream',
    [200, SSE, `data: ${json({ error: { message: 'out of memory', type: 'server_error' } })}\n\n`],
    'out of memory',
    'model_unavailable',
    true,
  ],
  [
    'a message in a stream',
    [200, SSE, `data: ${json({ object: 'error', message: 'context length exceeded' })}\n\n`],
    'context length exceeded',
    'model_refused_request',
    false,
  ],
  [
    'text that is not JSON in a stream',
    [200, SSE, 'data: Internal Server Error\n\n'],
    'Internal Server Error',
    'model_unavailable',
    true,
  ],
];

it.each(SHAPES)(
  'quotes the explanation of the provider: %s',
  async (_name, given, reason, code, transient) => {
    answer = given;
    const error = await failure();
    expect(error.message).toContain(reason);
    expect([error.code, error instanceof TransientError]).toEqual([code, transient]);
  },
);

const QUOTA = {
  message: 'You exceeded your current quota',
  type: 'insufficient_quota',
  code: 'insufficient_quota',
};
it.each<[string, string, typeof answer]>([
  ['OpenAI', 'openai-compatible/m', [429, JSON_TYPE, json({ error: QUOTA })]],
  ['OpenAI in a stream', 'openai-compatible/m', [200, SSE, `data: ${json({ error: QUOTA })}\n\n`]],
  [
    'DeepSeek',
    'openai-compatible/m',
    [402, JSON_TYPE, json({ error: { message: 'Insufficient Balance', type: 'unknown_error' } })],
  ],
  [
    'a gateway',
    'openai-compatible/m',
    [403, JSON_TYPE, json({ error: { message: 'insufficient credits' } })],
  ],
  [
    'Anthropic',
    'anthropic/m',
    [
      400,
      JSON_TYPE,
      json({
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: 'Your credit balance is too low to access the Anthropic API.',
        },
      }),
    ],
  ],
  [
    'Anthropic by type',
    'anthropic/m',
    [403, JSON_TYPE, json({ type: 'error', error: { type: 'billing_error', message: 'Pay.' } })],
  ],
])('fails permanently if the account has no credit: %s', async (_name, model, given) => {
  answer = given;
  const error = await failure(model);
  expect(error.message).toContain('has no credit left');
  expect([error.code, error instanceof TransientError]).toEqual(['model_quota_exceeded', false]);
});

it('quotes at most 500 characters, in one line, without keys', async () => {
  answer = [400, 'text/plain', `first\n\n\tsecond ${KEY} and sk-ant-abcdefgh*** ${'x'.repeat(5_000)}`];
  const { message } = await failure();
  expect(message).toContain('first second [redacted] and [redacted]');
  expect(message.length).toBeLessThan(600);
  // Redaction must come before the cut, or else the beginning of the key would remain.
  answer = [400, 'text/plain', 'x'.repeat(490) + KEY];
  expect((await failure()).message).not.toContain(KEY.slice(0, 8));
});

it.each(['<', '<title ', '<script ', '</head >'])(
  'reads a hostile page of %p without delay',
  async (part) => {
    answer = [502, 'text/html', part.repeat(600_000)];
    const begin = performance.now();
    expect((await failure()).code).toBe('model_unavailable');
    // Work that grows with the square of the size would take a minute and more.
    expect(performance.now() - begin).toBeLessThan(20_000);
  },
);

it('names the error code of a failed connection', async () => {
  const closed = await startFakeHttpServer(() => undefined);
  await closed.close();
  const other = await nodeTypes({ OPENAI_COMPATIBLE_BASE_URL: closed.url });
  const config = agent.config.parse({ model: 'openai-compatible/m', prompt: 'Hi' });
  await expect(other.get(AgentNode).run(testRun(config))).rejects.toThrow('ECONNREFUSED');
  await other.close();
});

it.each<[string, typeof answer]>([
  ['as JSON', [200, JSON_TYPE, HELLO]],
  ['without a type', [200, undefined, HELLO]],
  ['after a comment and a byte order mark', [200, 'text/plain', `\uFEFF: ping\n\n${HELLO}`]],
])('accepts an event stream that is declared %s', async (_name, given) => {
  answer = given;
  expect(await ask()).toBe('Hello');
});
