import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseControl } from './support/database-control.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { type FakeModelServer, startFakeModelServer } from './support/fake-providers.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, delay, ids, pathOf, start, TERMINAL, upTo, Watch } from './support/watch.js';

describe('SIGTERM', () => {
  let models: FakeModelServer;
  let http: FakeHttpServer;
  let settings: Record<string, string>;
  let slow = true;
  beforeAll(async () => {
    models = await startFakeModelServer();
    http = await startFakeHttpServer((_request, response) => {
      // No answer while the first process is running.
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

  it('requeues executions that wait for other servers, which complete even without retries', async () => {
    const noRetries = { options: { maxRetries: 0 } };
    const nodes = {
      // Takes longer than the first process is running.
      transform: { type: 'transform', data: { config: { expression: '$sum([1..100000].($ % 7))' } } },
      post: { type: 'http', data: { config: { method: 'POST', url: http.url, body: {} } } },
      model: { ...agent('a', {}, { model: 'openai-compatible/m', providerOptions: {} }) },
    };
    models.script({ text: ['lost'], after: 2, ending: 'hang' });
    const first = await Server.start(settings);
    const executions = await Promise.all(
      Object.values(nodes).map((node) => first.startExecution(start([{ ...node, id: 'a' }], [], noRetries))),
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

  it('requeues 50 executions and ends 200 streams with retry, and the next process loses no event', async () => {
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
    // Streams whose execution ended just before the shutdown end without retry.
    const retried = before.filter((watch) => watch.endsWithRetry);
    expect(retried.length).toBeGreaterThan(0);
    for (const watch of before)
      expect(watch.endsWithRetry || TERMINAL.test(watch.frames.at(-1)!.type)).toBe(true);
    const second = await Server.start(settings);
    await Promise.all(
      before.map(async (watch, index) => {
        if (!watch.endsWithRetry) return;
        const last = String(watch.frames.at(-1)!.id);
        const rest = await new Watch(second.url, pathOf(executions[index % 50]!), {
          'last-event-id': last,
        }).done(120_000);
        const all = [...watch.frames, ...rest.frames];
        expect(ids(all)).toEqual(upTo(all.length));
        expect(all.at(-1)!.type).toBe('execution:completed');
      }),
    );
    await second.kill('SIGTERM');
  }, 360_000);
});

describe('SIGTERM during requests', () => {
  let url: string;
  let database: DatabaseControl;
  beforeAll(async () => {
    url = await createDatabase();
    database = await DatabaseControl.open(url);
  });
  afterAll(() => database.close());

  /** Posts over the connection of an agent. Without a body it sends an incomplete request. */
  const post = (server: Server, client: Agent, body: string | undefined): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const call = request(new URL('/api/executions', server.url), {
        method: 'POST',
        agent: client,
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      });
      call.on('response', resolve).on('error', reject);
      if (body === undefined) call.write('{"projectId":');
      else call.end(body);
    });

  /** Returns the bytes of a POST, for pipelined requests. */
  const rawPost = (): string => {
    const body = JSON.stringify(start([agent('a', { chunks: 1 })]));
    return (
      `POST /api/executions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    );
  };
  /** Waits until the INSERT of an execution waits for the lock. Other statements of the server wait for the table too. */
  const committing = async (name: string): Promise<void> => {
    const table = 'cloutagent.executions';
    while (!(await database.waitsFor(name, table, `INSERT INTO ${table}`)));
  };
  const stored = () => database.rows<{ id: string }>('SELECT id FROM cloutagent.executions');

  it('completes a POST that is being committed, refuses new connections and closes idle ones at once', async () => {
    const server = await Server.start({ DATABASE_URL: await database.addRole('first') });
    const { port, hostname } = new URL(server.url);
    const idle = connect(Number(port), hostname);
    idle.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const unlock = await database.lock('cloutagent.executions', 'ACCESS EXCLUSIVE');
    const client = new Agent({ keepAlive: true });
    const answered = post(server, client, JSON.stringify(start([agent('a', { chunks: 1 })])));
    await committing('first');
    const exited = server.kill('SIGTERM');
    await once(idle, 'close');
    const refused = connect(Number(port), hostname);
    expect(await once(refused, 'error')).toMatchObject([{ code: 'ECONNREFUSED' }]);
    await unlock();
    const answer = await answered;
    expect([answer.statusCode, answer.headers.connection]).toEqual([202, 'close']);
    const { id } = JSON.parse(await text(answer)) as { id: string };
    expect(await exited).toBe(0);
    expect(await database.rows('SELECT id FROM cloutagent.executions WHERE id = $1', [id])).toHaveLength(1);
    client.destroy();
  });

  it.each([
    { name: 'completes every pipelined request that arrived before', before: 2, after: 0 },
    { name: 'does not execute a pipelined request that arrives later', before: 1, after: 1 },
  ])('$name', async ({ before, after }) => {
    const role = `first_${before}`;
    const server = await Server.start({ DATABASE_URL: await database.addRole(role) });
    const known = await stored();
    const { port, hostname } = new URL(server.url);
    const idle = connect(Number(port), hostname);
    idle.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(idle, 'data');
    const unlock = await database.lock('cloutagent.executions', 'ACCESS EXCLUSIVE');
    const socket = connect(Number(port), hostname);
    socket.write(rawPost().repeat(before));
    await committing(role);
    const exited = server.kill('SIGTERM');
    await once(idle, 'close');
    socket.write(rawPost().repeat(after));
    // Long enough for the server to read it.
    await sleep(100);
    await unlock();
    const answers = (await socket.toArray()).map(String).join('');
    expect(answers.match(/HTTP\/1.1 \d+/g)).toEqual(Array(before).fill('HTTP/1.1 202'));
    // Only the last answer announces the close.
    expect(answers.match(/connection: close/gi)).toHaveLength(1);
    expect(answers.lastIndexOf('HTTP/1.1')).toBeLessThan(answers.search(/connection: close/i));
    expect(await exited).toBe(0);
    const added = (await stored()).filter(({ id }) => !known.some((one) => one.id === id));
    expect(added).toHaveLength(before);
    for (const { id } of added) expect(answers).toContain(id);
  });

  it('sends a long answer completely, and the pipelined answer after it', async () => {
    const server = await Server.start({ DATABASE_URL: await database.addRole('long') });
    // More than the kernel buffers.
    const nodes = Array.from({ length: 8 }, (_, index) => ({
      id: `n${index}`,
      type: 'transform',
      data: { config: { expression: "$pad('', 900000, 'x')" } },
    }));
    const id = await server.startExecution(start(nodes));
    await new Watch(server.url, pathOf(id)).done();
    const { port, hostname } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const unlock = await database.lock('cloutagent.executions');
    socket.write(
      `GET /api/executions/${id} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n` +
        rawPost(),
    );
    await committing('long');
    await once(socket, 'readable');
    const exited = server.kill('SIGTERM');
    // A refused connection shows that the shutdown has started.
    for (;;) {
      const further = connect(Number(port), hostname);
      const isRefused = await Promise.race([
        once(further, 'connect').then(() => false),
        once(further, 'error').then(() => true),
      ]).catch(() => true);
      further.destroy();
      if (isRefused) break;
    }
    const answers = socket.toArray();
    // Long enough for the client to read the first answer.
    await sleep(500);
    await unlock();
    const answer = (await answers).map(String).join('');
    const length = Number(/content-length: (\d+)/i.exec(answer)![1]);
    expect(length).toBeGreaterThan(7_200_000);
    const end = answer.indexOf('\r\n\r\n') + 4 + length;
    expect(answer.slice(end)).toMatch(/^HTTP\/1.1 202 /);
    expect(await exited).toBe(0);
  });

  it('does not wait for a request body that never arrives, and ends streams with retry', async () => {
    const server = await Server.start({ DATABASE_URL: url, SHUTDOWN_TIMEOUT_MS: '4000' });
    const client = new Agent({ keepAlive: true });
    const cut = post(server, client, undefined);
    const watched = await server.startExecution(start([delay('a', 60_000)]));
    const watch = await new Watch(server.url, pathOf(watched)).until((now) => now.frames.length > 0);
    const exited = server.kill('SIGTERM');
    await watch.done();
    expect(watch.endsWithRetry).toBe(true);
    await expect(cut).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(await exited).toBe(0);
    client.destroy();
  });
});
