import { exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';
import { createHmac, generateKeyPairSync, sign as cryptoSign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
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
/** Signed by hand: jose would refuse to make some of these. */
const hmac = (header: unknown, payload: unknown, key: string | Uint8Array = secret) => {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
};
const HS256 = { alg: 'HS256' };
const KEY_SET = { JWKS_TIMEOUT_MS: 200, JWKS_COOLDOWN_MS: 60_000, JWKS_MAX_AGE_MS: 600_000 };

describe('with a shared secret', () => {
  const settings = {
    ...KEY_SET,
    JWT_SECRET: SECRET,
    JWKS_URL: undefined,
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  };
  const verifier = new JwtVerifier(settings);
  const token = (change: Claims = {}) => hmac(HS256, { ...claims(), ...change });

  it('takes a good token', async () => {
    const exp = now() + 60;
    expect(await verifier.authenticate(token({ exp }))).toEqual({
      id: 'jwt:https%3A%2F%2Fid.example:ann',
      projects: ['demo'],
      scopes: ['executions:read'],
      expiresAt: exp * 1000,
    });
  });

  it.each<[string, Claims]>([
    ['an audience of several', { aud: ['other', AUDIENCE] }],
    ['a clock 3 s behind', { exp: now() - 1 }],
    ['an nbf 3 s ahead', { nbf: now() + 3 }],
  ])('takes %s', async (_name, change) => expect(await verifier.authenticate(token(change))).toBeDefined());

  it.each<[string, () => string]>([
    ['nothing', () => ''],
    ['dots', () => '..'],
    ['parts that are no base64url', () => 'e!.e!.e!'],
    ['parts that are no JSON', () => hmac('{', '{')],
    ['a header that is no object', () => hmac('"x"', claims())],
    ['a payload that is no object', () => hmac(HS256, '[1]')],
    ['a signature cut off', () => token().slice(0, -4)],
    ['a payload changed', () => token().replace(/\.[^.]+\./, `.${part({ ...claims(), projects: ['*'] })}.`)],
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
    ['an expiry past', () => token({ exp: now() - 10 })],
    ['an expiry in text', () => token({ exp: '9999999999' })],
    ['an endless expiry', () => hmac(HS256, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999'))],
    ['a beginning ahead', () => token({ nbf: now() + 60 })],
    ['no sub', () => token({ sub: undefined })],
    ['a number as sub', () => token({ sub: 1 })],
    ['a sub of 256', () => token({ sub: 'x'.repeat(256) })],
    ['U+0000 in sub', () => token({ sub: 'a\0' })],
    ['projects that are no list', () => token({ projects: 'demo' })],
    ['projects that are numbers', () => token({ projects: [1] })],
    ['a list as scope', () => token({ scope: ['executions:read'] })],
    [
      'more than 16 KB',
      () => token({ projects: Array.from({ length: 900 }, (_u, n) => `project-number-${n}`) }),
    ],
  ])('refuses %s', async (_name, make) => expect(await verifier.authenticate(make())).toBeUndefined());

  it('gives no project and no scope that the token does not name', async () => {
    const principal = await verifier.authenticate(token({ projects: undefined, scope: undefined }));
    expect(principal).toMatchObject({ projects: [], scopes: [] });
  });

  it('keeps callers of different issuers apart', async () => {
    const any = new JwtVerifier({ ...settings, JWT_ISSUER: undefined });
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

  it('refuses every token when neither setting is there', async () => {
    expect(
      await new JwtVerifier({ ...settings, JWT_SECRET: undefined }).authenticate(token()),
    ).toBeUndefined();
  });
});

describe('with a key set', () => {
  let provider: Server;
  let url: string;
  let answer: { status: number; body: string; ends?: 'before' | 'in the middle' };
  let asked: number;
  let pair: Awaited<ReturnType<typeof generateKeyPair>>;
  let jwk: Record<string, unknown>;
  beforeAll(async () => {
    pair = await generateKeyPair('RS256', { extractable: true });
    jwk = { ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' };
    provider = createServer((_request, response) => {
      asked += 1;
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
    asked = 0;
    answer = { status: 200, body: JSON.stringify({ keys: [jwk] }) };
  });
  afterAll(() => {
    provider.closeAllConnections();
    provider.close();
  });
  const verifier = (from = url, more: Partial<typeof KEY_SET> = {}) =>
    new JwtVerifier({
      ...KEY_SET,
      ...more,
      JWT_SECRET: undefined,
      JWKS_URL: from,
      JWT_ISSUER: undefined,
      JWT_AUDIENCE: undefined,
    });
  const sign = (header: JWTHeaderParameters, key = pair.privateKey) =>
    new SignJWT(claims()).setProtectedHeader(header).sign(key);
  const good = () => sign({ alg: 'RS256', kid: 'one' });

  it('takes what one of its keys signed, and asks for the set once', async () => {
    const one = verifier();
    for (let count = 0; count < 3; count += 1)
      expect(await one.authenticate(await good())).toMatchObject({ projects: ['demo'] });
    expect(asked).toBe(1);
  });

  it.each(['ES256', 'EdDSA', 'PS256'])('takes %s', async (alg) => {
    const other = await generateKeyPair(alg, { extractable: true });
    answer.body = JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two', alg }] });
    expect(await verifier().authenticate(await sign({ alg, kid: 'two' }, other.privateKey))).toBeDefined();
  });

  it('refuses the public key used as a shared secret, and does not even ask for the set', async () => {
    for (const key of [JSON.stringify(jwk), String(jwk['n']), Buffer.from(String(jwk['n']), 'base64url')])
      expect(
        await verifier().authenticate(hmac({ alg: 'HS256', kid: 'one' }, claims(), key)),
      ).toBeUndefined();
    expect(
      await verifier().authenticate(`${part({ alg: 'none', kid: 'one' })}.${part(claims())}.`),
    ).toBeUndefined();
    expect(asked).toBe(0);
  });

  it('refuses keys that the set does not have, and those that the token brings along', async () => {
    const stranger = await generateKeyPair('RS256', { extractable: true });
    const brought = await exportJWK(stranger.publicKey);
    for (const header of [
      { alg: 'RS256', kid: 'one' },
      { alg: 'RS256', kid: 'unknown' },
      { alg: 'RS256', kid: 'one', jwk: brought },
      { alg: 'RS256', kid: 'one', jku: url },
    ])
      expect(await verifier().authenticate(await sign(header, stranger.privateKey))).toBeUndefined();
  });

  it('asks again for a key that it does not know, but not for each token', async () => {
    const other = await generateKeyPair('RS256', { extractable: true });
    const token = await sign({ alg: 'RS256', kid: 'two' }, other.privateKey);
    const patient = verifier();
    const eager = verifier(url, { JWKS_COOLDOWN_MS: 0 });
    for (const one of [patient, eager]) expect(await one.authenticate(await good())).toBeDefined();
    answer.body = JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two' }] });
    asked = 0;
    for (let count = 0; count < 3; count += 1) expect(await patient.authenticate(token)).toBeUndefined();
    expect(asked).toBe(0);
    for (let count = 0; count < 3; count += 1) expect(await eager.authenticate(token)).toBeDefined();
    expect(asked).toBe(1);
  });

  it('asks a provider that fails once in a cooldown, and takes the keys that it knows meanwhile', async () => {
    const cooldown = 300;
    const one = verifier(url, { JWKS_COOLDOWN_MS: cooldown });
    expect(await one.authenticate(await good())).toBeDefined();
    const other = await generateKeyPair('RS256', { extractable: true });
    const unknown = await sign({ alg: 'RS256', kid: 'two' }, other.privateKey);
    await sleep(cooldown);
    asked = 0;
    answer.status = 500;
    const unavailable = { status: 503, code: 'identity_provider_unavailable' };
    // Some at once, and some one by one.
    const crowd = await Promise.allSettled(Array.from({ length: 10 }, () => one.authenticate(unknown)));
    for (const outcome of crowd) expect(outcome).toMatchObject({ reason: unavailable });
    for (let count = 0; count < 10; count += 1)
      await expect(one.authenticate(unknown)).rejects.toMatchObject(unavailable);
    expect(await one.authenticate(await good())).toBeDefined();
    expect(asked).toBe(1);
    answer = {
      status: 200,
      body: JSON.stringify({ keys: [{ ...(await exportJWK(other.publicKey)), kid: 'two' }] }),
    };
    await sleep(cooldown);
    expect(await one.authenticate(unknown)).toBeDefined();
    expect(asked).toBe(2);
  });

  it('asks again after a cooldown when the set could not be read at first', async () => {
    const one = verifier(url, { JWKS_COOLDOWN_MS: 300 });
    answer.status = 500;
    for (let count = 0; count < 3; count += 1)
      await expect(one.authenticate(await good())).rejects.toMatchObject({ status: 503 });
    expect(asked).toBe(1);
    answer.status = 200;
    await sleep(300);
    const crowd = await Promise.all([good(), good(), good()]);
    expect(await Promise.all(crowd.map((token) => one.authenticate(token)))).not.toContain(undefined);
    expect(asked).toBe(2);
  });

  it('takes a key that has left the set for no longer than JWKS_MAX_AGE_MS', async () => {
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
    ['a key that is no number', async () => [{ kty: 'RSA', n: '!', e: '!' }, await good()]],
    [
      'a point that is not on its curve',
      async () => {
        const { privateKey } = await generateKeyPair('ES256');
        const token = await sign({ alg: 'ES256', kid: 'one' }, privateKey);
        return [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA' }, token];
      },
    ],
    ['a shared secret', async () => [{ kty: 'oct', k: 'c2VjcmV0' }, await good()]],
  ])('refuses tokens of %s that is in the set, and takes those of the other keys', async (_what, make) => {
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
    expect(asked).toBe(1);
  });

  it.each<[string, () => JwtVerifier]>([
    ['nobody listens', () => verifier('http://127.0.0.1:1/jwks')],
    ['the answer is 500', () => ((answer.status = 500), verifier())],
    ['the answer is no JSON', () => ((answer.body = '<html>'), verifier())],
    ['the answer is no key set', () => ((answer.body = '{"keys":1}'), verifier())],
    ['the answer never comes', () => ((answer.ends = 'before'), verifier())],
    ['the answer never ends', () => ((answer.ends = 'in the middle'), verifier())],
  ])('says 503 when %s', async (_name, make) => {
    await expect(make().authenticate(await good())).rejects.toMatchObject({
      status: 503,
      code: 'identity_provider_unavailable',
    });
  });
});
