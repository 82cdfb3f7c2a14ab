import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { createDatabase, Server } from './support/server.js';
import { agent, ids, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

describe('SIGTERM', () => {
  let models: FakeModelServer;
  let http: FakeHttpServer;
  let settings: Record<string, string>;
  let slow = true;
  beforeAll(async () => {
    models = await startFakeModelServer();
    http = await startFakeHttpServer((_request, response) => {
      // Unanswered while the first process lives.
      if (!slow) response.end('done');
    });
    settings = {
      DATABASE_URL: await createDatabase(),
      TRANSFORM_TIMEOUT_MS: '30000',
      HTTP_ALLOWED_HOSTS: '127.0.0.1',
      OPENAI_COMPATIBLE_BASE_URL: models.url,
    };
  });
  afterAll(() => Promise.all([models.close(), http.close()]));

  it('hands back what is under way outside: nothing fails for it, not even what is not tried again', async () => {
    const once = { options: { maxRetries: 0 } };
    const nodes = {
      // Takes longer than the first process lives.
      transform: { type: 'transform', data: { config: { expression: '$sum([1..100000].($ % 7))' } } },
      post: { type: 'http', data: { config: { method: 'POST', url: http.url, body: {} } } },
      model: { ...agent('a', {}, { model: 'openai-compatible/m', providerOptions: {} }) },
    };
    models.script({ text: ['lost'], after: 2, ending: 'hang' });
    const first = await Server.start(settings);
    const executions = await Promise.all(
      Object.values(nodes).map((node) => first.startExecution(start([{ ...node, id: 'a' }], [], once))),
    );
    const before = await Promise.all(
      executions.map((id) =>
        new Watch(first.url, pathOf(id)).until((now) =>
          now.frames.some((frame) => frame.type === 'execution:step'),
        ),
      ),
    );
    while (http.requests.length === 0 || models.requests.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await first.kill('SIGTERM')).toBe(0);
    slow = false;
    const second = await Server.start(settings);
    for (const [index, id] of executions.entries()) {
      const seen = before[index]!.frames;
      const rest = await new Watch(second.url, pathOf(id), {
        'last-event-id': String(seen.at(-1)!.id),
      }).done();
      const all = [...seen, ...rest.frames];
      expect(ids(all)).toEqual(upTo(all.length));
      expect(all.filter((frame) => TERMINAL.test(frame.type)).map((frame) => frame.type)).toEqual([
        'execution:completed',
      ]);
    }
    await second.kill('SIGTERM');
  });

  it('hands back fifty executions and tells all of 200 streams when to come back; the next process loses nothing', async () => {
    const first = await Server.start(settings);
    const executions = await Promise.all(
      Array.from({ length: 50 }, () =>
        first.startExecution(
          start([agent('a', { chunks: 200, delayMs: 100 }), agent('b', { chunks: 200, delayMs: 100 })]),
        ),
      ),
    );
    const before = await Promise.all(
      Array.from({ length: 200 }, (_unused, index) =>
        new Watch(first.url, pathOf(executions[index % 50]!)).until((now) => now.frames.length > 5, 60_000),
      ),
    );
    expect(await first.kill('SIGTERM')).toBe(0);
    await Promise.all(before.map((watch) => watch.done()));
    // All but those whose execution was over just before.
    const told = before.filter((watch) => watch.farewell);
    expect(told.length).toBeGreaterThan(0);
    for (const watch of before) expect(watch.farewell || TERMINAL.test(watch.frames.at(-1)!.type)).toBe(true);
    const second = await Server.start(settings);
    await Promise.all(
      before.map(async (watch, index) => {
        if (!watch.farewell) return;
        const last = String(watch.frames.at(-1)!.id);
        const rest = await new Watch(second.url, pathOf(executions[index % 50]!), {
          'last-event-id': last,
        }).done();
        const all = [...watch.frames, ...rest.frames];
        expect(ids(all)).toEqual(upTo(all.length));
        expect(all.at(-1)!.type).toBe('execution:completed');
      }),
    );
    await second.kill('SIGTERM');
  }, 180_000);
});
