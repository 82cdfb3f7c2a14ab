import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { createHmac, generateKeyPairSync, sign as cryptoSign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JwtVerifier } from './jwt-verifier.js';

const SECRET = 'a-shared-secret-of-more-than-32-characters';
const secret = new TextEncoder().encode(SECRET);
const ISSUER = 'https://id.example';
const AUDIENCE = 'executions';
const now = () => Math.floor(Date.now() / 1000);
const claims = () => ({
  sub: 'ann',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: now() + 60,
  projects: ['demo'],
  scope: 'executions:read',
});
type Claims = Partial<Record<keyof ReturnType<typeof claims> | 'nbf', unknown>>;
const part = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** Signs by hand, because jose refuses to make some of these tokens. */
const hmac = (header: unknown, payload: unknown, key: string | Uint8Array = secret) => {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
};
const HS256 = { alg: 'HS256' };
const scopes = { has: (name: string) => name === 'executions:read' };
const KEY_SET = { JWKS_TIMEOUT_MS: 1_000, JWKS_COOLDOWN_MS: 60_000, JWKS_MAX_AGE_MS: 600_000 };

describe('with a shared secret', () => {
  const settings = {
    ...KEY_SET,
    JWT_SECRET: SECRET,
    JWKS_URL: undefined,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  };
  const verifier = new JwtVerifier(settings, scopes);
  const token = (change: Claims = {}) => hmac(HS256, { ...claims(), ...change });

  it('accepts a valid token', async () => {
    const exp = now() + 60;
    expect(await verifier.authenticate(token({ exp }))).toEqual({
      id: 'jwt:https%3A%2F%2Fid.example:ann',
      projects: ['demo'],
      scopes: ['executions:read'],
      expiresAt: exp * 1000,
    });
  });

  it.each<[string, Claims]>([
    ['a list of audiences', { aud: ['other', AUDIENCE] }],
    ['an exp 1 s ago', { exp: now() - 1 }],
    ['an nbf in 3 s', { nbf: now() + 3 }],
  ])('accepts %s', async (_name, change) => expect(await verifier.authenticate(token(change))).toBeDefined());

  it.each<[string, () => string]>([
    ['an empty token', () => ''],
    ['only dots', () => '..'],
    ['parts that are not base64url', () => 'e!.e!.e!'],
    ['parts that are not JSON', () => hmac('{', '{')],
    ['a header that is not an object', () => hmac('"x"', claims())],
    ['a payload that is not an object', () => hmac(HS256, '[1]')],
    ['a truncated signature', () => token().slice(0, -4)],
    ['a changed payload', () => token().replace(/\.[^.]+\./, `.${part({ ...claims(), projects: ['*'] })}.`)],
    ['alg none', () => `${part({ alg: 'none' })}.${part(claims())}.`],
    ['alg None, signed', () => hmac({ alg: 'None' }, claims())],
    ['no alg', () => hmac({}, claims())],
    ['another algorithm', () => hmac({ alg: 'HS512' }, claims())],
    ['an asymmetric algorithm', () => hmac({ alg: 'RS256' }, claims())],
    ['another secret', () => hmac(HS256, claims(), 'x'.repeat(40))],
    ['a critical extension', () => hmac({ ...HS256, crit: ['x'], x: 1 }, claims())],
    ['a payload that is not encoded', () => hmac({ ...HS256, crit: ['b64'], b64: false }, claims())],
    ['another issuer', () => token({ iss: 'https://evil.example' })],
    ['no issuer', () => token({ iss: undefined })],
    ['another audience', () => token({ aud: 'other' })],
    ['no audience', () => token({ aud: undefined })],
    ['no expiry', () => token({ exp: undefined })],
    ['an expiry in the past', () => token({ exp: now() - 10 })],
    ['an expiry as text', () => token({ exp: '9999999999' })],
    ['an infinite expiry', () => hmac(HS256, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999'))],
    ['an nbf in the future', () => token({ nbf: now() + 60 })],
    ['no sub', () => token({ sub: undefined })],
    ['a number as sub', () => token({ sub: 1 })],
    ['a sub of 256 characters', () => token({ sub: 'x'.repeat(256) })],
    ['U+0000 in sub', () => token({ sub: 'a\0' })],
    ['projects that are not a list', () => token({ projects: 'demo' })],
    ['projects that are numbers', () => token({ projects: [1] })],
    ['a list as scope', () => token({ scope: ['executions:read'] })],
    [
      'more than 16 KB',
      () => token({ projects: Array.from({ length: 900 }, (_u, n) => `project-number-${n}`) }),
    ],
  ])('refuses %s', async (_name, make) => expect(await verifier.authenticate(make())).toBeUndefined());

  it('grants only the projects and scopes that the token names', async () => {
    const principal = await verifier.authenticate(token({ projects: undefined, scope: undefined }));
    expect(principal).toMatchObject({ projects: [], scopes: [] });
  });

  it('gives callers of different issuers different ids', async () => {
    const any = new JwtVerifier({ ...settings, JWT_ISSUER: undefined }, scopes);
    const id = async (iss: string | undefined, sub: string) =>
      (await any.authenticate(token({ iss, sub })))?.id;
    const ids = await Promise.all([
      id('a', 'b:c'),
      id('a:b', 'c'),
      id('a%3Ab', 'c'),
      id('', 'a:b:c'),
      id('b', 'a:c'),
    ]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).not.toContain(undefined);
    expect(await id(undefined, 'a:b:c')).toBe(ids[3]);
  });

  it('refuses every token when neither JWT_SECRET nor JWKS_URL is set', async () => {
    expect(
      await new JwtVerifier({ ...settings, JWT_SECRET: undefined }, scopes).authenticate(token()),
    ).toBeUndefined();
  });
});

describe('with a key set', () => {
  let provider: Server;
  let url: string;
  let answer: { status: number; body: string; ends?: 'before' | 'in the middle' };
  let requests: number;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let jwk: Record<string, unknown>;
  beforeAll(async () => {
    pair = await generateKeyPair('RS256', { extractable: true });
    jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
    provider = createServer((_request, response) => {
      requests += 1;
      if (answer.ends === 'before') return;
      response.writeHead(answer.status, { 'content-type': 'application/json' });
      if (answer.ends) response.write(answer.body.slice(0, 9));
      else response.end(answer.body);
    });
    provider.listen(0, '127.0.0.1');
    await once(provider, 'listening');
    url = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/jwks`;
  });
  beforeEach(() => {
    requests = 0;
    answer = { status: 200, body: JSON.stringify({ keys: [jwk] }) };
  });
  afterAll(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const clock = performance.now.bind(performance);
  let passedMs = 0;
  /** Sets the clock of this process forward. */
  const passMs = (ms: number) => {
    passedMs += ms;
    performance.now = () => clock() + passedMs;
  };
  afterEach(() => {
    performance.now = clock;
    passedMs = 0;
  });
  const verifier = (from = url, more: Partial<typeof KEY_SET> = {}) =>
    new JwtVerifier(
      {
        ...KEY_SET,
        ...more,
        JWT_SECRET: undefined,
        JWKS_URL: from,
        JWT_ISSUER: undefined,
        JWT_AUDIENCE: undefined,
      },
      scopes,
    );
  const sign = (header: JWTHeaderParameters, key = pair.privateKey) =>
    new SignJWT(claims()).setProtectedHeader(header).sign(key);
  const good = () => sign({ alg: 'RS256', kid: 'one' });

  it('accepts tokens that a key of the set signed, and requests the set once', async () => {
    const one = verifier();
    for (let count = 0; count < 3; count += 1)
      expect(await one.authenticate(await good())).toMatchObject({ projects: ['demo'] });
    expect(requests).toBe(1);
  });

  it.each(['ES256', 'EdDSA', 'PS256'])('accepts %s', async (alg) => {
    const other = await generateKeyPair(alg, { extractable: true });
    answer.body = JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two', alg }] });
    expect(await verifier().authenticate(await sign({ alg, kid: 'two' }, other.privateKey))).toBeDefined();
  });

  it('refuses the public key used as a shared secret, without a request for the set', async () => {
    for (const key of [JSON.stringify(jwk), String(jwk['n']), Buffer.from(String(jwk['n']), 'base64url')])
      expect(
        await verifier().authenticate(hmac({ alg: 'HS256', kid: 'one' }, claims(), key)),
      ).toBeUndefined();
    expect(
      await verifier().authenticate(`${part({ alg: 'none', kid: 'one' })}.${part(claims())}.`),
    ).toBeUndefined();
    expect(requests).toBe(0);
  });

  it('refuses keys that are not in the set, also when the token contains them', async () => {
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const embedded = await exportJWK(stranger.publicKey);
    for (const header of [
      { alg: 'RS256', kid: 'one' },
      { alg: 'RS256', kid: 'unknown' },
      { alg: 'RS256', kid: 'one', jwk: embedded },
      { alg: 'RS256', kid: 'one', jku: url },
    ])
      expect(await verifier().authenticate(await sign(header, stranger.privateKey))).toBeUndefined();
  });

  it('requests the set again for an unknown key, but not for each token', async () => {
    const other = await generateKeyPair('RS256', { extractable: true });
    const token = await sign({ alg: 'RS256', kid: 'two' }, other.privateKey);
    const patient = verifier();
    const eager = verifier(url, { JWKS_COOLDOWN_MS: 0 });
    for (const one of [patient, eager]) expect(await one.authenticate(await good())).toBeDefined();
    answer.body = JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two' }] });
    requests = 0;
    for (let count = 0; count < 3; count += 1) expect(await patient.authenticate(token)).toBeUndefined();
    expect(requests).toBe(0);
    for (let count = 0; count < 3; count += 1) expect(await eager.authenticate(token)).toBeDefined();
    expect(requests).toBe(1);
  });

  it('requests a failing set once per cooldown, and accepts known keys in the meantime', async () => {
    const one = verifier();
    expect(await one.authenticate(await good())).toBeDefined();
    const other = await generateKeyPair('RS256', { extractable: true });
    const unknown = await sign({ alg: 'RS256', kid: 'two' }, other.privateKey);
    passMs(KEY_SET.JWKS_COOLDOWN_MS);
    requests = 0;
    answer.status = 500;
    const unavailable = { status: 503, code: 'identity_provider_unavailable' };
    const concurrent = await Promise.allSettled(Array.from({ length: 10 }, () => one.authenticate(unknown)));
    for (const outcome of concurrent) expect(outcome).toMatchObject({ reason: unavailable });
    for (let count = 0; count < 10; count += 1)
      await expect(one.authenticate(unknown)).rejects.toMatchObject(unavailable);
    expect(await one.authenticate(await good())).toBeDefined();
    expect(requests).toBe(1);
    answer = {
      status: 200,
      body: JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two' }] }),
    };
    passMs(KEY_SET.JWKS_COOLDOWN_MS);
    expect(await one.authenticate(unknown)).toBeDefined();
    expect(requests).toBe(2);
  });

  it('requests the set again after a cooldown when the first request failed', async () => {
    const one = verifier();
    answer.status = 500;
    for (let count = 0; count < 3; count += 1)
      await expect(one.authenticate(await good())).rejects.toMatchObject({ status: 503 });
    expect(requests).toBe(1);
    answer.status = 200;
    passMs(KEY_SET.JWKS_COOLDOWN_MS);
    const tokens = await Promise.all([good(), good(), good()]);
    expect(await Promise.all(tokens.map((token) => one.authenticate(token)))).not.toContain(undefined);
    expect(requests).toBe(2);
  });

  it('accepts a key that was removed from the set for at most JWKS_MAX_AGE_MS', async () => {
    const [current, stale] = [verifier(url, { JWKS_MAX_AGE_MS: 0 }), verifier()];
    for (const one of [current, stale]) expect(await one.authenticate(await good())).toBeDefined();
    answer.body = JSON.stringify({ keys: [] });
    expect(await current.authenticate(await good())).toBeUndefined();
    expect(await stale.authenticate(await good())).toBeDefined();
  });

  it.each(['', '..', 'e!.e!.e!', 'e30.e30.e30', `${part({ alg: 'RS256', kid: 1 })}.e30.AAAA`])(
    'refuses %p',
    async (token) => expect(await verifier().authenticate(token)).toBeUndefined(),
  );

  it.each<[string, () => Promise<[jwk: object, token: string]> | [jwk: object, token: string]]>([
    [
      'an RSA key of 1024 bits',
      () => {
        const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
        const input = `${part({ alg: 'RS256', kid: 'one' })}.${part(claims())}`;
        const signature = cryptoSign('sha256', Buffer.from(input), privateKey).toString('base64url');
        return [publicKey.export({ format: 'jwk' }), `${input}.${signature}`];
      },
    ],
    ['a private key', async () => [await exportJWK(pair.privateKey), await good()]],
    ['a key without a modulus', async () => [{ kty: 'RSA', e: 'AQAB' }, await good()]],
    ['a modulus that is not a number', async () => [{ kty: 'RSA', n: '!', e: '!' }, await good()]],
    [
      'a point that is not on its curve',
      async () => {
        const { privateKey } = await generateKeyPair('ES256');
        const token = await sign({ alg: 'ES256', kid: 'one' }, privateKey);
        return [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }, token];
      },
    ],
    ['a shared secret', async () => [{ kty: 'oct', k: 'c2VjcmV0' }, await good()]],
  ])('refuses tokens of %s in the set, and accepts tokens of its other keys', async (_what, make) => {
    const [bad, token] = await make();
    const other = await generateKeyPair('RS256', { extractable: true });
    answer.body = JSON.stringify({
      keys: [
        { ...bad, kid: 'one' },
        { ...(await exportJWK(other.publicKey)), kid: 'two' },
      ],
    });
    const one = verifier();
    expect(await one.authenticate(token)).toBeUndefined();
    expect(await one.authenticate(await sign({ alg: 'RS256', kid: 'two' }, other.privateKey))).toBeDefined();
    expect(requests).toBe(1);
  });

  it.each<[string, () => JwtVerifier]>([
    ['no server listens', () => verifier('http://127.0.0.1:1/jwks')],
    ['the response is 500', () => ((answer.status = 500), verifier())],
    ['the response is not JSON', () => ((answer.body = '<html>'), verifier())],
    ['the response is not a key set', () => ((answer.body = '{"keys":1}'), verifier())],
    ['the response never begins', () => ((answer.ends = 'before'), verifier())],
    ['the response never ends', () => ((answer.ends = 'in the middle'), verifier())],
  ])('throws 503 when %s', async (_name, make) => {
    await expect(make().authenticate(await good())).rejects.toMatchObject({
      status: 503,
      code: 'identity_provider_unavailable',
    });
  });
});
