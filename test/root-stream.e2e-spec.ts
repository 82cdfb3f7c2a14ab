import pg from 'pg';
import { ended, expectWhole, follow, sequences } from './support/multi-stream.js';
import { createDatabase, Server } from './support/server.js';
import { graph, node, run, transform, tree } from './support/trees.js';
import { agent, delay, pathOf, upTo, Watch } from './support/watch.js';

describe('the stream of a tree', () => {
  let servers: Server[];
  let client: pg.Client;
  beforeAll(async () => {
    const url = await createDatabase();
    client = new pg.Client({ connectionString: url });
    await client.connect();
    const settings = {
      DATABASE_URL: url,
      MULTI_STREAM_MAX_EXECUTIONS: '8',
      DISPATCH_POLL_INTERVAL_MS: '300',
    };
    servers = await Promise.all([0, 1].map(() => Server.start(settings)));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.kill('SIGTERM')));
    await client.end();
  });

  const start = (workflow: object, input?: unknown) => servers[0]!.startExecution(run(workflow, input));
  const streamOf = (id: string, more = '') => `/api/executions/stream?rootId=${id}${more}`;
  const idsOf = async (id: string): Promise<string[]> =>
    (await client.query('SELECT id FROM cloutagent.executions WHERE id = $1 OR root_id = $1', [id])).rows.map(
      (row: { id: string }) => row.id,
    );
  const items = (count: number) => Array.from({ length: count }, (_unused, index) => index);
  const wide = (count: number, concurrency: number) =>
    graph(
      node('map', 'map', {
        items: items(count),
        concurrency,
        workflow: graph(agent('a', { chunks: 3, delayMs: 1 }, { prompt: 'x' })),
      }),
    );

  it('has every event of every execution once, and ends with the root', async () => {
    const id = await start(wide(30, 6));
    const watch = await new Watch(servers[1]!.url, streamOf(id)).done(60_000);
    await expectWhole(servers[0]!, watch.frames, await idsOf(id));
    expect(watch.endsWithRetry).toBe(false);
  });

  it('replays a tree that has ended and is larger than a stream may be at once', async () => {
    const id = await start(wide(40, 10));
    await new Watch(servers[0]!.url, pathOf(id)).done();
    const watch = await new Watch(servers[1]!.url, streamOf(id)).done(60_000);
    await expectWhole(servers[0]!, watch.frames, await idsOf(id));
  });

  it('continues at the cursor over many connections to two processes', async () => {
    const id = await start(tree(2, 4, graph(agent('a', { chunks: 5, delayMs: 5 }, { prompt: 'x' }))));
    let turn = 0;
    const { frames, connections } = await follow(
      () => servers[(turn += 1) % 2]!.url,
      streamOf(id),
      () => false,
    );
    expect(connections).toBeGreaterThan(2);
    await expectWhole(servers[0]!, frames, await idsOf(id));
  });

  it('sends the turns of a loop as they begin', async () => {
    const increment = graph(delay('d', 20), transform('next', '1'));
    const id = await start(
      graph(node('loop', 'loop', { workflow: increment, until: 'index = 3', maxIterations: 9 })),
    );
    const watch = await new Watch(servers[1]!.url, streamOf(id)).done(60_000);
    await expectWhole(servers[0]!, watch.frames, await idsOf(id));
    expect(ended(watch.frames)).toHaveLength(5);
  });

  it('starts at the present with from=now', async () => {
    const id = await start(graph(delay('d', 300), ...wide(3, 3).nodes));
    await new Watch(servers[0]!.url, pathOf(id)).until((now) => now.frames.length > 1);
    const watch = await new Watch(servers[1]!.url, streamOf(id, '&from=now')).done();
    const received = sequences(watch.frames);
    expect(received.size).toBe(4);
    expect(received.get(id)![0]).toBeGreaterThan(1);
    for (const [child, own] of received) if (child !== id) expect(own).toEqual(upTo(own.length));
    const late = await new Watch(servers[1]!.url, streamOf(id, '&from=now')).done();
    expect(late.status).toBe(204);
  });

  it('ends without events of a type that no execution has, and then answers 204', async () => {
    const id = await start(wide(2, 2));
    const watch = await new Watch(servers[1]!.url, streamOf(id, '&types=execution:failed')).done();
    expect(watch.frames).toEqual([]);
    const again = await new Watch(servers[1]!.url, streamOf(id, '&types=execution:failed')).done();
    expect(again.status).toBe(204);
  });

  it('is that of the root alone if it has no children', async () => {
    const id = await start(graph(delay('d', 1)));
    const watch = await new Watch(servers[1]!.url, streamOf(id)).done();
    await expectWhole(servers[0]!, watch.frames, [id]);
  });

  it('opens with a ticket', async () => {
    const id = await start(wide(2, 2));
    const ticket = await servers[0]!.call('POST', '/api/executions/stream-tickets', { rootId: id });
    expect(ticket.status).toBe(201);
    const text = await (await fetch(new URL(ticket.body.url, servers[0]!.url))).text();
    expect(text.match(/^event: execution:completed$/gm)).toHaveLength(3);
  });

  it('is refused for a child, for what does not exist and with another condition', async () => {
    const id = await start(wide(1, 1));
    await new Watch(servers[0]!.url, pathOf(id)).done();
    const [child] = (await idsOf(id)).filter((each) => each !== id);
    const open = (path: string) => servers[0]!.call('GET', path);
    expect(await open(streamOf(child!))).toMatchObject({
      status: 400,
      body: { errors: [{ path: 'rootId', message: expect.stringContaining(id) }] },
    });
    expect((await open(streamOf('0199c0de-0000-7000-8000-000000000001'))).status).toBe(404);
    expect((await open(streamOf(id, '&projectId=demo'))).status).toBe(400);
    expect((await open(streamOf(id, `&executionIds=${id}`))).status).toBe(400);
  });

  it('of a child has its own events', async () => {
    const id = await start(wide(1, 1));
    await new Watch(servers[0]!.url, pathOf(id)).done();
    const [child] = (await idsOf(id)).filter((each) => each !== id);
    const watch = await new Watch(servers[1]!.url, pathOf(child!)).done();
    expect(watch.frames.map((frame) => frame.id)).toEqual(upTo(watch.frames.length));
    const byId = await new Watch(servers[1]!.url, `/api/executions/stream?executionIds=${child}`).done();
    expect(byId.frames).toHaveLength(watch.frames.length);
  });
});

