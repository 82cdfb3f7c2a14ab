import 'reflect-metadata';
import { Global, Injectable, Module } from '@nestjs/common';
import type { Request } from 'express';
import { setTimeout as sleep } from 'node:timers/promises';
import { ExtraAuthStrategies } from '../src/auth/strategies/auth-strategy.js';
import { Database } from '../src/database/database.js';
import {
  AuthStrategy,
  type AuthStrategyCall,
  type AuthStrategyHandler,
  InvalidCredentialsError,
  type NamedAuthStrategy,
  type Principal,
} from '../src/index.js';
import { admin, bearer, call, JSON_TYPE } from './support/auth-app.js';
import { createDatabase } from './support/server.js';
import { startTeamApp, type TeamApp } from './support/team-app.js';
import { agent, delay, pathOf, start, Watch } from './support/watch.js';

const DEMO = {
  projects: ['demo'],
  scopes: ['executions:read', 'executions:write', 'executions:control', 'keys:manage'],
  expiresAt: null,
};
/** The ids that the team's directory has removed, and those for which it does not answer. */
const removed = new Set<string>();
const unreachable = new Set<string>();
const checks = new Map<string, number>();

/** Trusts a header of a proxy on this machine, which checks client certificates. */
@AuthStrategy('mtls')
class MtlsStrategy implements AuthStrategyHandler {
  authenticate(request: Request): Principal | undefined {
    const subject = request.get('X-Client-Cert-Subject');
    if (subject === undefined || !/^(::ffff:)?127\.0\.0\.1$/.test(request.socket.remoteAddress ?? ''))
      return undefined;
    return { id: subject, name: 'by certificate', ...DEMO };
  }

  stillValid({ id }: Principal): boolean {
    return !removed.has(id);
  }
}

/** Knows opaque tokens, as `Bearer opaque-<name>` and as `Basic <name>`. */
@AuthStrategy('opaque', { order: 1 })
class OpaqueStrategy implements AuthStrategyHandler {
  async authenticate(request: Request): Promise<Principal | undefined> {
    const name = /^(?:Bearer opaque-|Basic )(\S+)$/.exec(request.get('Authorization') ?? '')?.[1];
    if (name === undefined) return undefined;
    await sleep(1);
    if (name === 'wrong') throw new InvalidCredentialsError();
    const expiresAt = name === 'brief' ? Date.now() + 3_000 : null;
    return { id: name, ...DEMO, expiresAt };
  }

  async stillValid({ id }: Principal): Promise<boolean> {
    await sleep(1);
    checks.set(id, (checks.get(id) ?? 0) + 1);
    if (unreachable.has(id)) throw new Error('the directory does not answer');
    return !removed.has(id);
  }
}

const RETURNS: Record<string, (call: AuthStrategyCall) => unknown> = {
  hang: ({ signal }) =>
    new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  'hang for ever': () => new Promise(() => undefined),
  throw: () => {
    throw new Error('the directory is down');
  },
  reject: () => Promise.reject(new TypeError('fetch failed')),
  true: () => true,
  text: () => 'ann',
  'no id': () => DEMO,
  'an empty id': () => ({ ...DEMO, id: '' }),
  'NUL in the id': () => ({ ...DEMO, id: 'a\u0000b' }),
  'projects that are no list': () => ({ ...DEMO, id: 'ann', projects: 'demo' }),
  'an unknown scope': () => ({ ...DEMO, id: 'ann', scopes: ['everything'] }),
  'an expiry in seconds': () => ({ ...DEMO, id: 'ann', expiresAt: Math.floor(Date.now() / 1_000) + 60 }),
  'a getter that throws': () => ({
    ...DEMO,
    get id(): string {
      throw new Error('no id today');
    },
  }),
  expired: () => ({ ...DEMO, id: 'ann', expiresAt: Date.now() - 1 }),
  good: () => ({ ...DEMO, id: 'from the odd one' }),
};
let asked = 0;

/** Does what the header X-Odd says. */
@AuthStrategy('odd', { order: -1 })
class OddStrategy implements AuthStrategyHandler {
  authenticate(request: Request, more: AuthStrategyCall): Principal | undefined {
    asked += 1;
    const odd = request.get('X-Odd');
    return odd === undefined ? undefined : (RETURNS[odd]!(more) as Principal);
  }
}

@Module({ providers: [OpaqueStrategy, MtlsStrategy, OddStrategy] })
class TeamModule {}

