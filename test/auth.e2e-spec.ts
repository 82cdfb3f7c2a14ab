import { Controller, Get, Logger, Module, Param, Post, Body, Sse } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { EventEmitter, once } from 'node:events';
import { inspect } from 'node:util';
import { connect } from 'node:net';
import zlib, { gzipSync } from 'node:zlib';
import { SignJWT } from 'jose';
import { filter, firstValueFrom, type Observable, timeout } from 'rxjs';
import { z } from 'zod';
import { AllowTicket, CurrentPrincipal, Public, RequireScope } from '../src/auth/access.decorators.js';
import { ApiKeysService } from '../src/auth/api-keys.service.js';
import { AuthModule } from '../src/auth/auth.module.js';
import { RevocationMonitor } from '../src/auth/revocation-monitor.js';
import type { Principal } from '../src/auth/principal.js';
import { TicketsService } from '../src/auth/tickets.service.js';
import { ConfigModule } from '../src/config/config.module.js';
import { parseSettings } from '../src/config/settings.js';
import { configureApp } from '../src/configure-app.js';
import { Database } from '../src/database/database.js';
import { DatabaseModule } from '../src/database/database.module.js';
import { v7 as uuidv7 } from '../src/common/uuid.js';
import { NoContentSignal } from '../src/problems/no-content.signal.js';
import type { Body as AnswerBody } from './support/answer.js';
import { ADMIN_KEY, createDatabase } from './support/server.js';

const { jest } = import.meta;

const SECRET = 'a-shared-secret-of-more-than-32-characters';
const Thing = z.object({ name: z.string(), nodes: z.array(z.object({ id: z.string() })).default([]) });
// @nestjs/throttler is CommonJS and requires @nestjs/common. Jest supports that only after @nestjs/common is loaded.
const { ThrottlingModule } = await import('../src/throttling/throttling.module.js');
const seen = new EventEmitter();

/** Has one route of each kind that the real controllers have. */
@Controller('api/things')
class ThingsController {
  @Get('mine')
  @RequireScope('executions:read')
  mine(@CurrentPrincipal() principal: Principal): Principal {
    return principal;
  }

  @Post()
  @RequireScope('executions:write')
  add(@Body({ schema: Thing }) thing: z.infer<typeof Thing>): unknown {
    return thing;
  }

  @Get('open')
  @Public()
  open(): { open: boolean } {
    return { open: true };
  }

  @Get('forgotten')
  forgotten(): void {
    seen.emit('forgotten');
  }

  @Get('broken')
  @Public()
  broken(): never {
    throw new Error('the secret is in /etc/passwd');
  }

  @Get('thrown/:what')
  @Public()
  thrown(@Param('what') what: string): never {
    throw { null: null, text: 'some text' }[what] as unknown;
  }

  @Sse('ended')
  @Public()
  ended(): Promise<Observable<never>> {
    return Promise.reject(new NoContentSignal());
  }

  @Get(':executionId/stream')
  @AllowTicket()
  @RequireScope('executions:read')
  stream(@CurrentPrincipal() principal: Principal): Principal {
    return principal;
  }
}

async function boot(
  environment: Record<string, string> = {},
): Promise<{ app: NestExpressApplication; url: string }> {
  const settings = parseSettings({
    DATABASE_POOL_SIZE: '3',
    BOOTSTRAP_API_KEY: ADMIN_KEY,
    ...environment,
  });
  @Module({
    imports: [ConfigModule.forRoot(settings), DatabaseModule, AuthModule, ThrottlingModule],
    controllers: [ThingsController],
  })
  class TestModule {}
  const app = await NestFactory.create<NestExpressApplication>(TestModule, {
    bodyParser: false,
    abortOnError: false,
    logger: false,
  });
  try {
    configureApp(app, settings);
  } catch (error) {
    await app.close();
    throw error;
  }
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const admin = bearer(ADMIN_KEY);
const JSON_TYPE = { 'content-type': 'application/json' };

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  code: string | undefined;
  body: AnswerBody;
}

async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, text, code: body?.code, body };
}

/** Sends bytes that fetch would not send, and returns the first line of the answer. */
async function callRaw(request: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(request));
  let answer = '';
  socket.on('data', (data: Buffer) => (answer += data.toString('latin1')));
  // The server may close the connection before it has read everything.
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return answer.split('\r\n')[0] ?? '';
}

let database: string;
let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  // The errors that the tests provoke would flood the report.
  Logger.overrideLogger(false);
  database = await createDatabase();
  ({ app, url } = await boot({
    DATABASE_URL: database,
    JWT_SECRET: SECRET,
    CORS_ORIGINS: 'https://app.example',
    TRUST_PROXY: 'loopback',
  }));
});
afterAll(() => app.close());

