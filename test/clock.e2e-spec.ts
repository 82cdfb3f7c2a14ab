import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DatabaseControl } from './support/database-control.js';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { insertLargeOutput } from './support/large-results.js';
import { ADMIN_KEY, createDatabase, Server } from './support/server.js';
import { agent, pathOf, start, Watch } from './support/watch.js';

const SECRET = 'a-shared-secret-of-more-than-32-characters';
const STEPPED = pathToFileURL('test/support/stepped-clock.mjs').href;

/** A server whose wall clock a test can set back by an hour. */
class SteppedServer {
  private steps = 0;
  private constructor(readonly server: Server) {}

  static async start(settings: Record<string, string>): Promise<SteppedServer> {
    return new SteppedServer(await Server.start({ ...settings, NODE_OPTIONS: `--import=${STEPPED}` }));
  }

  /** The time of its wall clock, in s. */
  get seconds(): number {
    return Math.floor(Date.now() / 1000) - this.steps * 3_600;
  }

  async setBack(): Promise<void> {
    this.steps += 1;
    this.server.process.kill('SIGUSR2');
    while (!this.server.output().includes(`the wall clock was set back, ${this.steps}\n`)) await sleep(5);
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const token = (expires: string | number, subject = 'ann') =>
  new SignJWT({ projects: ['demo'], scope: 'executions:read' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(subject)
    .setExpirationTime(expires)
    .sign(new TextEncoder().encode(SECRET));

describe('after the wall clock was set back by an hour', () => {
  let stepped: SteppedServer;
  let server: Server;
  let database: DatabaseControl;
  let url: string;
  beforeAll(async () => {
    url = await createDatabase();
    stepped = await SteppedServer.start({
      DATABASE_URL: url,
      JWT_SECRET: SECRET,
      HEARTBEAT_INTERVAL_MS: '200',
      STREAM_STALL_TIMEOUT_MS: '1500',
      // An execution that ended an hour ago would be packed before the test adds events to it.
      JOURNAL_PACK_EVENTS_PER_SECOND: '0',
      CHANNEL_BUFFER_MAX_BYTES: '20000',
      CATCH_UP_CACHE_MAX_BYTES: '500000',
      JOURNAL_POLL_INTERVAL_MS: '300',
      CREDENTIAL_CHECK_INTERVAL_MS: '600',
      TICKET_TTL_MS: '1500',
      RATE_LIMIT_REQUESTS: '300',
    });
    ({ server } = stepped);
    database = await DatabaseControl.open(url);
  });
  afterAll(async () => {
    await database?.close();
    await server?.kill('SIGTERM');
  });

  const hanging = () => server.startExecution(start([agent('a', { hang: true })]));
  const watch = (id: string, headers = {}) =>
    new Watch(server.url, pathOf(id), headers).until((now) => now.frames.length >= 2);

  it('streams send heartbeats, and polling finds events without a notification', async () => {
    const id = await hanging();
    const stream = await watch(id);
    await stepped.setBack();
    const { comments, frames } = stream;
    await stream.until((now) => now.comments >= comments + 3);
    await database.rows(
      `INSERT INTO cloutagent.events VALUES ($1, $2, 'execution:output', '{"chunk":"unnotified"}')`,
      [id, frames.at(-1)!.id + 1],
    );
    await stream.until((now) => now.frames.at(-1)!.data.chunk === 'unnotified');
    stream.close();
  });

  it('a stream ends when its token expires', async () => {
    const id = await hanging();
    const stream = await watch(id, bearer(await token(stepped.seconds + 8)));
    await stepped.setBack();
    await stream.done();
    expect(stream.endsWithRetry).toBe(true);
  });

  it('a stream ends when its key is revoked, although the notification is lost', async () => {
    const { body } = await server.call('POST', '/api/keys', {
      name: 'k',
      projects: ['demo'],
      scopes: ['executions:read'],
    });
    const stream = await watch(await hanging(), bearer(body.key));
    await stepped.setBack();
    await database.rows('UPDATE cloutagent.api_keys SET revoked_at = now() WHERE id = $1', [body.id]);
    await stream.done();
    expect(stream.endsWithRetry).toBe(true);
  });

  it('a stream whose client reads nothing is ended as stalled', async () => {
    const id = await server.startExecution(start([agent('a', { chunks: 5, delayMs: 0 })]));
    await new Watch(server.url, pathOf(id)).done();
    await insertLargeOutput(url, id);
    const { port, hostname } = new URL(server.url);
    const socket = connect({ port: Number(port), host: hostname });
    socket.pause();
    await once(socket, 'connect');
    socket.write(`GET ${pathOf(id)} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ADMIN_KEY}\r\n\r\n`);
    const metric = async (line: RegExp) =>
      line.test((await server.call('GET', '/metrics')).text) || (await sleep(20), false);
    while (!(await metric(/^cloutagent_streams_blocked 1$/m)));
    await stepped.setBack();
    while (!(await metric(/^cloutagent_streams_stalled_total 1$/m)));
    socket.destroy();
  });

  it('a ticket expires by the clock of the database', async () => {
    const id = await hanging();
    const { body } = await server.call('POST', `/api/executions/${id}/stream-tickets`);
    await stepped.setBack();
    const isExpired = async () =>
      (await database.rows(`SELECT FROM cloutagent.stream_tickets WHERE now() > $1`, [body.expiresAt]))
        .length > 0;
    while (!(await isExpired())) await sleep(20);
    const answer = await fetch(new URL(`${pathOf(id)}?ticket=${body.ticket}`, server.url));
    expect(answer.status).toBe(401);
  });

  it('Retry-After for too many requests stays within a minute', async () => {
    const ann = bearer(await token('2h', 'busy'));
    const ask = () => server.call('GET', '/api/executions?limit=1', undefined, ann);
    expect((await ask()).status).toBe(200);
    await stepped.setBack();
    let answer = await ask();
    while (answer.status !== 429) answer = await ask();
    expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  });
});

describe('after the wall clock was set back by an hour, with an identity provider', () => {
  let stepped: SteppedServer;
  let server: Server;
  let provider: FakeHttpServer;
  /** The keys that the provider publishes. */
  let published: JWK[] = [];
  beforeAll(async () => {
    provider = await startFakeHttpServer((_request, response) => {
      response.end(JSON.stringify({ keys: published }));
    });
    stepped = await SteppedServer.start({
      DATABASE_URL: await createDatabase(),
      JWKS_URL: `${provider.url}/jwks`,
      JWKS_COOLDOWN_MS: '300',
      MAX_AUTH_FAILURES_PER_MINUTE: '2',
    });
    ({ server } = stepped);
  });
  afterAll(async () => {
    await server?.kill('SIGTERM');
    await provider?.close();
  });

  const makeKey = async (kid: string): Promise<{ jwk: JWK; token: string }> => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const signed = new SignJWT({ projects: ['demo'], scope: 'executions:read' })
      .setSubject('ann')
      .setExpirationTime('5h')
      .setProtectedHeader({ alg: 'ES256', kid })
      .sign(privateKey);
    return { jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, token: await signed };
  };
  const list = (key: string) => server.call('GET', '/api/executions', undefined, bearer(key));

  it('a new key of the provider is fetched', async () => {
    const [one, two] = [await makeKey('one'), await makeKey('two')];
    published = [one.jwk];
    expect((await list(one.token)).status).toBe(200);
    await stepped.setBack();
    published = [two.jwk];
    const fetched = performance.now();
    while (performance.now() - fetched < 400) await sleep(20);
    expect((await list(two.token)).status).toBe(200);
  });

  it('Retry-After for too many failed attempts stays within a minute', async () => {
    await list('x'.repeat(40));
    await stepped.setBack();
    await list('x'.repeat(40));
    const refused = await list('x'.repeat(40));
    expect(refused.body.code).toBe('too_many_failed_attempts');
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
  });
});
