import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, idsIn, pathOf, start, upTo } from './support/watch.js';

/** A connection of a client that keeps to HTTP as it likes. */
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

  /** Waits for a text; fails when the connection closes before. */
  async until(text: string | RegExp): Promise<this> {
    const isThere = () => (typeof text === 'string' ? this.text.includes(text) : text.test(this.text));
    const closed = this.closed.then(() => true);
    while (!isThere()) {
      const over = await Promise.race([closed, once(this.socket, 'data').then(() => false)]);
      if (over && !isThere()) throw new Error(`closed after: ${this.text.slice(-500)}`);
    }
    return this;
  }
}

/** The bodies of the chunked answers on a connection; fails where the framing is broken. */
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

/** All of an execution's events, and its end. */
function expectWhole(body: string): void {
  const ids = idsIn(body);
  expect(ids).toEqual(upTo(ids.length));
  expect(body.match(/^event: .*$/gm)!.at(-1)).toBe('event: execution:completed');
}

describe('a connection with a stream on it', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start({ DATABASE_URL: await createDatabase(), HEARTBEAT_INTERVAL_MS: '200' });
  });
  afterAll(async () => {
    // None of it may have been more than it can take.
    expect(server.output()).not.toMatch(/ERROR|Unhandled|uncaught/i);
    expect(await server.kill('SIGTERM')).toBe(0);
  });

  const brief = () => server.startExecution(start([agent('a', { chunks: 200, delayMs: 1 })]));
  const endless = () => server.startExecution(start([agent('a', { hang: true })]));
  /** Waits until no stream is open. */
  async function noneOpen(): Promise<void> {
    while (!/^cloutagent_streams_open 0$/m.test((await server.call('GET', '/metrics')).text));
  }

  it('gets plain frames and no chunks under HTTP/1.0, and is closed at the end', async () => {
    const raw = (await Raw.open(server)).ask(pathOf(await brief()), '1.0');
    await once(raw.socket, 'end');
    raw.socket.end();
    const [head = '', ...frames] = raw.text.split('\r\n\r\n');
    expect(head).not.toMatch(/transfer-encoding/i);
    expect(frames).toHaveLength(1);
    expect(frames[0]).not.toMatch(/^[\da-f]+\r$/m);
    expectWhole(frames[0]!);
  });

  it('is kept for what was asked behind the stream, which is answered after it and in order', async () => {
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
    // It may have been over before its turn came, but it was asked for while it ran.
    expectWhole(bodies[2]!);
    expect(JSON.parse(bodies[3]!)).toMatchObject({ status: 404 });
  });

  it('says that the stream is the last answer, and is closed behind it, whatever is asked meanwhile', async () => {
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

  it('holds an answer that has to wait for its turn, however long, and nothing once the client has left', async () => {
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
    // The stall limit, several times.
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
    ['sends more than it has to', (socket) => socket.write(Buffer.alloc(3_000_000))],
    ['sends a request that is broken off', (socket) => socket.end('GET / HTTP/1.1\r\nHost')],
  ])('is over for the stream when the client %s', async (_what, leave) => {
    const raw = (await Raw.open(server)).ask(pathOf(await endless()));
    await raw.until(': ping');
    const over = Promise.race([raw.closed, once(raw.socket, 'end')]);
    leave(raw.socket);
    await Promise.all([noneOpen(), over.catch(() => undefined)]);
    raw.socket.destroy();
    // Nothing but frames in the stream: no other answer may begin in the middle of this one.
    expect(raw.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('is not disturbed by what is no HTTP', async () => {
    const raw = (await Raw.open(server)).ask(
      pathOf(await server.startExecution(start([agent('a', { chunks: 50, delayMs: 10 })]))),
    );
    await raw.until('id: 2\n');
    raw.socket.write('\0\xff what is this\r\n\r\n', 'latin1');
    await once(raw.socket, 'end');
    raw.socket.end();
    expectWhole(bodiesOf(raw.text)[0]!);
  });

  it('may be reset while the server writes as much as it can', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 3000, delayMs: 0 })]));
    const crowd = await Promise.all(Array.from({ length: 30 }, () => Raw.open(server)));
    await Promise.all(crowd.map((raw) => raw.ask(pathOf(id)).until('id: 2\n')));
    for (const raw of crowd) raw.socket.resetAndDestroy();
    await noneOpen();
  });
});

describe('a request that does not come to its end', () => {
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
  it.each<[string, begins: string, goesOn: string]>([
    ['says nothing', '', ''],
    ['has no end of its header', 'GET / HTTP/1.1\r\nHost: ', 'x'],
    ['has header fields without end', 'GET / HTTP/1.1\r\n', 'X: y\r\n'],
    ['sends its body byte by byte', post(authorization, 'Content-Length: 100000'), ' '],
    ['sends nothing of its body', post(authorization, 'Content-Length: 100000'), ''],
    ['has chunks without end', post(authorization, 'Transfer-Encoding: chunked'), '1\r\n \r\n'],
    ['has a chunk without end', `${post(authorization, 'Transfer-Encoding: chunked')}ffff\r\n`, ' '],
    ['is of nobody', post('Content-Length: 100000'), ' '],
  ])('is 408 and the end of its connection when it %s', async (_what, begins, goesOn) => {
    const raw = await Raw.open(server);
    raw.socket.write(begins);
    let drips = goesOn;
    const drip = setInterval(() => raw.socket.write(drips), 20);
    await Promise.race([raw.closed, once(raw.socket, 'end')]);
    // A client that takes no notice is closed nevertheless.
    drips = 'x';
    await raw.closed;
    clearInterval(drip);
    expect(raw.text).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(JSON.parse(raw.text.slice(raw.text.indexOf('{')))).toMatchObject({ code: 'request_timeout' });
  });

  it('does not touch the stream that it is sent behind', async () => {
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
});