const cert = (subject: string) => ({ 'x-client-cert-subject': subject });
let database: string;
let team: TeamApp;
beforeAll(async () => {
  database = await createDatabase();
  team = await startTeamApp(database, [TeamModule], {
    CREDENTIAL_CHECK_INTERVAL_MS: '100',
    AUTH_STRATEGY_TIMEOUT_MS: '300',
    CORS_ORIGINS: 'https://app.example',
    CORS_ALLOWED_HEADERS: 'X-Client-Cert-Subject',
  });
});
afterAll(() => team.app.close());
const me = (headers: Record<string, string>, init: RequestInit = {}) =>
  call(`${team.url}/api/me`, { headers, ...init });
const post = (path: string, body: object, headers: Record<string, string>) =>
  call(`${team.url}${path}`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify(body),
  });

describe('an authentication strategy', () => {
  it('identifies callers without a credential', async () => {
    const { status, body } = await me(cert('CN=ann'));
    expect([status, body]).toEqual([
      200,
      { id: 'mtls:CN=ann', name: 'by certificate', projects: ['demo'], scopes: DEMO.scopes, expiresAt: null },
    ]);
    expect((await me(cert('CN=ann'), { method: 'HEAD' })).status).toBe(200);
  });

  it.each([
    ['a scheme that the server does not know', { authorization: 'Basic bob' }],
    ['a bearer token that the server refuses', bearer('opaque-bob')],
  ])('identifies callers with %s', async (_name, headers) =>
    expect((await me(headers)).body.id).toBe('opaque:bob'),
  );

  it('is not asked about callers that the server knows, nor about preflight requests', async () => {
    const before = asked;
    expect((await me({ ...admin, ...cert('CN=ann') })).body.name).toBe('bootstrap');
    const preflight = await call(`${team.url}/api/me`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-client-cert-subject',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('X-Client-Cert-Subject');
    expect(asked).toBe(before);
  });

  it('does not let a page of another site act for its visitor', async () => {
    const cancel = (headers: Record<string, string>) =>
      call(`${team.url}/api/executions/none/cancel`, { method: 'POST', headers });
    const cross = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    const refused = await cancel({ ...cert('CN=ann'), ...cross });
    expect([refused.status, refused.code]).toEqual([403, 'cross_site_request']);
    for (const allowed of [
      cert('CN=ann'),
      { ...cert('CN=ann'), ...cross, origin: 'https://app.example' },
      { ...bearer('opaque-bob'), ...cross },
      { ...admin, ...cross },
    ])
      expect((await cancel(allowed)).code).toBe('not_found');
  });

  it('is asked in the order that it declares, and the first one that accepts decides', async () => {
    expect((await me({ 'x-odd': 'good', ...cert('CN=ann') })).body.id).toBe('odd:from the odd one');
    expect((await me({ authorization: 'Basic bob', ...cert('CN=ann') })).body.id).toBe('mtls:CN=ann');
  });

  it.each([
    ['no credential', {}, 'credentials_missing'],
    ['an unknown scheme', { authorization: 'Negotiate abc' }, 'invalid_credentials'],
    ['an unknown token', bearer('unknown-token'), 'invalid_credentials'],
    ['a credential that it refuses', { authorization: 'Basic wrong' }, 'invalid_credentials'],
    ['a principal that has expired', { 'x-odd': 'expired' }, 'invalid_credentials'],
  ])('leaves the answer at 401 for %s', async (_name, headers, code) => {
    const answer = await me(headers);
    expect([answer.status, answer.code]).toEqual([401, code]);
  });

  it.each([
    ['throw', 'the directory is down'],
    ['reject', 'fetch failed'],
    ['hang', 'it has not answered within 300 ms (AUTH_STRATEGY_TIMEOUT_MS)'],
    ['hang for ever', 'it has not answered within 300 ms (AUTH_STRATEGY_TIMEOUT_MS)'],
  ])('that fails is answered with 503 and logged: %s', async (odd, reason) => {
    team.log.length = 0;
    const answer = await me({ 'x-odd': odd });
    expect([answer.status, answer.code]).toEqual([503, 'identity_provider_unavailable']);
    expect(answer.headers.get('retry-after')).toBe('5');
    expect(team.log.join('\n')).toContain('"odd" (OddStrategy of TeamModule) failed');
    expect(team.log.join('\n')).toContain(reason);
    expect(answer.text).not.toContain(reason);
  });

  it.each([
    ['true', 'the value'],
    ['text', 'the value'],
    ['no id', 'id: '],
    ['an empty id', 'id: '],
    ['NUL in the id', 'id: '],
    ['projects that are no list', 'projects: '],
    ['an unknown scope', 'scopes.0: is not a scope of this server'],
    ['an expiry in seconds', 'expiresAt: must be in milliseconds'],
    ['a getter that throws', 'no id today'],
  ])('that returns no principal is answered with 500 and logged: %s', async (odd, reason) => {
    team.log.length = 0;
    const answer = await me({ 'x-odd': odd });
    expect([answer.status, answer.code]).toEqual([500, 'internal_error']);
    expect(team.log.join('\n')).toContain('"odd" (OddStrategy of TeamModule) failed');
    expect(team.log.join('\n')).toContain(reason);
  });

  it.each(['throw', 'hang', 'text'])('that misbehaves does not lock out others: %s', async (odd) => {
    expect((await me({ 'x-odd': odd, ...cert('CN=ann') })).body.id).toBe('mtls:CN=ann');
    expect((await me({ 'x-odd': odd, ...admin })).status).toBe(200);
  });

  it('has a limited number of calls, also of those that never end', async () => {
    const small = await startTeamApp(database, [TeamModule], {
      AUTH_STRATEGY_TIMEOUT_MS: '200',
      MAX_CALLS_PER_AUTH_STRATEGY: '2',
    });
    const ask = (headers: Record<string, string>) => call(`${small.url}/api/me`, { headers });
    const hanging = await Promise.all([1, 2].map(() => ask({ 'x-odd': 'hang for ever' })));
    expect(hanging.map(({ status }) => status)).toEqual([503, 503]);
    small.log.length = 0;
    expect((await ask({ 'x-odd': 'good' })).status).toBe(503);
    expect(small.log.join('\n')).toContain('2 of its calls have not ended (MAX_CALLS_PER_AUTH_STRATEGY)');
    expect((await ask(cert('CN=ann'))).status).toBe(200);
    await small.app.close();
  });

  it('counts what it refuses as a failed attempt of the address', async () => {
    const small = await startTeamApp(database, [TeamModule], { MAX_AUTH_FAILURES_PER_MINUTE: '2' });
    const ask = async (headers: Record<string, string>) =>
      (await call(`${small.url}/api/me`, { headers })).status;
    expect(await ask(bearer('opaque-bob'))).toBe(200);
    expect(await ask({})).toBe(401);
    expect(await ask({ authorization: 'Basic wrong' })).toBe(401);
    expect(await ask(bearer('opaque-wrong'))).toBe(401);
    expect(await ask(bearer('opaque-bob'))).toBe(429);
    await small.app.close();
  });
});

describe('a principal of a strategy', () => {
  const startHanging = async (): Promise<string> => {
    const { status, body } = await post(
      '/api/executions',
      start([agent('a', { hang: true })]),
      cert('CN=ann'),
    );
    expect(status).toBe(202);
    return body.id;
  };
  const endAll: string[] = [];
  afterAll(async () => {
    for (const id of endAll) await post(`/api/executions/${id}/cancel`, {}, admin);
  });
  const started = async (): Promise<string> => {
    const id = await startHanging();
    endAll.push(id);
    return id;
  };

  it('is named by what it starts, and its Idempotency-Keys are its own', async () => {
    const begin = (headers: Record<string, string>) =>
      post('/api/executions', start([delay('a', 1)]), { 'idempotency-key': 'one', ...headers });
    const first = await begin(cert('CN=ann'));
    const { rows } = await team.app
      .get(Database)
      .pool.query('SELECT created_by FROM cloutagent.executions WHERE id = $1', [first.body.id]);
    expect(rows).toEqual([{ created_by: 'mtls:CN=ann' }]);
    const again = await begin(cert('CN=ann'));
    expect([again.body.id, again.headers.get('idempotency-replayed')]).toEqual([first.body.id, 'true']);
    expect((await begin(bearer('opaque-CN=ann'))).body.id).not.toBe(first.body.id);
  });

  it('loses its streams when the strategy does not accept it any more, and no other strategy does', async () => {
    const id = await started();
    const watch = (name: string) =>
      new Watch(team.url, pathOf(id), bearer(`opaque-${name}`)).until((now) => now.frames.length > 0);
    const [leaver, other, unknown] = await Promise.all(['leaver', 'other', 'unknown'].map(watch));
    team.log.length = 0;
    unreachable.add('unknown');
    removed.add('leaver');
    await leaver!.done();
    expect(leaver!.endsWithRetry).toBe(true);
    const after = checks.get('unknown')!;
    while (checks.get('unknown')! < after + 2) await sleep(10);
    expect([other!.ended, unknown!.ended]).toEqual([false, false]);
    expect(team.log.join('\n')).toContain(
      '"opaque" (OpaqueStrategy of TeamModule) could not check 1 of the principals with open streams',
    );
    other!.close();
    unknown!.close();
  });

  it('loses its streams at its expiry', async () => {
    const watch = new Watch(team.url, pathOf(await started()), bearer('opaque-brief'));
    await watch.until((now) => now.frames.length > 0);
    await watch.done();
    expect(watch.endsWithRetry).toBe(true);
  });

  it('can get a ticket, which opens its stream until the strategy refuses the principal', async () => {
    const id = await started();
    const open = async () => {
      const { body } = await post(`/api/executions/${id}/stream-tickets`, {}, cert('CN=guest'));
      const control = new AbortController();
      return { url: `${team.url}${body.url}`, control };
    };
    const one = await open();
    const response = await fetch(one.url, { signal: one.control.signal });
    expect(response.status).toBe(200);
    one.control.abort();
    const two = await open();
    removed.add('CN=guest');
    const refused = await fetch(two.url, { signal: two.control.signal });
    two.control.abort();
    expect(refused.status).toBe(401);
  });

  it('cannot open a stream by a ticket when the strategy has been removed', async () => {
    const id = await started();
    const { body } = await post(`/api/executions/${id}/stream-tickets`, {}, cert('CN=ann'));
    const without = await startTeamApp(database, []);
    expect((await call(`${without.url}${body.url}`)).code).toBe('invalid_ticket');
    await without.app.close();
  });

  it('gets an API key once for an Idempotency-Key, and its secret once if its own credential may not be secret', async () => {
    const make = () =>
      post(
        '/api/keys',
        { name: 'k', projects: ['demo'], scopes: ['executions:read'] },
        { 'idempotency-key': 'a', ...cert('CN=ann') },
      );
    const first = await make();
    expect(first.status).toBe(201);
    const again = await make();
    expect([again.status, again.code]).toEqual([409, 'secret_not_repeatable']);
    expect(again.body.detail).toContain(first.body.id);
    expect(again.text).not.toContain(first.body.key);
  });
});

describe('the start', () => {
  const refuse = () => undefined;
  const strategy = (name: string, handler: object = { authenticate: refuse }): NamedAuthStrategy => ({
    name,
    handler: handler as AuthStrategyHandler,
  });
  const moduleWith = (extra: NamedAuthStrategy[]) => {
    @Global()
    @Module({
      providers: [{ provide: ExtraAuthStrategies, useValue: extra }],
      exports: [ExtraAuthStrategies],
    })
    class HostModule {}
    return HostModule;
  };

  it('accepts strategies that are given as objects', async () => {
    const given = strategy('given', { authenticate: () => ({ ...DEMO, id: 'ann' }) });
    const { app, url } = await startTeamApp(database, [moduleWith([given])]);
    expect((await call(`${url}/api/me`)).body.id).toBe('given:ann');
    await app.close();
  });

  it.each<[string, NamedAuthStrategy[], string]>([
    ['a reserved name', [strategy('jwt')], '"jwt" cannot be the name of an authentication strategy'],
    [
      'the name of own principals',
      [strategy('schedule')],
      '"schedule" cannot be the name of an authentication strategy',
    ],
    ['a name with a colon', [strategy('a:b')], '"a:b" cannot be the name'],
    ['no method', [strategy('a', {})], 'a strategy given as an object has no method authenticate'],
    [
      'two strategies of one name',
      [strategy('mtls')],
      "the name 'mtls': a strategy given as an object, and MtlsStrategy of TeamModule",
    ],
  ])('fails for %s', async (_name, extra, message) => {
    await expect(startTeamApp(database, [TeamModule, moduleWith(extra)])).rejects.toThrow(message);
  });

  it('fails for a class that has no method authenticate', async () => {
    @AuthStrategy('empty')
    class EmptyStrategy {}
    @Injectable()
    class Plain {}
    @Module({ providers: [EmptyStrategy, Plain] })
    class BrokenModule {}
    await expect(startTeamApp(database, [BrokenModule])).rejects.toThrow(
      'EmptyStrategy of BrokenModule has no method authenticate',
    );
  });
});