const makeKey = (body: object = {}, as = admin) =>
  call(`${url}/api/keys`, {
    method: 'POST',
    headers: { ...as, ...JSON_TYPE },
    body: JSON.stringify({ name: 'k', projects: ['demo'], scopes: ['executions:read'], ...body }),
  });
const jwt = (claims: Record<string, unknown>) =>
  new SignJWT({
    sub: 'ann',
    projects: ['demo'],
    scope: 'executions:read executions:write keys:manage',
    ...claims,
  })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(SECRET));

describe('credentials', () => {
  it.each<[string, Record<string, string>]>([
    ['a valid key', admin],
    ['a valid key with the scheme in lower case', { authorization: `bearer ${ADMIN_KEY}` }],
    ['a valid key as X-API-Key', { 'x-api-key': ADMIN_KEY }],
  ])('are accepted: %s', async (_name, headers) => {
    const answer = await call(`${url}/api/things/mine`, { headers });
    expect([answer.status, answer.code]).toEqual([200, undefined]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['none', {}, 'credentials_missing'],
    ['a ticket on a route without tickets', { 'x-ticket': 'a' }, 'credentials_missing'],
    ['an empty X-API-Key', { 'x-api-key': '' }, 'invalid_credentials'],
    ['another scheme', { authorization: `Basic ${ADMIN_KEY}` }, 'invalid_credentials'],
    ['Bearer without a token', { authorization: 'Bearer' }, 'invalid_credentials'],
    ['two tokens', { authorization: `Bearer ${ADMIN_KEY} ${ADMIN_KEY}` }, 'invalid_credentials'],
    ['no scheme', { authorization: ADMIN_KEY }, 'invalid_credentials'],
    ['an unknown key', bearer(`ca_${'x'.repeat(43)}`), 'invalid_credentials'],
    ['a key that is too short', bearer(`ca_${'x'.repeat(20)}`), 'invalid_credentials'],
    ['a very long token', bearer('x'.repeat(10_000)), 'invalid_credentials'],
    ['a token in Latin-1', bearer('schlüssel-ÿ-schlüssel-ÿ-schlüssel-ÿ'), 'invalid_credentials'],
    ['a token of dots only', bearer('..'), 'invalid_credentials'],
    ['a JWT of empty objects', bearer('e30.e30.e30'), 'invalid_credentials'],
    [
      'a wrong Authorization together with a valid X-API-Key',
      { ...bearer('wrong'), 'x-api-key': ADMIN_KEY },
      'invalid_credentials',
    ],
  ])('are refused with 401: %s', async (_name, headers, code) => {
    const answer = await call(`${url}/api/things/mine`, { headers });
    expect([answer.status, answer.code]).toEqual([401, code]);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('larger than Node accepts are refused with 431', async () => {
    const answer = await callRaw(
      `GET /api/things/mine HTTP/1.1\r\nHost: a\r\nX-API-Key: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 431 /);
  });

  it('may be a bootstrap key that looks like a JWT', async () => {
    const shaped = 'administrator.key.that-has-two-dots-in-it';
    const other = await boot({ DATABASE_URL: database, BOOTSTRAP_API_KEY: shaped, JWT_SECRET: SECRET });
    expect((await call(`${other.url}/api/things/mine`, { headers: bearer(shaped) })).status).toBe(200);
    await other.app.close();
  });

  it('without the scope of a route get a 403 that names the scope', async () => {
    const { key } = (await makeKey({ scopes: ['executions:write'] })).body;
    const answer = await call(`${url}/api/things/mine`, { headers: bearer(key) });
    expect([answer.status, answer.code]).toEqual([403, 'insufficient_scope']);
    expect(answer.body.detail).toContain('executions:read');
  });

  it('of any kind are refused by a route that declares no scope', async () => {
    const reached = jest.fn();
    seen.once('forgotten', reached);
    expect((await call(`${url}/api/things/forgotten`)).status).toBe(401);
    expect((await call(`${url}/api/things/forgotten`, { headers: admin })).status).toBe(403);
    expect(reached).not.toHaveBeenCalled();
  });

  it('are not needed on a public route', async () => {
    expect((await call(`${url}/api/things/open`)).body).toEqual({ open: true });
  });

  it.each<[string, Record<string, unknown>]>([
    ['NUL in sub', { sub: 'a\u0000b' }],
    ['a lone surrogate in sub', { sub: 'a\ud800' }],
    ['a lone surrogate in iss', { iss: 'a\ud800' }],
    ['a sub of 256 characters', { sub: 'a'.repeat(256) }],
    ['an empty sub', { sub: '' }],
    ['an iss of 2,000 characters', { iss: 'ü'.repeat(2_000) }],
    ['a number as scope', { scope: 1 }],
    ['numbers as projects', { projects: [1] }],
  ])('are refused with 401: a JWT with %s', async (_name, claims) => {
    const answer = await call(`${url}/api/things/mine`, { headers: bearer(await jwt(claims)) });
    expect([answer.status, answer.code]).toEqual([401, 'invalid_credentials']);
  });

  it('of a JWT give subject, projects and scopes; unknown values are ignored', async () => {
    const token = await jwt({
      iss: 'https://id.example',
      projects: ['demo', 'not a project\u0000'],
      scope: 'openid executions:read',
    });
    const { body } = await call(`${url}/api/things/mine`, { headers: bearer(token) });
    expect(body).toMatchObject({ projects: ['demo'], scopes: ['executions:read'] });
    expect(body.id).toMatch(/^jwt:.*:ann$/);
  });

  it('are refused with 429 after too many failures from an address, valid ones too', async () => {
    const small = await boot({ DATABASE_URL: database, MAX_AUTH_FAILURES_PER_MINUTE: '3' });
    const attempt = (token: string) => call(`${small.url}/api/things/mine`, { headers: bearer(token) });
    for (let count = 0; count < 3; count += 1) expect((await attempt('wrong')).status).toBe(401);
    for (const token of ['wrong', ADMIN_KEY]) {
      const answer = await attempt(token);
      expect([answer.status, answer.code]).toEqual([429, 'too_many_failed_attempts']);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expect((await call(`${small.url}/api/things/open`)).status).toBe(200);
    await small.app.close();
  });

  it('that fail are counted together for all IPv6 addresses of a /64', async () => {
    const small = await boot({
      DATABASE_URL: database,
      MAX_AUTH_FAILURES_PER_MINUTE: '2',
      TRUST_PROXY: 'loopback',
    });
    const from = async (address: string) =>
      (
        await call(`${small.url}/api/things/mine`, {
          headers: { ...bearer('wrong'), 'x-forwarded-for': address },
        })
      ).status;
    expect(await from('2001:db8:1:1::1')).toBe(401);
    expect(await from('2001:db8:1:1::2')).toBe(401);
    expect(await from('2001:db8:1:1:ffff::3')).toBe(429);
    expect(await from('2001:db8:1:2::1')).toBe(401);
    expect(await from('not an address')).toBe(401);
    await small.app.close();
  });
});

describe('GET /api/me', () => {
  const me = (token: string) => call(`${url}/api/me`, { headers: bearer(token) });

  it.each([['executions:read'], ['executions:write', 'executions:control'], ['keys:manage']])(
    'describes an API key with any scopes: %s',
    async (...scopes) => {
      const made = await makeKey({ name: 'ci', scopes, expiresAt: '2999-01-01T00:00:00.000Z' });
      const { status, body } = await me(made.body.key);
      expect([status, body]).toEqual([
        200,
        {
          id: `key:${made.body.id}`,
          name: 'ci',
          projects: made.body.projects,
          scopes,
          expiresAt: '2999-01-01T00:00:00.000Z',
        },
      ]);
    },
  );

  it('describes a JWT, also one without scopes and projects', async () => {
    const { status, body } = await me(await jwt({ projects: [], scope: '' }));
    expect([status, body]).toEqual([
      200,
      {
        id: expect.stringMatching(/^jwt:.*:ann$/),
        name: null,
        projects: [],
        scopes: [],
        expiresAt: expect.any(String),
      },
    ]);
  });

  it('refuses a ticket, a wrong credential and no credential', async () => {
    expect((await call(`${url}/api/me`)).code).toBe('credentials_missing');
    expect((await call(`${url}/api/me?ticket=${'x'.repeat(43)}`)).code).toBe('credentials_missing');
    expect((await me('wrong')).code).toBe('invalid_credentials');
  });
});

describe('API keys', () => {
  it('are created, shown without the key itself, used and revoked', async () => {
    const made = await makeKey({ name: 'ci', expiresAt: '2999-01-01T00:00:00.000Z' });
    expect(made.status).toBe(201);
    const { key, ...shown } = made.body;
    expect(key).toMatch(/^ca_[A-Za-z0-9_-]{43}$/);
    expect(shown).toMatchObject({ name: 'ci', prefix: key.slice(0, 10), revokedAt: null, lastUsedAt: null });
    expect(made.headers.get('location')).toBe(`/api/keys/${shown.id}`);
    expect((await call(`${url}/api/keys/${shown.id}`, { headers: admin })).body).toEqual(shown);
    expect((await call(`${url}/api/keys`, { headers: admin })).body.keys).toContainEqual(shown);
    expect((await call(`${url}/api/things/mine`, { headers: bearer(key) })).status).toBe(200);
    const drop = () => call(`${url}/api/keys/${shown.id}`, { method: 'DELETE', headers: admin });
    expect((await drop()).status).toBe(204);
    expect((await call(`${url}/api/things/mine`, { headers: bearer(key) })).status).toBe(401);
    const { revokedAt } = (await call(`${url}/api/keys/${shown.id}`, { headers: admin })).body;
    expect((await drop()).status).toBe(204);
    expect((await call(`${url}/api/keys/${shown.id}`, { headers: admin })).body.revokedAt).toBe(revokedAt);
  });

  it.each<[string, object, string]>([
    ['NUL in the name', { name: 'a\u0000b' }, 'name'],
    ['no project', { projects: [] }, 'projects'],
    ['an unknown scope', { scopes: ['all'] }, 'scopes.0'],
  ])('are not created with %s', async (_name, body, path) => {
    const answer = await makeKey(body);
    expect([answer.status, answer.code]).toEqual([400, 'validation_failed']);
    expect(answer.body.errors.map((error) => error.path)).toContain(path);
  });

  it('are created without an expiry if expiresAt is null', async () => {
    expect((await makeKey({ expiresAt: null })).body.expiresAt).toBeNull();
  });

  it('are not created with an expiry in the past', async () => {
    const answer = await makeKey({ expiresAt: '2001-01-01T00:00:00.000Z' });
    expect([answer.status, answer.code]).toEqual([400, 'expiry_in_the_past']);
  });

  it("are shown and revoked only within the caller's projects", async () => {
    const mine = (await makeKey({ projects: ['demo'] })).body.id;
    const both = (await makeKey({ projects: ['demo', 'other'] })).body.id;
    const as = bearer(await jwt({ projects: ['demo'] }));
    const ids = (await call(`${url}/api/keys`, { headers: as })).body.keys.map(({ id }) => id);
    expect(ids).toContain(mine);
    expect(ids).not.toContain(both);
    for (const id of [both, uuidv7()]) {
      expect((await call(`${url}/api/keys/${id}`, { headers: as })).status).toBe(404);
      expect((await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: as })).status).toBe(404);
    }
    expect((await call(`${url}/api/keys/${mine}`, { method: 'DELETE', headers: as })).status).toBe(204);
  });

  it('are not created with more projects or scopes than the caller has', async () => {
    const as = bearer(await jwt({ projects: ['demo'] }));
    expect((await makeKey({ projects: ['*'] }, as)).code).toBe('not_your_project');
    expect((await makeKey({ scopes: ['executions:control'] }, as)).code).toBe('insufficient_scope');
  });

  it('that are revoked while they are read are not cached', async () => {
    const keys = app.get(ApiKeysService);
    const { key, id } = (await makeKey()).body;
    const reading = keys.authenticate(key);
    (keys as unknown as { forget(id: string): void }).forget(id);
    await reading;
    await app
      .get(Database)
      .pool.query('UPDATE cloutagent.api_keys SET revoked_at = now() WHERE id = $1', [id]);
    expect(await keys.authenticate(key)).toBeUndefined();
  });

  it('that are revoked in one process are refused and reported in all processes within a second', async () => {
    const there = await boot({ DATABASE_URL: database });
    const { key, id } = (await makeKey()).body;
    expect((await call(`${there.url}/api/things/mine`, { headers: bearer(key) })).status).toBe(200);
    const principal = (await call(`${url}/api/things/mine`, { headers: bearer(key) })).body as Principal;
    const ends = Promise.all([app, there.app].map((one) => revoked(one, principal, 1_000)));
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    await ends;
    expect((await call(`${there.url}/api/things/mine`, { headers: bearer(key) })).status).toBe(401);
    await there.app.close();
  });
});

/** Waits until what the principal opened is told to end. */
async function revoked(one: NestExpressApplication, principal: Principal, within: number): Promise<void> {
  const watch = one.get(RevocationMonitor);
  const told = firstValueFrom(
    watch.revoked.pipe(
      filter((id) => id === principal.id),
      timeout(within),
    ),
  );
  const letGo = watch.hold(principal);
  await told;
  letGo();
}

describe('RevocationMonitor', () => {
  const principalOf = async (headers: Record<string, string>) =>
    (await call(`${url}/api/things/mine`, { headers })).body as Principal;

  it('reports a key within a second that was revoked before it was watched', async () => {
    const { key, id } = (await makeKey()).body;
    const principal = await principalOf(bearer(key));
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    await revoked(app, principal, 1_000);
  });

  it('reports a revoked key although no notification was sent', async () => {
    const quick = await boot({ DATABASE_URL: database, CREDENTIAL_CHECK_INTERVAL_MS: '500' });
    const { key, id } = (await makeKey()).body;
    const principal = await principalOf(bearer(key));
    const watched = revoked(quick.app, principal, 5_000);
    // Past the look that every new watch gets.
    const known = jest.spyOn(quick.app.get(ApiKeysService), 'revokedAmong');
    while (known.mock.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
    await app
      .get(Database)
      .pool.query('UPDATE cloutagent.api_keys SET revoked_at = now() WHERE id = $1', [id]);
    await watched;
    await quick.app.close();
  });

  it('stops watching a principal when it is released', async () => {
    const principal = await principalOf(admin);
    const watch = app.get(RevocationMonitor);
    for (let count = 0; count < 100; count += 1) watch.hold(principal)();
    expect((watch as unknown as { held: Map<unknown, unknown> }).held.size).toBe(0);
  });
});

describe('a stream ticket', () => {
  let execution: string;
  let other: string;
  const principalOf = async (key: string) =>
    (await call(`${url}/api/things/mine`, { headers: bearer(key) })).body as Principal;
  const open = (id: string, query: string, headers = {}) =>
    call(`${url}/api/things/${id}/stream${query}`, { headers });
  beforeAll(async () => {
    [execution, other] = [uuidv7(), uuidv7()];
    for (const id of [execution, other])
      await app.get(Database).pool.query(
        `INSERT INTO cloutagent.executions (id, project_id, input, workflow, options, created_by)
         VALUES ($1, 'demo', 'null', '{}', '{}', 'test')`,
        [id],
      );
  });

  it('opens its stream only, with the rights of its creator, for one of several addresses', async () => {
    const { key } = (await makeKey()).body;
    const principal = await principalOf(key);
    const { ticket } = await app.get(TicketsService).issue(principal, { executionId: execution });
    expect((await open(other, `?ticket=${ticket}`)).code).toBe('invalid_ticket');
    const used = await Promise.all(
      Array.from({ length: 5 }, (_unused, n) =>
        open(execution, `?ticket=${ticket}`, { 'x-forwarded-for': `192.0.2.${n}` }),
      ),
    );
    const opened = used.filter(({ status }) => status === 200);
    expect(opened.map(({ body }) => body)).toEqual([principal]);
    expect(used.filter(({ code }) => code === 'invalid_ticket')).toHaveLength(4);
  });

  it.each(['?ticket=', '?ticket=a&ticket=b', '?ticket=%00', `?ticket=${'x'.repeat(43)}`, '?ticket[a]=b'])(
    'is refused as %s',
    async (query) => expect((await open(execution, query)).status).toBe(401),
  );

  it('is refused for a path that is not an execution id', async () => {
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(ADMIN_KEY), { executionId: execution });
    expect((await open('%00', `?ticket=${ticket}`)).status).toBe(401);
    expect((await open('x', `?ticket=${ticket}`)).status).toBe(401);
  });

  it('is ignored together with another credential, and on other routes', async () => {
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(ADMIN_KEY), { executionId: execution });
    expect((await open(execution, `?ticket=${ticket}`, bearer('wrong'))).status).toBe(401);
    expect((await call(`${url}/api/things/mine?ticket=${ticket}`)).code).toBe('credentials_missing');
    expect((await open(execution, `?ticket=${ticket}`)).status).toBe(200);
  });

  it('is refused after the key of its creator was revoked', async () => {
    const { key, id } = (await makeKey()).body;
    const { ticket } = await app
      .get(TicketsService)
      .issue(await principalOf(key), { executionId: execution });
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    expect((await open(execution, `?ticket=${ticket}`)).code).toBe('invalid_ticket');
  });

  it('is not issued for an unknown execution', async () => {
    await expect(
      app.get(TicketsService).issue(await principalOf(ADMIN_KEY), { executionId: uuidv7() }),
    ).rejects.toMatchObject({
      status: 404,
    });
  });
});

describe('a problem', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    call(`${url}/api/things`, { method: 'POST', headers: { ...admin, ...JSON_TYPE, ...headers }, body });
  const nested = (depth: number) => `{"name":"n","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  it('has the members of RFC 9457, a code and the request id', async () => {
    const { status, headers, body } = await call(`${url}/api/nowhere?secret=1`);
    expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status,
      detail: expect.any(String),
      code: 'route_not_found',
      instance: '/api/nowhere',
      requestId: headers.get('x-request-id'),
    });
  });

  it.each<[string, () => Promise<Answer>, number, string]>([
    ['malformed JSON', () => post('{"name":'), 400, 'malformed_json'],
    ['a body that is not UTF-8', () => post(Uint8Array.of(0x22, 0xff, 0x22)), 400, 'malformed_json'],
    ['half a UTF-8 character', () => post(Uint8Array.of(0x22, 0xc3, 0x22)), 400, 'malformed_json'],
    ['a body above the limit', () => post(`"${'x'.repeat(2_000_000)}"`), 413, 'body_too_large'],
    [
      'a gzip bomb',
      () =>
        post(gzipSync(`"${'x'.repeat(20_000_000)}"`), {
          'content-encoding': 'gzip',
        }),
      413,
      'body_too_large',
    ],
    [
      'an unknown content encoding',
      () => post('{}', { 'content-encoding': 'pigeon' }),
      415,
      'unsupported_encoding',
    ],
    ['a gzip body that is not gzip', () => post('{}', { 'content-encoding': 'gzip' }), 400, 'malformed_body'],
    [
      'an unknown charset',
      () => post('{}', { 'content-type': 'application/json; charset=klingon' }),
      415,
      'unsupported_charset',
    ],
    [
      'an unknown charset that starts with utf',
      () => post('{}', { 'content-type': 'application/json; charset=utf-9' }),
      415,
      'unsupported_charset',
    ],
    [
      'a content type without a charset value',
      () => post('{}', { 'content-type': 'application/json; charset=' }),
      201,
      '',
    ],
    [
      'a form',
      () => post('a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported_media_type',
    ],
    ['JSON that is nested too deep', () => post(nested(50_000)), 400, 'validation_failed'],
    [
      'a malformed percent-encoding',
      () => call(`${url}/api/keys/%FF`, { headers: admin }),
      400,
      'malformed_url',
    ],
    ['an exception in a handler', () => call(`${url}/api/things/broken`), 500, 'internal_error'],
    ['a thrown null', () => call(`${url}/api/things/thrown/null`), 500, 'internal_error'],
    ['a thrown string', () => call(`${url}/api/things/thrown/text`), 500, 'internal_error'],
  ])('has the right code and leaks nothing for %s', async (_name, make, status, code) => {
    const answer = await make();
    if (code === '') return expect(answer.status).toBeLessThan(500);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.text).not.toMatch(/passwd|node_modules|\.ts:|\.js:| at /);
    return undefined;
  });

  it('names the setting that limits the body', async () => {
    expect((await post(`"${'x'.repeat(2_000_000)}"`)).body.detail).toContain('BODY_MAX_BYTES');
  });

  it('lists the content encodings that the server accepts', async () => {
    const { detail } = (await post('{}', { 'content-encoding': 'pigeon' })).body;
    expect(detail).toContain('createZstdDecompress' in zlib ? 'deflate, br or zstd' : 'deflate or br');
  });

  it('asks for UTF-8 when the body is not', async () => {
    expect((await post(Uint8Array.of(0x22, 0xff, 0x22))).body.detail).toContain('Send JSON in UTF-8');
  });

  it('is sent only for JSON below the maximum depth', async () => {
    expect((await post(nested(31))).status).toBe(201);
    expect((await post(nested(32))).code).toBe('validation_failed');
  });

  it('lists every wrong path of a body', async () => {
    const { body } = await post(JSON.stringify({ nodes: [{ id: 'a' }, {}, { id: 1 }] }));
    expect(body.errors.map(({ path }) => path)).toEqual(['name', 'nodes.1.id', 'nodes.2.id']);
  });

  it('lists at most 100 wrong paths', async () => {
    const many = await post(JSON.stringify({ name: 'n', nodes: Array.from({ length: 5_000 }, () => ({})) }));
    expect(many.body.errors).toHaveLength(100);
  });

  it.each(['null', '1', '"text"', '[]', 'false'])(
    'has the code validation_failed for the JSON body %s',
    async (body) => expect((await post(body)).code).toBe('validation_failed'),
  );

  it('for an unknown error comes with a log line that has the request id and no query', async () => {
    const lines: string[] = [];
    const log = jest
      .spyOn(Logger.prototype, 'error')
      .mockImplementation((...line: unknown[]) => void lines.push(inspect(line)));
    await call(`${url}/api/things/broken?ticket=secret`, { headers: { 'x-request-id': 'find-me' } });
    log.mockRestore();
    expect(lines.join('\n')).toContain('find-me');
    expect(lines.join('\n')).toContain('/etc/passwd');
    expect(lines.join('\n')).not.toContain('ticket');
  });

  it('is not sent for a stream that has ended, which is 204', async () => {
    const response = await fetch(`${url}/api/things/ended`);
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([
      204,
      '',
      null,
    ]);
  });
});

describe('response headers', () => {
  it.each(['abc-1.2_3', 'x'.repeat(64)])('repeat the request id %s', async (given) => {
    const { headers } = await call(`${url}/api/things/open`, { headers: { 'x-request-id': given } });
    expect(headers.get('x-request-id')).toBe(given);
  });

  it.each(['x'.repeat(65), 'a b', '<script>'])('replace the invalid request id %s', async (given) => {
    const { headers } = await call(`${url}/api/things/open`, { headers: { 'x-request-id': given } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('have a strict content security policy', async () => {
    const { headers } = await call(`${url}/api/things/open`);
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('etag')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'self'");
    expect(policy).not.toMatch(/unsafe|https:|data:|upgrade-insecure/);
  });

  it('allow inline styles and no inline scripts in the documentation', async () => {
    const docs = await fetch(`${url}/docs`);
    expect(docs.headers.get('content-security-policy')).toContain("style-src 'self' 'unsafe-inline'");
    expect(docs.headers.get('content-security-policy')).not.toContain("script-src 'self' 'unsafe-inline'");
  });

  const transportSecurity = async (settings: Record<string, string>, headers: Record<string, string>) => {
    const one = await boot({ DATABASE_URL: database, ...settings });
    const paths = ['/api/things/open', '/api/things/mine', '/nowhere', '/docs'];
    const answers = await Promise.all(paths.map((path) => fetch(`${one.url}${path}`, { headers })));
    await one.app.close();
    return new Set(answers.map((answer) => answer.headers.get('strict-transport-security')));
  };
  const YEAR = { TRUST_PROXY: 'loopback', HSTS_MAX_AGE_SECONDS: '31536000' };
  const HTTPS = { 'x-forwarded-proto': 'https' };
  it.each<[string, Record<string, string>, Record<string, string>, string | null]>([
    ['is not sent by default', { TRUST_PROXY: 'loopback' }, HTTPS, null],
    ['is sent over HTTPS', YEAR, HTTPS, 'max-age=31536000'],
    [
      'includes subdomains if the setting says so',
      { ...YEAR, HSTS_INCLUDE_SUBDOMAINS: 'true' },
      HTTPS,
      'max-age=31536000; includeSubDomains',
    ],
    ['is not sent over plain HTTP (RFC 6797, 7.2)', YEAR, {}, null],
    ['is not sent when the proxy reports plain HTTP', YEAR, { 'x-forwarded-proto': 'http' }, null],
    [
      'is not sent when an untrusted caller claims HTTPS',
      { ...YEAR, TRUST_PROXY: '10.0.0.0/8' },
      HTTPS,
      null,
    ],
  ])('Strict-Transport-Security %s', async (_what, settings, headers, expected) => {
    expect(await transportSecurity(settings, headers)).toEqual(new Set([expected]));
  });

  const preflight = (base: string, origin: string) =>
    fetch(`${base}/api/things`, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      },
    });
  it.each<[string, string | null]>([
    ['https://app.example', 'https://app.example'],
    ['https://app.example.evil.example', null],
    ['http://app.example', null],
    ['https://sub.app.example', null],
    ['null', null],
  ])('allow the origin %s only if CORS_ORIGINS lists it', async (origin, allowed) => {
    const before = await preflight(url, origin);
    expect(before.headers.get('access-control-allow-origin')).toBe(allowed);
    const { headers } = await call(`${url}/api/things/open`, { headers: { origin } });
    expect(headers.get('access-control-allow-origin')).toBe(allowed);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('vary')).toContain('Origin');
    if (allowed === null) return;
    expect(before.headers.get('access-control-allow-headers')).toMatch(
      /Authorization.*X-API-Key.*Last-Event-ID/,
    );
    expect(headers.get('access-control-expose-headers')).toMatch(/Location.*RateLimit-Limit.*X-Request-Id/);
  });

  it('allow every origin with CORS_ORIGINS=*', async () => {
    const all = await boot({ DATABASE_URL: database, CORS_ORIGINS: '*' });
    const { headers } = await preflight(all.url, 'https://any.example');
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    await all.app.close();
  });

  it('allow no origin by default', async () => {
    const none = await boot({ DATABASE_URL: database });
    const { headers } = await preflight(none.url, 'https://any.example');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    await none.app.close();
  });
});

describe('settings of the HTTP server', () => {
  it.each([
    { TRUST_PROXY: 'everybody' },
    { TRUST_PROXY: '-1' },
    { CORS_ORIGINS: 'app.example' },
    { CORS_ORIGINS: 'https://app.example/' },
    { BOOTSTRAP_API_KEY: `${'x'.repeat(40)} y` },
    { CORS_ALLOWED_HEADERS: 'X Tenant' },
    { CORS_ALLOWED_HEADERS: 'X-Tenant:' },
    { HSTS_MAX_AGE_SECONDS: '-1' },
    { HSTS_MAX_AGE_SECONDS: '60' },
    { HSTS_MAX_AGE_SECONDS: '60', TRUST_PROXY: 'false' },
    { HSTS_INCLUDE_SUBDOMAINS: 'yes' },
    { HSTS_INCLUDE_SUBDOMAINS: 'true', TRUST_PROXY: '1' },
  ])('stop the start if they are invalid: %p', async (wrong) => {
    const attempt = boot({ DATABASE_URL: database, ...wrong });
    await expect(attempt).rejects.toMatchObject({
      name: 'InvalidSettingsError',
      message: expect.stringContaining(Object.keys(wrong)[0]!),
    });
  });

  it.each(['true', 'false', '1', 'loopback, 10.0.0.0/8'])('may be TRUST_PROXY=%s', async (value) => {
    const one = await boot({ DATABASE_URL: database, TRUST_PROXY: value });
    await one.app.close();
  });
});

describe('the rate limit', () => {
  it('is shared by all routes of a principal and counts down', async () => {
    const small = await boot({
      DATABASE_URL: database,
      RATE_LIMIT_REQUESTS: '3',
      RATE_LIMIT_WINDOW_MS: '60000',
    });
    const { key } = (await makeKey()).body;
    const get = (path: string, headers: Record<string, string>) =>
      call(`${small.url}/api/things/${path}`, { headers });
    const first = await get('mine', admin);
    expect(['limit', 'remaining', 'reset'].map((name) => first.headers.get(`ratelimit-${name}`))).toEqual([
      '3',
      '2',
      '60',
    ]);
    await get('x/stream', admin);
    await get('mine', { 'x-api-key': ADMIN_KEY });
    const refused = await get('x/stream', admin);
    expect([refused.status, refused.code]).toEqual([429, 'rate_limited']);
    expect(refused.headers.get('ratelimit-remaining')).toBe('0');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
    expect((await get('mine', bearer(key))).status).toBe(200);
    for (const left of ['2', '1', '0'])
      expect((await get('open', {})).headers.get('ratelimit-remaining')).toBe(left);
    expect((await get('open', {})).status).toBe(429);
    await small.app.close();
  });

  it('resets after its window', async () => {
    const small = await boot({
      DATABASE_URL: database,
      RATE_LIMIT_REQUESTS: '1',
      RATE_LIMIT_WINDOW_MS: '300',
    });
    const get = () => call(`${small.url}/api/things/open`);
    expect((await get()).status).toBe(200);
    expect((await get()).status).toBe(429);
    const deadline = Date.now() + 2_000;
    while ((await get()).status !== 200 && Date.now() < deadline);
    expect(Date.now()).toBeLessThan(deadline);
    await small.app.close();
  });
});

it('the server keeps running after bytes that are not HTTP', async () => {
  expect(await callRaw('GET \u0000 NOT-HTTP\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
  expect((await call(`${url}/api/things/open`)).status).toBe(200);
});

it('several processes that start at once create only one first key', async () => {
  const empty = await createDatabase();
  const apps = await Promise.all([1, 2, 3].map(() => boot({ DATABASE_URL: empty, BOOTSTRAP_API_KEY: '' })));
  const made = await Promise.all(apps.map((one) => one.app.get(ApiKeysService).createFirstKey()));
  const keys = made.filter((key) => key !== undefined);
  expect(keys).toHaveLength(1);
  for (const one of apps)
    expect((await call(`${one.url}/api/keys`, { headers: bearer(keys[0]!) })).status).toBe(200);
  await Promise.all(apps.map((one) => one.app.close()));
});

it('a bootstrap key stays valid without its setting, and stays revoked with it', async () => {
  const own = await createDatabase();
  const start = (key: string) => boot({ DATABASE_URL: own, BOOTSTRAP_API_KEY: key });
  const first = await start(ADMIN_KEY);
  const { id } = (await call(`${first.url}/api/keys`, { headers: admin })).body.keys[0]!;
  await first.app.close();
  const without = await start('');
  expect((await call(`${without.url}/api/keys`, { headers: admin })).status).toBe(200);
  await call(`${without.url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
  await without.app.close();
  const again = await start(ADMIN_KEY);
  expect((await call(`${again.url}/api/keys`, { headers: admin })).status).toBe(401);
  await again.app.close();
});
