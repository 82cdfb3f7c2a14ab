import type { BatchResults } from '@cloutagent/contract';
import { SignJWT } from 'jose';
import { createDatabase, Server } from './support/server.js';
import { agent, delay, start, Watch } from './support/watch.js';

const SECRET = 'a-shared-secret-of-more-than-32-characters';
const ISSUER = 'https://id.example';
const AUDIENCE = 'executions';
const key = new TextEncoder().encode(SECRET);
const TICKET_TTL_MS = 2_000;
const ALL = 'executions:read executions:write executions:control';

const token = (claims: Record<string, unknown> = {}, expires: string | number = '5m') =>
  new SignJWT({ projects: ['demo'], scope: ALL, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('ann')
    .setIssuer((claims['iss'] as string | undefined) ?? ISSUER)
    .setAudience((claims['aud'] as string | undefined) ?? AUDIENCE)
    .setExpirationTime(expires)
    .sign(key);
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
const unsigned = (header: object, payload: object) =>
  [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');

describe('access control', () => {
  let server: Server;
  let id: string;
  beforeAll(async () => {
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      JWT_SECRET: SECRET,
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: AUDIENCE,
      TICKET_TTL_MS: String(TICKET_TTL_MS),
      TRUST_PROXY: 'loopback',
    });
    id = await server.startExecution(start([agent('a', { hang: true })]));
  });
  afterAll(async () => {
    // Issuer and audience are set, so the server must not warn.
    expect(server.output()).not.toContain('WARN');
    await server.kill('SIGTERM');
  });

  const routes: [string, string, object?][] = [
    ['GET', ''],
    ['GET', '/events'],
    ['GET', '/workflow'],
    ['GET', '/stream'],
    ['POST', '/stream-tickets'],
    ['POST', '/pause'],
    ['POST', '/resume'],
    ['POST', '/cancel'],
    ['POST', '/approve', { nodeId: 'a' }],
  ];

  it('accepts a valid JWT', async () => {
    expect((await server.call('GET', `/api/executions/${id}`, undefined, bearer(await token()))).status).toBe(
      200,
    );
  });

  it.each<[string, () => Promise<string> | string]>([
    ['garbage', () => 'garbage'],
    ['an unknown key', () => `ca_${'x'.repeat(43)}`],
    ['three parts of garbage', () => 'a.b.c'],
    ['an expired token', () => token({}, Math.floor(Date.now() / 1000) - 60)],
    ['another audience', () => token({ aud: 'other' })],
    ['another issuer', () => token({ iss: 'https://evil.example' })],
    [
      'alg none',
      () =>
        `${unsigned({ alg: 'none' }, { sub: 'ann', exp: 9e9, iss: ISSUER, aud: AUDIENCE, scope: ALL, projects: ['*'] })}.`,
    ],
    [
      'another secret',
      () =>
        new SignJWT({})
          .setProtectedHeader({ alg: 'HS256' })
          .setSubject('a')
          .setExpirationTime('1m')
          .sign(new TextEncoder().encode('x'.repeat(40))),
    ],
    [
      'no expiry',
      () =>
        new SignJWT({ scope: ALL })
          .setProtectedHeader({ alg: 'HS256' })
          .setSubject('a')
          .setIssuer(ISSUER)
          .setAudience(AUDIENCE)
          .sign(key),
    ],
    ['projects of the wrong type', () => token({ projects: 'demo' })],
  ])('refuses %s', async (_name, make) => {
    const answer = await server.call('GET', `/api/executions/${id}`, undefined, bearer(await make()));
    expect([answer.status, answer.body.code]).toEqual([401, 'invalid_credentials']);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('refuses a call without credential', async () => {
    const response = await fetch(new URL(`/api/executions/${id}`, server.url));
    expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([
      401,
      'credentials_missing',
    ]);
  });

  it("answers 404 for another project's execution on every route, as for an unknown one", async () => {
    const other = bearer(await token({ projects: ['other'] }));
    for (const [method, path, body] of routes) {
      const theirs = await server.call(method, `/api/executions/${id}${path}`, body, other);
      const none = await server.call(
        method,
        `/api/executions/01890000-0000-7000-8000-000000000000${path}`,
        body,
        other,
      );
      const strip = ({ instance: _i, requestId: _r, ...rest }: Record<string, unknown>) => rest;
      expect([path, theirs.status]).toEqual([path, 404]);
      expect(strip(theirs.body)).toEqual(strip(none.body));
    }
    expect((await server.call('GET', '/api/executions', undefined, other)).body.executions).toEqual([]);
    expect((await server.call('POST', '/api/executions', start([delay('a', 1)]), other)).status).toBe(404);
  });

  it('answers 403 without the scope on every route', async () => {
    const none = bearer(await token({ scope: 'keys:manage' }));
    for (const [method, path, body] of routes) {
      const answer = await server.call(method, `/api/executions/${id}${path}`, body, none);
      expect([path, answer.status, answer.body.code]).toEqual([path, 403, 'insufficient_scope']);
    }
    const reader = bearer(await token({ scope: 'executions:read' }));
    expect((await server.call('POST', '/api/executions', start([delay('a', 1)]), reader)).status).toBe(403);
    expect((await server.call('GET', '/api/keys', undefined, reader)).status).toBe(403);
  });

  const makeKey = () =>
    server.call('POST', '/api/keys', { name: 'ci', projects: ['demo'], scopes: ['executions:read'] });

  it('lists a new key without the key itself', async () => {
    const made = await makeKey();
    expect(made.status).toBe(201);
    const { key: secret, ...shown } = made.body;
    const list = await server.call('GET', '/api/keys');
    expect(list.body.keys).toContainEqual(shown);
    expect(JSON.stringify(list.body)).not.toContain(secret);
  });

  it('ends the streams of a revoked key and refuses it', async () => {
    const { key: secret, id: keyId } = (await makeKey()).body;
    const watch = await new Watch(server.url, `/api/executions/${id}/stream`, bearer(secret)).until(
      (now) => now.frames.length > 0,
    );
    expect((await server.call('DELETE', `/api/keys/${keyId}`)).status).toBe(204);
    await watch.done();
    expect((await server.call('GET', `/api/executions/${id}`, undefined, bearer(secret))).status).toBe(401);
    expect((await server.call('DELETE', `/api/keys/${keyId}`)).status).toBe(204);
  });

  it('ends a stream when its token expires', async () => {
    const watch = new Watch(
      server.url,
      `/api/executions/${id}/stream`,
      bearer(await token({}, Math.floor(Date.now() / 1000) + 5)),
    );
    await watch.until((now) => now.frames.length > 0);
    await watch.done();
    expect(watch.frames.at(-1)!.type).not.toBe('execution:cancelled');
  });

  it('refuses to create a key with more rights than its creator', async () => {
    const limited = bearer(await token({ scope: 'keys:manage executions:read' }));
    const make = (projects: string[], scopes: string[]) =>
      server.call('POST', '/api/keys', { name: 'k', projects, scopes }, limited);
    expect((await make(['other'], ['executions:read'])).body.code).toBe('not_your_project');
    expect((await make(['*'], ['executions:read'])).body.code).toBe('not_your_project');
    expect((await make(['demo'], ['executions:write'])).body.code).toBe('insufficient_scope');
    expect((await make(['demo'], ['executions:read'])).status).toBe(201);
  });

  it('refuses tickets from another address, after their expiry and for another execution', async () => {
    const another = await server.startExecution(start([delay('a', 1)]));
    const issue = async () => (await server.call('POST', `/api/executions/${id}/stream-tickets`)).body.ticket;
    const open = async (execution: string, ticket: string, headers = {}) => {
      const response = await fetch(
        new URL(`/api/executions/${execution}/stream?ticket=${ticket}`, server.url),
        { headers },
      );
      await response.body?.cancel();
      return response.status;
    };
    const ticket = await issue();
    expect(await open(another, ticket)).toBe(401);
    const home = { 'x-forwarded-for': '192.0.2.1' };
    const elsewhere = { 'x-forwarded-for': '192.0.2.2' };
    expect(await open(id, ticket, home)).toBe(200);
    // An EventSource reconnects with the same ticket, with or without a Last-Event-ID.
    for (const last of [{}, { 'last-event-id': '0' }, { 'last-event-id': '1' }]) {
      expect(await open(id, ticket, { ...elsewhere, ...last })).toBe(401);
      expect(await open(another, ticket, { ...home, ...last })).toBe(401);
      expect(await open(id, ticket, { ...home, ...last })).toBe(200);
    }
    expect(await open(id, 'x')).toBe(401);
    const late = await issue();
    await new Promise((resolve) => setTimeout(resolve, TICKET_TTL_MS + 200));
    expect(await open(id, late)).toBe(401);
  });

  it('shows nothing of what an execution has recorded to a writer that may not read', async () => {
    const writer = bearer(await token({ scope: 'executions:write' }));
    const post = (path: string, body: object, caller = writer) =>
      server.call('POST', `/api/executions${path}`, body, { ...caller, 'idempotency-key': `hidden${path}` });
    const request = { ...start([agent('a', { delayMs: 0 })]), input: 'mine' };
    const { body: first } = await post('', request);
    await new Watch(server.url, `/api/executions/${first.id}/stream`).done();
    const again = (await post('', request)).body;
    expect(again).toMatchObject({ id: first.id, status: 'completed', input: 'mine', steps: [] });
    expect(again).not.toHaveProperty('output');
    const batch = await server.call(
      'POST',
      '/api/executions/batch',
      { executions: [{ ...request, idempotencyKey: 'hidden' }] },
      writer,
    );
    const [item] = (batch.body as unknown as BatchResults).results;
    expect(item).toMatchObject({ replayed: true, execution: { id: first.id, steps: [] } });
    expect(item!.execution).not.toHaveProperty('output');
    const path = `/${first.id}/rerun`;
    const made = (await post(path, { from: ['a'] })).body;
    expect(made).toMatchObject({ rerunOf: first.id, input: null });
    await new Watch(server.url, `/api/executions/${made.id}/stream`).done();
    const repeated = (await post(path, { from: ['a'] })).body;
    expect(repeated).toMatchObject({ id: made.id, status: 'completed', input: null, steps: [] });
    expect(repeated).not.toHaveProperty('output');
    const reader = bearer(await token());
    expect((await post('', request, reader)).body).toHaveProperty('output');
    expect((await post(path, { from: ['a'] }, reader)).body).toMatchObject({ input: 'mine' });
  });

  it('shows nothing of what an execution has recorded to a controller that may not read', async () => {
    const controller = bearer(await token({ scope: 'executions:control' }));
    const request = { ...start([agent('a', { delayMs: 0 }), agent('b', { hang: true })]), input: 'theirs' };
    const { body: made } = await server.call('POST', '/api/executions', request);
    const control = async (action: string, caller?: object) =>
      (await server.call('POST', `/api/executions/${made.id}/${action}`, {}, { ...caller })).body;
    for (const action of ['pause', 'resume', 'cancel']) {
      const shown = await control(action, controller);
      expect(shown).toMatchObject({ id: made.id, input: null, steps: [] });
      expect(shown).not.toHaveProperty('output');
    }
    await new Watch(server.url, `/api/executions/${made.id}/stream`).done();
    expect(await control('cancel')).toMatchObject({ id: made.id, status: 'cancelled', input: 'theirs' });
  });
});
