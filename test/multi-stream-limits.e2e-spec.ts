import { insertLargeOutput } from './support/large-results.js';
import { approval, ended, expectWhole, follow, sequences } from './support/multi-stream.js';
import { createDatabase, Server } from './support/server.js';
import { agent, type Frame, ids as idsOf, start, upTo, Watch } from './support/watch.js';

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
