import { insertLargeOutput } from './support/large-results.js';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, type Frame, ids as idsOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

/** Returns the sequences of each execution in the order of their arrival. */
function sequences(frames: readonly Frame[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { data } of frames) {
    const own = found.get(data.executionId);
    if (own) own.push(data.sequence);
    else found.set(data.executionId, [data.sequence]);
  }
  return found;
}
const ended = (frames: readonly Frame[]): string[] =>
  frames.filter(({ type }) => TERMINAL.test(type)).map(({ data }) => data.executionId);
const approval = { id: 'ask', type: 'approval', data: {} };

/** Checks that the frames hold exactly these executions, each with all its events 1…n and its end. */
async function expectWhole(server: Server, frames: readonly Frame[], ids: readonly string[]): Promise<void> {
  const received = sequences(frames);
  expect([...received.keys()].toSorted()).toEqual(ids.toSorted());
  expect(ended(frames).toSorted()).toEqual(ids.toSorted());
  for (const id of ids) {
    const { body } = await server.call('GET', `/api/executions/${id}`);
    expect([id, received.get(id)]).toEqual([id, upTo(body.lastSequence)]);
  }
}

/** Follows a stream like a client whose connection breaks many times, until `isDone` or 204. */
async function follow(
  url: () => string,
  path: string,
  isDone: (frames: readonly Frame[]) => boolean,
  maxFrames = 60,
): Promise<{ frames: Frame[]; connections: number }> {
  const frames: Frame[] = [];
  for (let connections = 1; ; connections += 1) {
    const before = frames.length;
    const stopAt = connections <= 50 ? 1 + Math.floor(Math.random() * maxFrames) : Infinity;
    const watch = new Watch(url(), path, { 'last-event-id': frames.at(-1)?.cursor ?? '' });
    const done = (now: Watch) => now.frames.length >= stopAt || isDone([...frames, ...now.frames]);
    await watch.until(done, 60_000).catch(() => undefined);
    const { status, ended: byServer } = watch;
    watch.close();
    frames.push(...watch.frames);
    if (isDone(frames) || status === 204) return { frames, connections };
    if (byServer && frames.length === before && status !== 0 && status !== 200)
      throw new Error(`answered ${status}`);
  }
}

