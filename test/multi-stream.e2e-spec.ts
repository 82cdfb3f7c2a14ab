import { approval, ended, expectWhole, follow, sequences } from './support/multi-stream.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, upTo, Watch } from './support/watch.js';

describe('a stream of many executions', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HEARTBEAT_INTERVAL_MS: '200',
      JOURNAL_POLL_INTERVAL_MS: '1000',
    });
  });
  afterAll(() => server.kill('SIGTERM'));

  const watchAll = (query: string, headers = {}) =>
    new Watch(server.url, `/api/executions/stream${query}`, headers);
  const project = (name: string, nodes: object[], more: object = {}) =>
    server.startExecution({ ...start(nodes, [], more), projectId: name });

  it('by ids sends 1…n of each over random disconnects, of ended ones too, then ends and answers 204', async () => {
    const endedId = await project('names', [agent('a', { chunks: 30 })]);
    await new Watch(server.url, `/api/executions/${endedId}/stream`).done();
    const ids = [
      endedId,
      await project('names', [agent('a', { chunks: 300, delayMs: 1 })]),
      await project('names', [agent('a', { chunks: 200, delayMs: 2 }), agent('b', { chunks: 100 })]),
    ];
    const path = `/api/executions/stream?executionIds=${ids.join(',')}`;
    const { frames, connections } = await follow(
      () => server.url,
      path,
      () => false,
    );
    expect(connections).toBeGreaterThan(10);
    await expectWhole(server, frames, ids);
    // Another client gets all events on one connection. The server ends the stream with the last execution.
    const whole = await new Watch(server.url, path).done();
    expect(whole.established).toMatchObject({
      id: whole.established!.cursor,
      type: 'connection:established',
      sequence: 0,
      executions: 3,
      timestamp: expect.any(String),
    });
    await expectWhole(server, whole.frames, ids);
    expect(whole.frames[0]!.data).toMatchObject({ sequence: 1, projectId: 'names' });
    const last = { 'last-event-id': whole.frames.at(-1)!.cursor };
    expect((await new Watch(server.url, path, last).done()).status).toBe(204);
    expect((await new Watch(server.url, `${path}&from=now`).done()).status).toBe(204);
    // After any frame only the rest is sent. The order of the executions may differ.
    for (const at of [0, 1, 7, Math.floor(whole.frames.length / 2), whole.frames.length - 2]) {
      const rest = await new Watch(server.url, path, { 'last-event-id': whole.frames[at]!.cursor }).done();
      await expectWhole(server, [...whole.frames.slice(0, at + 1), ...rest.frames], ids);
    }
    // The events have the same data as on the single stream.
    const single = await new Watch(server.url, `/api/executions/${endedId}/stream`).done();
    const own = whole.frames.filter(({ data }) => data.executionId === endedId);
    expect(own.map(({ type, data }) => ({ type, data }))).toEqual(
      single.frames.map(({ type, data }) => ({ type, data })),
    );
  });

  it('by filter sends open and later executions, none that ended before, over random disconnects', async () => {
    const before = await project('filter', [delay('d', 1)]);
    await new Watch(server.url, `/api/executions/${before}/stream`).done();
    const ids = [await project('filter', [agent('a', { chunks: 150, delayMs: 2 })], { tags: ['x'] })];
    const path = '/api/executions/stream?projectId=filter';
    const all = 8;
    const following = [1, 2].map(() =>
      follow(
        () => server.url,
        path,
        (frames) => ended(frames).length === all,
        25,
      ),
    );
    const elsewhere = watchAll('?projectId=filter&tag=nothing-has-this');
    for (let n = 1; n < all; n += 1) {
      // Some end before any client receives their first event.
      ids.push(await project('filter', [n % 2 ? agent('a', { chunks: 60, delayMs: 3 }) : delay('d', 0)]));
      await project('another', [delay('d', 0)]);
    }
    for (const { frames } of await Promise.all(following)) await expectWhole(server, frames, ids);
    await elsewhere.until((now) => now.comments > 2);
    expect(elsewhere.frames).toEqual([]);
    expect(elsewhere.ended).toBe(false);
    elsewhere.close();
  });

  it('by status adds an execution when it gets one of the statuses, and keeps it to its end', async () => {
    const running = await project('status', [approval]);
    await new Watch(server.url, `/api/executions/${running}/stream`).until((now) => now.frames.length > 1);
    const paused = watchAll('?projectId=status&status=paused');
    const failed = watchAll('?projectId=status&status=failed,cancelled');
    for (const watch of [paused, failed]) await watch.until((now) => now.established !== undefined);
    expect(paused.established!.executions).toBe(0);
    await server.call('POST', `/api/executions/${running}/pause`);
    await paused.until((now) => now.frames.at(-1)?.type === 'execution:paused');
    expect(paused.frames[0]!.data.sequence).toBe(1);
    await server.call('POST', `/api/executions/${running}/resume`);
    await paused.until((now) => now.frames.at(-1)?.type === 'execution:resumed');
    paused.close();
    // Another execution pauses and resumes while the client is disconnected.
    const other = await project('status', [approval]);
    const single = await new Watch(server.url, `/api/executions/${other}/stream`).until(
      (now) => now.frames.length > 1,
    );
    for (const [action, type] of [
      ['pause', 'execution:paused'],
      ['resume', 'execution:resumed'],
    ]) {
      await server.call('POST', `/api/executions/${other}/${action}`);
      await single.until((now) => now.frames.at(-1)?.type === type);
    }
    for (const id of [other, running]) await server.call('POST', `/api/executions/${id}/cancel`);
    const again = watchAll('?status=paused&projectId=status', {
      'last-event-id': paused.frames.at(-1)!.cursor,
    });
    await again.until((now) => ended(now.frames).length === 2);
    await expectWhole(server, [...paused.frames, ...again.frames], [running, other]);
    await failed.until((now) => ended(now.frames).length === 2);
    await expectWhole(server, failed.frames, [running, other]);
    for (const watch of [again, failed]) watch.close();
  });

  it('with from=now sends only new events of existing executions, and with types only these types', async () => {
    const existing = await project('now', [agent('a', { chunks: 20 }), approval]);
    const single = new Watch(server.url, `/api/executions/${existing}/stream`);
    await single.until((now) => now.frames.filter(({ type }) => type === 'execution:output').length >= 20);
    await single.until((now) => now.frames.some(({ type }) => type === 'execution:cost-update'));
    const watch = watchAll('?projectId=now&from=now');
    const filtered = watchAll('?projectId=now&types=execution:step,execution:completed');
    for (const each of [watch, filtered]) await each.until((now) => now.established !== undefined);
    const later = await project('now', [delay('d', 0)]);
    await server.call('POST', `/api/executions/${existing}/approve`);
    for (const each of [watch, filtered]) await each.until((now) => ended(now.frames).length === 2);
    const received = sequences(watch.frames);
    expect(received.get(later)).toEqual(upTo(received.get(later)!.length));
    const { body } = await server.call('GET', `/api/executions/${existing}`);
    const own = received.get(existing)!;
    expect(own[0]).toBeGreaterThan(20);
    expect(own).toEqual(upTo(body.lastSequence).slice(own[0]! - 1));
    expect(new Set(filtered.frames.map(({ type }) => type))).toEqual(
      new Set(['execution:step', 'execution:completed']),
    );
    const { body: page } = await server.call(
      'GET',
      `/api/executions/${existing}/events?types=execution:step,execution:completed`,
    );
    expect(sequences(filtered.frames).get(existing)).toEqual(page.events.map(({ sequence }) => sequence));
    // Events that the filter left out are not sent after a reconnect either.
    const rest = watchAll('?projectId=now&types=execution:step', {
      'last-event-id': filtered.frames.at(-1)!.cursor,
    });
    await rest.until((now) => now.comments > 2);
    expect(rest.frames).toEqual([]);
    for (const each of [watch, filtered, rest, single]) each.close();
  });
});
