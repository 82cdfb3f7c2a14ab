import { type RawAnswer, type RawProvider, startRawProvider } from './support/raw-provider.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';
import { pathOf, start, Watch } from './support/watch.js';

// The whole table of hostile providers is in test/engine/hostile-providers.spec.ts. These rows show what an execution makes
// of them: its attempts, its tokens and its steps.

const data = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;
const event = (type: string, fields: object): string => `event: ${type}\n${data({ type, ...fields })}`;
const chunk = (delta: object, finish_reason: string | null = null): string =>
  data({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason }],
  });
const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const DONE = 'data: [DONE]\n\n';
const partial =
  event('message_start', {
    message: { id: 'm', model: 'm', usage: { input_tokens: 5000, output_tokens: 1 } },
  }) +
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }) +
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'partial' } });
const refusal =
  partial +
  event('content_block_stop', { index: 0 }) +
  event('message_delta', { delta: { stop_reason: 'refusal' }, usage: { output_tokens: 5 } }) +
  event('message_stop', {});
const json = (status: number, body: unknown): RawAnswer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(body),
});

let provider: RawProvider;
let tool: FakeHttpServer;
let server: Server;
beforeAll(async () => {
  provider = await startRawProvider();
  tool = await startFakeHttpServer((_request, response) => response.end('{"paid":true}'));
  server = await Server.start({
    DATABASE_URL: await createDatabase(),
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: provider.url,
    OPENAI_COMPATIBLE_BASE_URL: provider.url,
    HTTP_ALLOWED_HOSTS: '127.0.0.1',
    RETRY_BASE_MS: '10',
  });
});
afterAll(async () => {
  await server?.kill('SIGTERM');
  await provider?.close();
  await tool?.close();
});

async function outcome(model: string, answer: RawAnswer, more: { config?: object; options?: object } = {}) {
  const before = provider.requests.length;
  provider.script(...Array.from({ length: 10 }, () => answer));
  const config = { model, prompt: 'Say hello.', ...more.config };
  const id = await server.startExecution(
    start([{ id: 'a', type: 'agent', data: { config } }], [], { options: more.options ?? {} }),
  );
  await new Watch(server.url, pathOf(id)).done();
  provider.unscript();
  const { body } = await server.call('GET', `/api/executions/${id}`);
  const { status, error, tokenUsage, steps, output } = body;
  return {
    status,
    code: error?.code,
    message: error?.message,
    output,
    requests: provider.requests.length - before,
    steps: steps.map((step: { status: string }) => step.status),
    finishReason: steps.at(-1)?.finishReason,
    tokens: [tokenUsage.input, tokenUsage.output],
  };
}

it('completes at once when a chunk has no choices', async () => {
  const body = chunk({ content: 'Hello world' }) + chunk({}, 'stop') + data({ id: 'c', usage: USAGE }) + DONE;
  expect(await outcome('openai-compatible/m', { body })).toMatchObject({
    status: 'completed',
    output: 'Hello world',
    requests: 1,
    tokens: [10, 5],
  });
});

it('fails once, with what the provider said, when an error is not known, and logs its cause', async () => {
  const body = data({ usage: USAGE }) + data({ error: { type: 'moon_error', message: 'The moon is full' } });
  const failed = await outcome('openai-compatible/m', { body });
  expect(failed).toMatchObject({ status: 'failed', code: 'model_failed', requests: 1, tokens: [10, 5] });
  expect(failed.message).toContain('moon_error: The moon is full');
  const log = server.output();
  expect(log).toContain('model_failed');
  expect(log).toContain('AI_StreamProviderError: The moon is full');
});

it('fails once when the account has no credit', async () => {
  const error = {
    message: 'You exceeded your current quota',
    type: 'insufficient_quota',
    code: 'insufficient_quota',
  };
  expect(await outcome('openai-compatible/m', json(429, { error }))).toMatchObject({
    status: 'failed',
    code: 'model_quota_exceeded',
    requests: 1,
    message: expect.stringContaining('You exceeded your current quota') as string,
  });
});

it('counts what a provider reported before each reset', async () => {
  const answer: RawAnswer = { body: partial, ending: 'reset' };
  expect(await outcome('anthropic/m', answer)).toMatchObject({
    status: 'failed',
    code: 'model_stream_broken',
    requests: 3,
    steps: ['retrying', 'retrying', 'failed'],
    tokens: [15_000, 3],
  });
});

it('stops at the limit of tokens although each attempt broke', async () => {
  const answer: RawAnswer = { body: partial, ending: 'reset' };
  const options = { limits: { maxTokens: 6000 } };
  expect(await outcome('anthropic/m', answer, { options })).toMatchObject({
    status: 'failed',
    code: 'token_limit_exceeded',
    requests: 2,
    tokens: [10_000, 2],
  });
});

it('says that an answer was refused in the middle', async () => {
  expect(await outcome('anthropic/m', { body: refusal })).toMatchObject({
    status: 'completed',
    output: 'partial',
    finishReason: 'content-filter',
    requests: 1,
    tokens: [5000, 5],
  });
});

it('fails once when an answer was cut off before it had any text', async () => {
  const body =
    chunk({ reasoning_content: 'hm' }) + chunk({}, 'length') + data({ choices: [], usage: USAGE }) + DONE;
  expect(await outcome('openai-compatible/m', { body })).toMatchObject({
    status: 'failed',
    code: 'model_answer_cut_off',
    requests: 1,
    tokens: [10, 5],
  });
});

it('ends the rounds of a model that ignores tool_choice, with the name of the limit', async () => {
  const part = { index: 0, id: 'c', type: 'function', function: { name: 'pay', arguments: '{}' } };
  const pay = {
    name: 'pay',
    description: 'pays',
    inputSchema: { type: 'object' },
    http: { method: 'POST', url: `${tool.url}/pay` },
  };
  const body = chunk({ tool_calls: [part] }) + chunk({}, 'tool_calls') + DONE;
  const failed = await outcome(
    'openai-compatible/m',
    { body },
    { config: { tools: [pay], maxToolRounds: 2 } },
  );
  expect(failed).toMatchObject({ status: 'failed', code: 'tool_limit_reached', requests: 3 });
  expect(failed.message).toContain('maxToolRounds');
  expect(tool.requests.length).toBe(2);
});