describe('a stream of many executions', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      HEARTBEAT_INTERVAL_MS: '200',
      MULTI_STREAM_MAX_IDS: '5',
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
    // The events have the same data as on the single stream, and also their sequence.
    const single = await new Watch(server.url, `/api/executions/${endedId}/stream`).done();
    const own = whole.frames.filter(({ data }) => data.executionId === endedId);
    expect(own.map(({ type, data }) => ({ type, data }))).toEqual(
      single.frames.map(({ id, type, data }) => ({ type, data: { ...data, sequence: id } })),
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

  const createKey = async (projectId: string) => {
    const request = { name: 'k', projects: [projectId], scopes: ['executions:read'] };
    const { key, id } = (await server.call('POST', '/api/keys', request)).body;
    return { id, caller: { authorization: `Bearer ${key}` } };
  };
  const refusals =
    (caller: Record<string, string>) =>
    async (query: string, status: number, code: string, headers: Record<string, string> = {}) => {
      const all = { ...caller, ...headers };
      const answer = await server.call('GET', `/api/executions/stream${query}`, undefined, all);
      expect(answer).toMatchObject({ status, body: { code } });
    };

  it('refuses executions and projects of others, and invalid queries', async () => {
    const mine = await project('mine', [approval]);
    const theirs = await project('theirs', [approval]);
    const refused = refusals((await createKey('mine')).caller);
    await refused('?projectId=theirs', 404, 'not_found');
    await refused(`?executionIds=${theirs}`, 404, 'not_found');
    await refused(`?executionIds=${mine},${theirs}`, 404, 'not_found');
    await refused(`?executionIds=${mine},nonsense`, 404, 'not_found');
    await refused(`?executionIds=${mine}&tag=x`, 400, 'validation_failed');
    await refused('?executionIds=', 400, 'validation_failed');
    await refused('?status=happy', 400, 'validation_failed');
    await refused(`?executionIds[]=${mine}`, 400, 'validation_failed');
    await refused('?types%5B0%5D=execution:step', 400, 'validation_failed');
    await refused('?from=yesterday', 400, 'validation_failed');
    const six = Array.from({ length: 6 }, (_unused, n) => `${mine.slice(0, -1)}${n}`);
    await refused(`?executionIds=${six.join()}`, 400, 'validation_failed');
  });

  it('without a filter sends only the projects of the caller, and refuses invalid cursors', async () => {
    const mine = await project('cursors', [approval]);
    await project('theirs', [approval]);
    const { caller } = await createKey('cursors');
    const refused = refusals(caller);
    const watch = new Watch(server.url, '/api/executions/stream', caller);
    await watch.until((now) => now.frames.length >= 2);
    expect([...sequences(watch.frames).keys()]).toEqual([mine]);
    const { cursor } = watch.frames.at(-1)!;
    watch.close();
    const named = await new Watch(server.url, `/api/executions/stream?executionIds=${mine}`).until(
      (now) => now.frames.length >= 2,
    );
    named.close();
    const bytes = Buffer.from(cursor, 'base64url');
    const invalid = [
      '1',
      'nonsense',
      '*',
      cursor.slice(0, -2),
      `${cursor}AA`,
      `${cursor}=`,
      bytes.toString('base64'),
      Buffer.concat([Buffer.from([9]), bytes.subarray(1)]).toString('base64url'),
      named.frames.at(-1)!.cursor,
      'A'.repeat(10_000),
    ].filter((text) => text !== cursor);
    for (const text of invalid) await refused('', 400, 'invalid_last_event_id', { 'last-event-id': text });
    for (const other of ['?projectId=cursors', '?status=running', '?tag=x', `?executionIds=${mine}`])
      await refused(other, 400, 'invalid_last_event_id', { 'last-event-id': cursor });
    await refused(`?lastEventId=${cursor}x`, 400, 'invalid_last_event_id');
  });

  it('opens with a ticket for the same filter only', async () => {
    const id = await project('tickets', [approval]);
    const issue = async (filter?: object) => {
      const { status, body } = await server.call('POST', '/api/executions/stream-tickets', filter);
      expect(status).toBe(201);
      return body as { ticket: string; url: string };
    };
    const open = (path: string) =>
      fetch(new URL(path, server.url)).then(async (answer) => {
        await answer.body?.cancel();
        return answer.status;
      });
    const first = await issue({ projectId: 'tickets', status: ['running', 'paused'] });
    for (const other of [
      '',
      '?projectId=tickets',
      '?projectId=tickets&status=running',
      `?executionIds=${id}`,
    ])
      expect(await open(`/api/executions/stream${other}${other ? '&' : '?'}ticket=${first.ticket}`)).toBe(
        401,
      );
    expect(await open(`/api/executions/${id}/stream?ticket=${first.ticket}`)).toBe(401);
    // The same filter in another order.
    const same = `/api/executions/stream?status=paused,running&projectId=tickets&ticket=${first.ticket}`;
    expect(await open(same)).toBe(200);
    for (const filter of [
      undefined,
      { tag: 'ä &?' },
      { executionIds: [id.toUpperCase()] },
      { projectId: 'tickets' },
    ])
      expect(await open((await issue(filter)).url)).toBe(200);
    const single = (await server.call('POST', `/api/executions/${id}/stream-tickets`)).body;
    expect(await open(`/api/executions/stream?executionIds=${id}&ticket=${single.ticket}`)).toBe(401);
    const both = await server.call('POST', '/api/executions/stream-tickets', {
      projectId: 'tickets',
      executionIds: [id],
    });
    expect(both.status).toBe(400);
    const { caller } = await createKey('tickets');
    const foreign = await server.call(
      'POST',
      '/api/executions/stream-tickets',
      { projectId: 'mine' },
      caller,
    );
    expect(foreign.status).toBe(404);
  });

  it('ends when its key is revoked', async () => {
    await project('revoked', [approval]);
    const { id, caller } = await createKey('revoked');
    const watch = await new Watch(server.url, '/api/executions/stream', caller).until(
      (now) => now.frames.length > 1,
    );
    await server.call('DELETE', `/api/keys/${id}`);
    await watch.done(10_000);
    expect(watch.status).toBe(200);
    expect((await new Watch(server.url, '/api/executions/stream', caller).done()).status).toBe(401);
  });
});

it('a stream of many executions whose client stops reading delays no other stream and gets every event later', async () => {
  const database = await createDatabase();
  const server = await Server.start({ DATABASE_URL: database });
  const blocked = async () => {
    const { text } = await server.call('GET', '/metrics');
    return Number(/^cloutagent_streams_blocked (.*)$/m.exec(text)![1]);
  };
  // More megabytes than sockets buffer, so that a client that does not read is blocked in the middle of them.
  const large = await server.startExecution(start([agent('a', { chunks: 3 })]));
  await new Watch(server.url, `/api/executions/${large}/stream`).done();
  const last = await insertLargeOutput(database, large);
  const live = await server.startExecution(
    start([approval, agent('a', { chunks: 300, delayMs: 1 })], [['ask', 'a']]),
  );
  const path = `/api/executions/stream?executionIds=${large},${live}`;
  const stopped = new Watch(server.url, path, {}, true);
  while ((await blocked()) === 0);
  const multi = new Watch(server.url, path);
  const single = new Watch(server.url, `/api/executions/${live}/stream`);
  for (const watch of [multi, single]) await watch.until(({ established }) => established !== undefined);
  while ((await server.call('POST', `/api/executions/${live}/approve`)).status !== 202);
  for (const watch of [multi, single]) await watch.done();
  expect(await blocked()).toBe(1);
  const length = single.frames.length;
  expect(idsOf(single.frames)).toEqual(upTo(length));
  expect(length).toBeGreaterThan(300);
  stopped.read();
  await stopped.done();
  for (const { frames } of [multi, stopped]) {
    expect(sequences(frames).get(large)).toEqual(upTo(last));
    expect(sequences(frames).get(live)).toEqual(upTo(length));
  }
  await server.kill('SIGTERM');
});