describe('lists', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase() });
  });
  afterAll(() => server.kill('SIGTERM'));

  it('show roots by default, and children on request', async () => {
    const id = await server.startExecution(run(tree(2, 2, graph(delay('d', 1)))));
    await new Watch(server.url, pathOf(id)).done();
    const list = async (
      query: string,
    ): Promise<{ id: string; parent?: object | undefined; rootId?: string | undefined }[]> => {
      const found = [];
      for (let cursor = ''; ;) {
        const { status, body } = await server.call('GET', `/api/executions?limit=2&${query}${cursor}`);
        expect(status).toBe(200);
        found.push(...body.executions);
        if (!body.nextCursor) return found;
        cursor = `&cursor=${body.nextCursor}`;
      }
    };
    expect((await list('')).map((each) => each.id)).toEqual([id]);
    expect((await list('projectId=demo')).map((each) => each.id)).toEqual([id]);
    expect(await list('children=true')).toHaveLength(7);
    expect(await list(`rootId=${id}`)).toHaveLength(6);
    const children = await list(`parentId=${id}`);
    expect(children.map(({ parent }) => parent)).toEqual(
      [1, 0].map((index) => ({ executionId: id, nodeId: 'map', index })),
    );
    expect(await list(`parentId=${children[0]!.id}`)).toHaveLength(2);
    expect(await list(`rerunOf=${id}`)).toEqual([]);
    expect((await server.call('GET', '/api/executions?parentId=x')).status).toBe(400);
  });
});
