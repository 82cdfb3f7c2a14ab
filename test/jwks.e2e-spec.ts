import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type FakeHttpServer, startFakeHttpServer } from './support/fake-http-server.js';
import { createDatabase, Server } from './support/server.js';

const makeKey = async (kid: string) => {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' };
  const claims = () =>
    new SignJWT({ projects: ['demo'], scope: 'executions:read' }).setSubject('ann').setExpirationTime('5m');
  return {
    jwk,
    token: await claims().setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey),
    /** Signed with the public key as a shared secret. */
    confused: await claims()
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(new TextEncoder().encode(JSON.stringify(jwk))),
  };
};
type Key = Awaited<ReturnType<typeof makeKey>>;

describe('keys from a JWKS URL', () => {
  let provider: FakeHttpServer;
  /** The keys of the provider; undefined while it does not answer. */
  let published: Key[] | undefined;
  let server: Server;
  let [one, two, three]: Key[] = [];
  beforeAll(async () => {
    [one, two, three] = await Promise.all(['one', 'two', 'three'].map(makeKey));
    provider = await startFakeHttpServer((_request, response) => {
      if (published) response.end(JSON.stringify({ keys: published.map(({ jwk }) => jwk) }));
    });
    server = await Server.start({
      DATABASE_URL: await createDatabase(),
      JWKS_URL: `${provider.url}/jwks`,
      JWKS_TIMEOUT_MS: '500',
      JWKS_COOLDOWN_MS: '0',
    });
  });
  afterAll(async () => {
    await server?.kill('SIGTERM');
    await provider?.close();
  });

  const list = (token: string) =>
    server.call('GET', '/api/executions', undefined, { authorization: `Bearer ${token}` });
  const statuses = async (...tokens: string[]) =>
    (await Promise.all(tokens.map(list))).map(({ status }) => status);

  it('without JWT_AUDIENCE cause one warning', () => {
    expect(server.output().match(/WARN.*JWT_AUDIENCE/g)).toHaveLength(1);
  });

  it('are fetched once for concurrent requests', async () => {
    published = [one!];
    expect(await statuses(one!.token, one!.token, one!.token)).toEqual([200, 200, 200]);
    expect(provider.requests).toHaveLength(1);
  });

  it('are not accepted as shared secrets', async () => {
    published = [one!];
    expect(await statuses(one!.token, one!.confused)).toEqual([200, 401]);
    expect(provider.requests).toHaveLength(1);
  });

  it('can be replaced while the server runs', async () => {
    published = [one!, two!];
    expect(await statuses(two!.token)).toEqual([200]);
    expect(await statuses(one!.token, two!.token)).toEqual([200, 200]);
    published = [three!];
    expect(await statuses(three!.token)).toEqual([200]);
    expect(await statuses(one!.token, two!.token, three!.token)).toEqual([401, 401, 200]);
  });

  it('cause 503 for requests that need them while the provider is down, and delay no other request', async () => {
    published = undefined;
    const unknown = list(one!.token);
    expect(await statuses(three!.token)).toEqual([200]);
    expect((await server.call('GET', '/api/executions')).status).toBe(200);
    const { status, headers, body } = await unknown;
    expect([status, body.code]).toEqual([503, 'identity_provider_unavailable']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    published = [one!];
    expect(await statuses(one!.token)).toEqual([200]);
  });
});
