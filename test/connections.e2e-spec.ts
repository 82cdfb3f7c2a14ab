import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, idsIn, pathOf, start, upTo } from './support/watch.js';

/** A connection of a client that may send any bytes. */
class Raw {
  text = '';
  readonly closed: Promise<unknown>;
  private constructor(readonly socket: Socket) {
    socket.on('data', (data: Buffer) => (this.text += data.toString('latin1')));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  static async open(server: Server): Promise<Raw> {
    const { port, hostname } = new URL(server.url);
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    await once(socket, 'connect');
    return new Raw(socket);
  }

  ask(path: string, version = '1.1', more = ''): this {
    this.socket.write(
      `GET ${path} HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n${more}\r\n`,
    );
    return this;
  }

  /**
   * Waits for a text.
   * @throws Error when the connection closes first
   */
  async until(text: string | RegExp): Promise<this> {
    const hasArrived = () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    const closed = this.closed.then(() => true);
    while (!hasArrived()) {
      const isClosed = await Promise.race([closed, once(this.socket, 'data').then(() => false)]);
      if (isClosed && !hasArrived()) throw new Error(`closed after: ${this.text.slice(-500)}`);
    }
    return this;
  }
}

/** Returns the bodies of the answers on a connection. Fails on broken framing. */
function bodiesOf(text: string): string[] {
  const bodies: string[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\r\n\r\n', at);
    const head = text.slice(at, end);
    at = end + 4;
    expect(head).toMatch(/^HTTP\/1\.1 \d{3} /);
    const length = /content-length: (\d+)/i.exec(head);
    if (length) {
      bodies.push(text.slice(at, (at += Number(length[1]))));
      continue;
    }
    expect(head).toMatch(/transfer-encoding: chunked/i);
    let body = '';
    for (;;) {
      const line = text.indexOf('\r\n', at);
      const hex = text.slice(at, line);
      expect(hex).toMatch(/^[\da-f]+$/);
      const size = Number.parseInt(hex, 16);
      body += text.slice(line + 2, line + 2 + size);
      at = line + 2 + size;
      expect(text.slice(at, at + 2)).toBe('\r\n');
      at += 2;
      if (size === 0) break;
    }
    bodies.push(body);
  }
  return bodies;
}

/** Checks that a stream has all events of an execution, up to its end. */
function expectWhole(body: string): void {
  const ids = idsIn(body);
  expect(ids).toEqual(upTo(ids.length));
  expect(body.match(/^event: .*$/gm)!.at(-1)).toBe('event: execution:completed');
}

describe('a connection with a stream', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' });
  });
  afterAll(async () => {
    // The server must have handled everything without an error.
    expect(server.output()).not.toMatch(/ERROR|Unhandled|uncaught/i);
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  const brief = () => server.startExecution(start([agent('a', { chunks: 200, delayMs: 1 })]));
  const endless = () => server.startExecution(start([agent('a', { hang: true })]));
  /** Waits until no stream is open. */
  async function noneOpen(): Promise<void> {
    while (!/^cloutagent_streams_open 0$/m.test((await server.call('GET', '/metrics')).text));
  }

  it('carries plain frames without chunks over HTTP/1.0, and is closed at the end', async () => {
    const raw = (await Raw.open(server)).ask(pathOf(await brief()), '1.0');
    await once(raw.socket, 'end');
    raw.socket.end();
    const [head = '', ...frames] = raw.text.split('\r\n\r\n');
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(frames).toHaveLength(1);
    expect(frames[0]).not.toMatch(/^[\da-f]+\r$/m);
    expectWhole(frames[0]!);
  });

  it('stays open for pipelined requests, which are answered in order after the stream', async () => {
    const [first, second] = [await brief(), await brief()];
    const raw = await Raw.open(server);
    raw.socket.cork();
    raw
      .ask(pathOf(first))
      .ask(`/api/executions/${first}`)
      .ask(pathOf(second))
      .ask('/nowhere', '1.1', 'Connection: close\r\n');
    raw.socket.uncork();
    await once(raw.socket, 'end');
    raw.socket.end();
    const bodies = bodiesOf(raw.text);
    expect(bodies).toHaveLength(4);
    expectWhole(bodies[0]!);
    expect(JSON.parse(bodies[1]!)).toMatchObject({ id: first });
    // The execution may have ended before this request was answered, but it was running when the request arrived.
    expectWhole(bodies[2]!);
    expect(JSON.parse(bodies[3]!)).toMatchObject({ status: 404 });
  });

  it('announces the stream as the last answer and is closed after it, also if another request arrives', async () => {
    const raw = (await Raw.open(server)).ask('/health/live').ask(pathOf(await brief()));
    await raw.until('id: 2\n');
    raw.ask('/health/live');
    await once(raw.socket, 'end');
    raw.socket.end();
    const bodies = bodiesOf(raw.text);
    expect(bodies).toHaveLength(2);
    expectWhole(bodies[1]!);
    expect(raw.text.match(/^Connection: .*$/gim)).toEqual(['Connection: keep-alive', 'Connection: close']);
  });

  it('keeps a pipelined answer for any time, and releases it when the client disconnects', async () => {
    const patient = await Server.start({
      DATABASE_URL: await createDatabase(),
      HEARTBEAT_INTERVAL_MS: '50',
      STREAM_STALL_TIMEOUT_MS: '200',
    });
    const metric = async (name: string) =>
      new RegExp(`^cloutagent_${name} (.*)$`, 'm').exec((await patient.call('GET', '/metrics')).text)![1];
    const first = await patient.startExecution(start([agent('a', { hang: true })]));
    const second = await patient.startExecution(start([agent('a', { chunks: 3000, delayMs: 0 })]));
    const [raw, other] = [await Raw.open(patient), await Raw.open(patient)];
    for (const { socket } of [raw, other]) socket.cork();
    for (const each of [raw, other]) each.ask(pathOf(first)).ask(pathOf(second));
    for (const { socket } of [raw, other]) socket.uncork();
    while ((await metric('streams_blocked')) !== '2');
    // Wait for several times the stall timeout.
    const seen = raw.text.length;
    await raw.until(new RegExp(`^[^]{${seen}}(?:[^]*: ping){20}`));
    expect(await metric('streams_open')).toBe('4');
    other.socket.destroy();
    while ((await metric('streams_open')) !== '2');
    await patient.call('POST', `/api/executions/${first}/cancel`);
    await once(raw.socket, 'end');
    raw.socket.end();
    expectWhole(bodiesOf(raw.text)[1]!);
    expect([await metric('streams_open'), await metric('streams_stalled_total')]).toEqual(['0', '0']);
    expect(await patient.kill('SIGTERM')).toBe(0);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['ends its side', (socket) => socket.end()],
    ['resets it', (socket) => socket.resetAndDestroy()],
    ['sends megabytes of unexpected data', (socket) => socket.write(Buffer.alloc(3_000_000))],
    ['sends an incomplete request', (socket) => socket.end('GET / HTTP/1.1\r\nHost')],
  ])('ends its stream when the client %s', async (_what, disconnect) => {
    const raw = (await Raw.open(server)).ask(pathOf(await endless()));
    await raw.until(': ping');
    const ended = Promise.race([raw.closed, once(raw.socket, 'end')]);
    disconnect(raw.socket);
    await Promise.all([noneOpen(), ended.catch(() => undefined)]);
    raw.socket.destroy();
    // No other answer may start in the middle of the stream.
    expect(raw.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('completes its stream although the client sends bytes that are not HTTP', async () => {
    const raw = (await Raw.open(server)).ask(
      pathOf(await server.startExecution(start([agent('a', { chunks: 50, delayMs: 10 })]))),
    );
    await raw.until('id: 2\n');
    raw.socket.write('\0\xff what is this\r\n\r\n', 'latin1');
    await once(raw.socket, 'end');
    raw.socket.end();
    expectWhole(bodiesOf(raw.text)[0]!);
  });

  it('may be reset while the server writes at full speed', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 3000, delayMs: 0 })]));
    const crowd = await Promise.all(Array.from({ length: 30 }, () => Raw.open(server)));
    await Promise.all(crowd.map((raw) => raw.ask(pathOf(id)).until('id: 2\n')));
    for (const raw of crowd) raw.socket.resetAndDestroy();
    await noneOpen();
  });
});