describe('the limits of a stream of many executions', () => {
  it('count it as one stream, and executions above the limit join later without losing events', async () => {
    const server = await Server.start({
      DATABASE_URL: await createDatabase(),
      MAX_STREAMS_PER_PRINCIPAL: '1',
      MAX_STREAMS_PER_EXECUTION: '1',
      MULTI_STREAM_MAX_EXECUTIONS: '3',
      JOURNAL_POLL_INTERVAL_MS: '500',
      MULTI_STREAM_BUFFER_MAX_BYTES: '500',
      STREAM_WRITE_MAX_BYTES: '2000',
    });
    const ids: string[] = [];
    const talking = agent('a', { chunks: 20, delayMs: 2 });
    for (let n = 0; n < 7; n += 1)
      ids.push(await server.startExecution(start([approval, talking], [['ask', 'a']])));
    const waiting = [...ids];
    const watch = await new Watch(server.url, '/api/executions/stream').until((now) => now.frames.length > 0);
    expect(watch.established!.executions).toBe(3);
    const second = await server.call('GET', '/api/executions/stream');
    expect(second).toMatchObject({ status: 429, body: { code: 'too_many_streams' } });
    for (let n = 0; n < 13; n += 1) ids.push(await server.startExecution(start([talking])));
    for (const id of waiting) {
      const approved = async () =>
        (await server.call('POST', `/api/executions/${id}/approve`)).status === 202;
      while (!(await approved()));
    }
    await watch.until((now) => ended(now.frames).length === ids.length, 60_000);
    await expectWhole(server, watch.frames, ids);
    watch.close();
    await server.kill('SIGTERM');
  });
});

describe('a stream of many executions on several processes', () => {
  it('resumes on another process after kill -9, with the executions of all processes', async () => {
    const settings = {
      DATABASE_URL: await createDatabase(),
      DISPATCH_POLL_INTERVAL_MS: '200',
      JOURNAL_POLL_INTERVAL_MS: '1000',
    };
    let [one, two] = await Promise.all([Server.start(settings), Server.start(settings)]);
    const ids: string[] = [];
    const all = 24;
    const startOn = async (server: Server) => {
      const nodes = [agent('a', { chunks: 80, delayMs: 8 }), agent('b', { chunks: 40, delayMs: 10 })];
      ids.push(await server.startExecution(start(nodes)));
    };
    let connections = 0;
    const nextServer = () => ((connections += 1) % 2 ? one : two).url;
    const isDone = (frames: readonly Frame[]) => ended(frames).length >= all;
    const following = [1, 2, 3].map(() =>
      follow(nextServer, '/api/executions/stream?projectId=demo', isDone, 120),
    );
    for (let n = 0; n < all; n += 1) {
      await startOn(n % 2 ? one : two);
      if (n % 6 === 5) {
        if (n % 12 === 5) {
          await one.kill();
          one = await Server.start(settings);
        } else {
          await two.kill();
          two = await Server.start(settings);
        }
      }
    }
    for (const { frames } of await Promise.all(following)) await expectWhole(one, frames, ids);
    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
  }, 180_000);

  it('adds new executions of another process while it is open', async () => {
    const settings = { DATABASE_URL: await createDatabase(), JOURNAL_POLL_INTERVAL_MS: '300' };
    const [one, two] = await Promise.all([
      Server.start({ ...settings, MAX_EXECUTIONS_PER_PROCESS: '1' }),
      Server.start(settings),
    ]);
    const watches = [one, two].map((server) => new Watch(server.url, '/api/executions/stream'));
    await Promise.all(watches.map((watch) => watch.until((now) => now.established !== undefined)));
    const ids = await Promise.all(
      upTo(6).map(() => two.startExecution(start([agent('a', { chunks: 40, delayMs: 5 })]))),
    );
    for (const watch of watches) {
      await watch.until((now) => ended(now.frames).length === ids.length);
      await expectWhole(one, watch.frames, ids);
      watch.close();
    }
    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
  });
});
