import { CuttingProxy } from './support/cutting-proxy.js';
import { insideFrames, LineClient } from './support/line-client.js';
import { createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, TERMINAL, upTo } from './support/watch.js';

/** Its output is longer than the largest frame that streams of many executions copy per stream. */
const LONG = { id: 'long', type: 'transform', data: { config: { expression: '$pad("", 70000, "x")' } } };

describe('a client that stores an id when it reads its line, on a connection that breaks inside a frame', () => {
  let server: Server;
  let proxy: CuttingProxy;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), STREAM_COMPRESSION: 'gzip' });
    proxy = await CuttingProxy.start(server.url);
    proxy.cutter = insideFrames();
  });
  afterAll(async () => {
    await proxy.close();
    await server.kill('SIGTERM');
  });

  const startOne = (tag: string) =>
    server.startExecution(start([agent('a', { chunks: 30, delayMs: 2 }), LONG], [], { tags: [tag] }));
  const ended = (client: LineClient) => client.events.filter(({ type }) => TERMINAL.test(type)).length;

  it.each<[string, boolean]>([
    ['plain', false],
    ['compressed', true],
  ])('gets every event of one execution (%s stream)', async (_how, gzip) => {
    const id = await startOne('one');
    const client = gzip
      ? new LineClient(new URL(pathOf(id), server.url), { gzip, cutter: insideFrames() })
      : new LineClient(new URL(pathOf(id), proxy.url));
    await client.read((now) => ended(now) === 1);
    expect(client.connections).toBeGreaterThan(5);
    expect(client.events.map((event) => Number(event.id))).toEqual(upTo(client.events.length));
  });

  it.each<[string, boolean]>([
    ['plain', false],
    ['compressed', true],
  ])('gets every event of many executions (%s stream)', async (how, gzip) => {
    const tag = `many-${how}`;
    const all = await Promise.all([startOne(tag), startOne(tag)]);
    const path = `/api/executions/stream?executionIds=${all.join()}`;
    const client = gzip
      ? new LineClient(new URL(path, server.url), { gzip, cutter: insideFrames() })
      : new LineClient(new URL(path, proxy.url));
    await client.read((now) => ended(now) === 2);
    expect(client.connections).toBeGreaterThan(5);
    for (const id of all) {
      const mine = client.events.filter(({ data }) => data.executionId === id);
      expect(mine.map(({ data }) => data['sequence'])).toEqual(upTo(mine.length));
    }
  });
});