describe('an invalid request', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      REQUEST_HEADERS_TIMEOUT_MS: '500',
      REQUEST_TIMEOUT_MS: '1000',
    });
  });
  afterAll(async () => {
    expect(server.output()).not.toMatch(/ERROR|Unhandled|uncaught/i);
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  const post = (...more: string[]) =>
    ['POST /api/executions HTTP/1.1', 'Host: x', 'Content-Type: application/json', ...more, '', ''].join(
      '\r\n',
    );
  const authorization = `Authorization: Bearer ${ADMIN_KEY}`;
  it.each<[string, first: string, then: string]>([
    ['sends nothing', '', ''],
    ['has a header field without end', 'GET / HTTP/1.1\r\nHost: ', 'x'],
    ['has endless header fields', 'GET / HTTP/1.1\r\n', 'X: y\r\n'],
    ['sends its body byte by byte', post(authorization, 'Content-Length: 100000'), ' '],
    ['sends nothing of its body', post(authorization, 'Content-Length: 100000'), ''],
    ['has endless chunks', post(authorization, 'Transfer-Encoding: chunked'), '1\r\n \r\n'],
    ['has a chunk without end', `${post(authorization, 'Transfer-Encoding: chunked')}ffff\r\n`, ' '],
    ['has no credential', post('Content-Length: 100000'), ' '],
  ])('is answered 408 and its connection is closed when it %s', async (_what, first, then) => {
    const raw = await Raw.open(server);
    raw.socket.write(first);
    let next = then;
    const timer = setInterval(() => raw.socket.write(next), 20);
    await Promise.race([raw.closed, once(raw.socket, 'end')]);
    // The server closes the connection even if the client continues to send.
    next = 'x';
    await raw.closed;
    clearInterval(timer);
    expect(raw.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(JSON.parse(raw.text.slice(raw.text.indexOf('{')))).toMatchObject({ code: 'request_timeout' });
  });

  it('does not end the stream that it is pipelined after', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 100, delayMs: 30 })]));
    const raw = (await Raw.open(server)).ask(pathOf(id));
    await raw.until('id: 2\n');
    raw.socket.write(post(authorization, 'Content-Length: 100000'));
    await once(raw.socket, 'end');
    raw.socket.end();
    const bodies = bodiesOf(raw.text);
    expect(bodies).toHaveLength(1);
    expectWhole(bodies[0]!);
  });

  it.each<[string, string, RegExp]>([
    ['is not HTTP', 'HELLO\r\n\r\n', /^HTTP\/1.1 400 [^]*"code":"malformed_request"/],
    [
      'has headers that are too large',
      `GET /?${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      /^HTTP\/1.1 431 [^]*"code":"headers_too_large"/,
    ],
    [
      'has an unknown expectation',
      'GET /health/live HTTP/1.1\r\nHost: x\r\nExpect: tea\r\nConnection: close\r\n\r\n',
      /^HTTP\/1.1 417 [^]*"code":"expectation_failed"/,
    ],
  ])('is answered with a problem when it %s', async (_what, request, expected) => {
    const raw = await Raw.open(server);
    raw.socket.write(request);
    await once(raw.socket, 'end');
    raw.socket.end();
    expect(raw.text).toMatch(expected);
  });
});
