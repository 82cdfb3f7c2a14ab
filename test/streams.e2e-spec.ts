import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { insertLargeOutput } from './support/large-results.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, ids, idsIn, pathOf, start, upTo, Watch } from './support/watch.js';

const settings = {
  HEARTBEAT_INTERVAL_MS: '200',
  STREAM_STALL_TIMEOUT_MS: '4000',
  CHANNEL_BUFFER_MAX_BYTES: '20000',
  CATCH_UP_CACHE_MAX_BYTES: '500000',
};

/** Opens a stream with a client that does not read. */
async function unread(server: Server, id: string): Promise<Socket> {
  const { port, hostname } = new URL(server.url);
  const socket = connect({ port: Number(port), host: hostname });
  socket.pause();
  await once(socket, 'connect');
  socket.write(
    `GET ${pathOf(id)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`,
  );
  return socket;
}

describe('streams', () => {
  let server: Server;
  let database: string;
  beforeAll(async () => {
    database = await createDatabase();
    server = await Server.start({ DATABASE_URL: database, ...settings });
  });
  const metrics = async () => (await server.call('GET', '/metrics')).text;
  afterAll(() => server.kill('SIGTERM'));

  it('send heartbeats while nothing happens, end with the execution, and then answer 204', async () => {
    const id = await server.startExecution(start([agent('a', { hang: true })]));
    const watch = await new Watch(server.url, pathOf(id)).until((now) => now.comments >= 4);
    await server.call('POST', `/api/executions/${id}/cancel`);
    await watch.done();
    expect(watch.frames.at(-1)!.type).toBe('execution:cancelled');
    const last = String(watch.frames.at(-1)!.id);
    expect((await new Watch(server.url, pathOf(id), { 'last-event-id': last }).done()).status).toBe(204);
  });

  it('resume at once for 100 clients at different positions', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 3000, delayMs: 0 })]));
    const whole = await new Watch(server.url, pathOf(id)).done(60_000);
    const all = ids(whole.frames);
    expect(all).toEqual(upTo(all.length));
    const back = Array.from({ length: 100 }, (_unused, index) => {
      const after = Math.floor((index / 100) * all.length);
      return { after, watch: new Watch(server.url, pathOf(id), { 'last-event-id': String(after) }) };
    });
    for (const { after, watch } of back) expect(ids((await watch.done()).frames)).toEqual(all.slice(after));
  });

  it('stay open for a slow client, end for one that reads nothing, and both lose no event', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 5, delayMs: 0 })]));
    await new Watch(server.url, pathOf(id)).done();
    const last = await insertLargeOutput(database, id);
    const [slow, stopped] = [await unread(server, id), await unread(server, id)];
    // The slow client reads small parts of the megabytes for longer than the stall timeout.
    const seen = ['', ''];
    slow.on('data', (data: Buffer) => {
      seen[0] += data.toString('latin1');
      slow.pause();
    });
    const reads = setInterval(() => slow.resume(), 20);
    while (!/^cloutagent_streams_stalled_total 1$/m.test(await metrics())) await once(slow, 'data');
    clearInterval(reads);
    slow.on('data', () => slow.resume()).resume();
    stopped.on('data', (data: Buffer) => (seen[1] += data.toString('latin1'))).resume();
    await Promise.all([once(slow, 'end'), once(stopped, 'close')]);
    expect(idsIn(seen[0]!)).toEqual(upTo(last));
    const got = idsIn(seen[1]!);
    expect(got.length).toBeLessThan(last);
    expect(got).toEqual(upTo(got.length));
    const rest = await new Watch(server.url, pathOf(id), { 'last-event-id': String(got.length - 1) }).done();
    expect(ids(rest.frames)).toEqual(upTo(last).slice(got.length - 1));
    expect(await metrics()).toMatch(/^cloutagent_streams_stalled_total 1$/m);
  });
});

it('a stream that reaches its maximum age ends with retry and can be resumed', async () => {
  const server = await Server.start({ DATABASE_URL: await createDatabase(), STREAM_MAX_AGE_MS: '500' });
  const id = await server.startExecution(start([agent('a', { hang: true })]));
  const watch = await new Watch(server.url, pathOf(id)).done();
  expect(watch.endsWithRetry).toBe(true);
  const again = await new Watch(server.url, pathOf(id), {
    'last-event-id': String(watch.frames.at(-1)!.id),
  }).until((now) => now.established !== undefined);
  again.close();
  await server.kill('SIGTERM');
});
