import type { FakeAnswer } from './support/fake-answer.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { type Frame, pathOf, Watch } from './support/watch.js';

const FIRST = 'anthropic/claude-sonnet-4-5';
const SECOND = 'openai-compatible/second';
const THIRD = 'openai-compatible/third';

describe('a chain of models', () => {
  let first: FakeModelServer;
  let others: FakeModelServer;
  let server: Server;
  beforeAll(async () => {
    first = await startFakeModelServer();
    others = await startFakeModelServer();
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: first.url,
      OPENAI_COMPATIBLE_BASE_URL: others.url,
      MODEL_IDLE_TIMEOUT_MS: '1000',
      RETRY_BASE_MS: '20',
    });
  });
  afterAll(async () => {
    await server.kill('SIGTERM');
    await first.close();
    await others.close();
  });
  beforeEach(() => {
    first.requests.length = 0;
    others.requests.length = 0;
  });

  const run = async (
    model: string[],
    ofFirst: FakeAnswer[],
    ofOthers: FakeAnswer[],
    options: object = {},
  ): Promise<Frame[]> => {
    first.script(...ofFirst);
    others.script(...ofOthers);
    const nodes = [{ id: 'a', type: 'agent', data: { config: { model, prompt: 'Hi.' } } }];
    const id = await server.startExecution({ projectId: 'demo', workflow: { nodes, edges: [] }, options });
    return (await new Watch(server.url, pathOf(id)).done()).frames;
  };
  const steps = (frames: readonly Frame[]) =>
    frames.flatMap(({ type, data }) => (type === 'execution:step' ? [data.status] : []));
  const models = (frames: readonly Frame[]) =>
    frames.flatMap(({ type, data }) => (type === 'execution:token-usage' ? [data.model] : []));
  const asked = () => others.requests.map(({ body }) => body['model']);

  it.each<[string, FakeAnswer]>([
    ['529', { status: 529 }],
    ['429', { status: 429, headers: { 'retry-after': '600' } }],
    ['503', { status: 503 }],
    ['a reset before its output', { ending: 'reset', after: 0 }],
    ['silence', { ending: 'hang', after: 0 }],
  ])('asks the second model in the same attempt after %s of the first', async (_what, answer) => {
    const frames = await run([FIRST, SECOND], [answer], [{ text: ['From the second.'] }]);
    expect(frames.at(-1)!.data.result.output).toBe('From the second.');
    expect(steps(frames)).toEqual(['running', 'completed']);
    expect(models(frames)).toEqual([SECOND]);
    expect(asked()).toEqual(['second']);
  });

  it.each<[string, FakeAnswer]>([
    ['a reset', { text: ['lost '], after: 4, ending: 'reset' }],
    ['an error event', { text: ['lost '], after: 4, ending: 'error' }],
  ])('asks the second model in a new attempt after output and %s of the first', async (_what, answer) => {
    // No retry is left, so the chain does not use any up.
    const frames = await run([FIRST, SECOND], [answer], [{ text: ['kept'] }], { maxRetries: 0 });
    expect(frames.at(-1)!.data.result.output).toBe('kept');
    expect(steps(frames)).toEqual(['running', 'retrying', 'running', 'completed']);
    expect(models(frames)).toEqual([FIRST, SECOND]);
    expect([first.requests.length, asked()]).toEqual([1, ['second']]);
  });

  it('fails with the error of the last model when all fail', async () => {
    const frames = await run(
      [FIRST, SECOND, THIRD],
      [{ status: 529 }],
      [{ status: 503 }, { status: 429, error: { type: 'rate_limit', message: 'the third is busy' } }],
      { maxRetries: 0 },
    );
    expect(frames.at(-1)!.data.code).toBe('model_rate_limited');
    expect(frames.at(-1)!.data.error).toContain('the third is busy');
    expect([first.requests.length, asked()]).toEqual([1, ['second', 'third']]);
  });

  it('does not ask the second model after an error that does not pass', async () => {
    const frames = await run([FIRST, SECOND], [{ status: 401 }], []);
    expect(frames.at(-1)!.data.code).toBe('model_auth_failed');
    expect(asked()).toEqual([]);
  });
});
