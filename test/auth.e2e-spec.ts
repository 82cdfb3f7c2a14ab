import type { NestExpressApplication } from '@nestjs/platform-express';
import { filter, firstValueFrom } from 'rxjs';
import { ApiKeysService } from '../src/auth/api-keys.service.js';
import { RevocationMonitor } from '../src/auth/revocation-monitor.js';
import type { Principal } from '../src/auth/principal.js';
import { Database } from '../src/database/database.js';
import { v7 as uuidv7 } from '../src/common/uuid.js';
import {
  admin,
  bearer,
  boot,
  bootOnNewDatabase,
  call,
  callRaw,
  jwt,
  makeKeyAt,
  NO_CREDENTIAL_CHECK,
  SECRET,
  seen,
} from './support/auth-app.js';
import { ADMIN_KEY, createDatabase, createEmptyDatabase } from './support/server.js';

const { jest } = import.meta;

let database: string;
let app: NestExpressApplication;
let url: string;
beforeAll(async () => {
  ({ app, url, database } = await bootOnNewDatabase());
});
afterAll(() => app.close());

const makeKey = (body?: object, as?: typeof admin) => makeKeyAt(url, body, as);

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
      url,
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
    (keys as unknown as { onRevoked(id: string): void }).onRevoked(id);
    await reading;
    await app
      .get(Database)
      .pool.query('UPDATE cloutagent.api_keys SET revoked_at = now() WHERE id = $1', [id]);
    expect(await keys.authenticate(key)).toBeUndefined();
  });

  it('that are revoked in one process are refused and reported in all processes', async () => {
    const there = await boot({ ...NO_CREDENTIAL_CHECK, DATABASE_URL: database });
    const { key, id } = (await makeKey()).body;
    expect((await call(`${there.url}/api/things/mine`, { headers: bearer(key) })).status).toBe(200);
    const principal = (await call(`${url}/api/things/mine`, { headers: bearer(key) })).body as Principal;
    const ends = Promise.all([app, there.app].map((one) => revoked(one, principal)));
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    await ends;
    expect((await call(`${there.url}/api/things/mine`, { headers: bearer(key) })).status).toBe(401);
    await there.app.close();
  });
});

/** Waits until the monitor reports that the principal's key is revoked. */
async function revoked(one: NestExpressApplication, principal: Principal): Promise<void> {
  const monitor = one.get(RevocationMonitor);
  const reported = firstValueFrom(monitor.revoked.pipe(filter((id) => id === principal.id)));
  using _watch = monitor.watch(principal);
  await reported;
}

describe('RevocationMonitor', () => {
  const principalOf = async (headers: Record<string, string>) =>
    (await call(`${url}/api/things/mine`, { headers })).body as Principal;

  it('reports a key that was revoked before it was watched', async () => {
    const { key, id } = (await makeKey()).body;
    const principal = await principalOf(bearer(key));
    await call(`${url}/api/keys/${id}`, { method: 'DELETE', headers: admin });
    await revoked(app, principal);
  });

  it('reports a revoked key although no notification was sent', async () => {
    const quick = await boot({ DATABASE_URL: database, CREDENTIAL_CHECK_INTERVAL_MS: '500' });
    const { key, id } = (await makeKey()).body;
    const principal = await principalOf(bearer(key));
    const watched = revoked(quick.app, principal);
    // Waits for the check that every new watch gets.
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
    const monitor = app.get(RevocationMonitor);
    for (let count = 0; count < 100; count += 1) monitor.watch(principal).release();
    expect((monitor as unknown as { watched: Map<unknown, unknown> }).watched.size).toBe(0);
  });
});

it('several processes that start at once create only one first key', async () => {
  const empty = await createEmptyDatabase();
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
